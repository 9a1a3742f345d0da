/* What SiFli's fault handler leaves in variables. Facts: OpenSiFli/SiFli-SDK 9b5e454,
 * rtos/rtthread/libcpu/arm/cortex-m33/cpuport.c, and f806458, middleware/coredump/coredump.c. */
#include "rt_thread.h"

u32 saved_stack_frame[] = { SAVED_FRAME };
u32 saved_stack_pointer = (u32)&main_stack[CRASH_AT + SAVED_SP_WORDS];
#ifdef SHORT_ENUMS
u8 error_reason = REASON;
#else
u32 error_reason = REASON;
#endif
u32 saved_scb_reg[] = { STATUS };
struct {
    u8 interrupt_nest;
    u32 msp, psp, gtimer;
} coredump_info = { 2, 0x20005ff0, (u32)&main_stack[CRASH_AT - 12], 123456 };
u32 some_data = 0x5f1f11aa;
