/* Cortex-M: vectors, start, and a fault handler that keeps the crashed context and stays there. */
#include "kernel.h"

extern uint32_t _sdata, _edata, _sidata, _sbss, _ebss, _estack;
uintptr_t crash[33];
volatile uint32_t crashed;

void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);

void Reset_Handler(void)
{
    for (uint32_t *to = &_sdata, *from = &_sidata; to < &_edata;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_sbss; to < &_ebss;) {
        *to++ = 0;
    }
#ifdef WITH_FLOAT
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20;
    __asm volatile("dsb\nisb");
#endif
    kernel_main();
}

__attribute__((naked)) static void fault(void)
{
    __asm volatile(".syntax unified\n"
                   "ldr r0, =crash\n"
                   "stmia r0!, {r4-r7}\n"
                   "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
                   "stmia r0!, {r4-r7}\n"
                   "mov r1, lr\n movs r2, #4\n tst r1, r2\n"
                   "mrs r2, psp\n bne 1f\n mrs r2, msp\n"
                   "1: stmia r0!, {r2}\n"
                   "stmia r0!, {r1}\n"
                   "mrs r1, psp\n stmia r0!, {r1}\n"
                   "ldr r0, =crashed\n movs r1, #1\n str r1, [r0]\n"
                   "2: b 2b\n .ltorg\n");
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)&_estack, Reset_Handler, fault, fault, fault, fault, fault, fault,
    0, 0, 0, SVC_Handler, 0, 0, PendSV_Handler, SysTick_Handler,
};
