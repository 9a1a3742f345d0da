/* Tasks of FreeRTOS for coroner-capture, by the kernel's own trace hooks: no list of the kernel is
 * walked in a crash. At the end of FreeRTOSConfig.h:
 *
 *     #define configRECORD_STACK_HIGH_ADDRESS 1
 *     #include "coroner_freertos.h"
 *
 * and in one C file of the program: CORONER_FREERTOS_TABLE(16)
 */
#ifndef CORONER_FREERTOS_H
#define CORONER_FREERTOS_H

#ifndef __ASSEMBLER__
#include "coroner_capture.h"

typedef struct {
    coroner_task *tasks;
    size_t room;
    size_t count;
} coroner_freertos_table;

extern coroner_freertos_table coroner_freertos;

#define CORONER_FREERTOS_TABLE(max)                      \
    static coroner_task coroner_freertos_tasks[max];     \
    coroner_freertos_table coroner_freertos = { coroner_freertos_tasks, max, 0 }; \
    extern void *volatile pxCurrentTCB;

static inline void coroner_freertos_created(const void *tcb, size_t size, const void *stack,
                                            const void *stack_end, const char *name, uint8_t priority)
{
    coroner_freertos_table *table = &coroner_freertos;
    size_t index = 0;
    while (index < table->count && table->tasks[index].tcb.start != NULL) {
        index++;
    }
    if (index >= table->room) {
        return;
    }
    table->tasks[index] = (coroner_task){
        .id = (uint32_t)index + 1, .state = CORONER_UNKNOWN, .priority = priority,
        .tcb = { tcb, (const char *)tcb + size }, .stack = { stack, stack_end }, .name = name,
    };
    if (index == table->count) {
        table->count++;
    }
}

static inline void coroner_freertos_deleted(const void *tcb)
{
    for (size_t index = 0; index < coroner_freertos.count; index++) {
        if (coroner_freertos.tasks[index].tcb.start == tcb) {
            coroner_freertos.tasks[index].tcb.start = NULL;
        }
    }
}

/* In the crash handler: takes the stack pointers out of the control blocks; answers the number of
 * tasks in `list`. `saved` is how the port saves registers; `current` is pxCurrentTCB. */
static inline size_t coroner_freertos_tasks_now(coroner_task *list, size_t room, coroner_saved saved,
                                                const void *current)
{
    size_t count = 0;
    for (size_t index = 0; index < coroner_freertos.count && count < room; index++) {
        coroner_task task = coroner_freertos.tasks[index];
        if (task.tcb.start == NULL) {
            continue;
        }
        task.sp = *(const uintptr_t *)task.tcb.start; /* pxTopOfStack is the first member */
        task.saved = (uint8_t)saved;
        if (task.tcb.start == current) {
            task.state = CORONER_RUNNING;
        }
        list[count++] = task;
    }
    return count;
}

/* Expanded inside of tasks.c, where the control block is no secret. */
#define traceTASK_CREATE(tcb_)                                                                    \
    coroner_freertos_created((tcb_), sizeof(*(tcb_)), (tcb_)->pxStack, (tcb_)->pxEndOfStack + 1,   \
                             (tcb_)->pcTaskName, (uint8_t)(tcb_)->uxPriority)
#define traceTASK_DELETE(tcb_) coroner_freertos_deleted((tcb_))

#endif
#endif
