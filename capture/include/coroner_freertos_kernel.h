/* Tasks of FreeRTOS for coroner-capture, found in the kernel's own lists when the crash has happened.
 * Nothing runs before; the other way, coroner_freertos.h, keeps a table while the program runs.
 *
 * The lists are private to the kernel's tasks.c, which takes in a header of yours at its end:
 *
 *     FreeRTOSConfig.h:              #define configINCLUDE_FREERTOS_TASK_C_ADDITIONS_H 1
 *                                    #define configRECORD_STACK_HIGH_ADDRESS 1
 *     freertos_tasks_c_additions.h:  #include "coroner_freertos_additions.h"
 *
 * and in the crash: coroner_write_freertos(..., &coroner_freertos_kernel, ...)
 */
#ifndef CORONER_FREERTOS_KERNEL_H
#define CORONER_FREERTOS_KERNEL_H

#include "coroner_capture.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the lists lie, and how they and the control blocks are laid out. */
typedef struct {
    const void *current;    /* &pxCurrentTCB */
    const void *ready;
    const void *delayed[2];
    const void *suspended;  /* or NULL */
    const void *deleted;    /* or NULL */
    uint16_t priorities;
    uint16_t list_len, list_end;
    uint16_t item_next, item_owner, item_container;
    uint16_t tcb_len, tcb_event, tcb_priority, tcb_stack, tcb_stack_end, tcb_name, name_len;
} coroner_freertos_lists;

extern const coroner_freertos_lists coroner_freertos_kernel;

/* Writes the dump with the tasks of `kernel`, at most `tasks` of them. As coroner_write otherwise:
 * `room` is aligned to 8, about 48 bytes a task and 12 a segment. */
uint8_t coroner_write_freertos(const coroner_config *config, const coroner_crash *crash,
                               const coroner_freertos_lists *kernel, coroner_saved saved, size_t tasks,
                               void *room, size_t room_len, const coroner_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
