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

/* A task, under a checksum: what crashes may write over the table. */
typedef struct {
    coroner_task task;
    uint32_t check;
} coroner_freertos_entry;

/* Where the table lies: a constant, out of reach of what writes over memory. */
typedef struct {
    coroner_freertos_entry *entries;
    size_t room;
} coroner_freertos_table;

extern const coroner_freertos_table coroner_freertos;

#define CORONER_FREERTOS_TABLE(max)                                                        \
    static coroner_freertos_entry coroner_freertos_entries[max];                            \
    const coroner_freertos_table coroner_freertos = { coroner_freertos_entries, max };     \
    extern void *volatile pxCurrentTCB;

static inline uint32_t coroner_freertos_check(const coroner_task *task)
{
    const uint32_t words[] = {
        task->id, task->state, task->priority, (uint32_t)task->tcb.start, (uint32_t)task->tcb.end,
        (uint32_t)task->stack.start, (uint32_t)task->stack.end, (uint32_t)task->name,
    };
    uint32_t sum = 0x9e3779b9;
    for (size_t index = 0; index < sizeof(words) / sizeof(*words); index++) {
        sum = ((sum << 5 | sum >> 27) + words[index]) * 0x01010011;
    }
    return sum;
}

/* An entry of zeros has never been used. */
static inline bool coroner_freertos_is_unused(const coroner_freertos_entry *entry)
{
    return entry->task.id == 0 && entry->check == 0;
}

static inline void coroner_freertos_created(const void *tcb, size_t size, const void *stack,
                                            const void *stack_end, const char *name, uint8_t priority)
{
    size_t index = 0;
    while (index < coroner_freertos.room && coroner_freertos.entries[index].task.tcb.start != NULL) {
        index++;
    }
    if (index >= coroner_freertos.room) {
        return;
    }
    coroner_task task = {
        .id = (uint32_t)index + 1, .state = CORONER_UNKNOWN, .priority = priority,
        .tcb = { tcb, (const char *)tcb + size }, .stack = { stack, stack_end }, .name = name,
    };
    coroner_freertos.entries[index].check = coroner_freertos_check(&task);
    coroner_freertos.entries[index].task = task;
}

static inline void coroner_freertos_deleted(const void *tcb)
{
    for (size_t index = 0; index < coroner_freertos.room; index++) {
        coroner_freertos_entry *entry = &coroner_freertos.entries[index];
        if (entry->task.tcb.start == tcb) {
            entry->task.tcb.start = NULL;
            entry->check = coroner_freertos_check(&entry->task);
        }
    }
}

/* In the crash handler: lists the tasks; the library then takes the stack pointers out of the control
 * blocks. Answers the number of entries in `list`. `saved` is how the port saves registers; `current` is
 * pxCurrentTCB. An entry that was written over is no task, and the dump says that one was damaged. */
static inline size_t coroner_freertos_tasks_now(coroner_task *list, size_t room, coroner_saved saved,
                                                const void *current)
{
    size_t count = 0;
    for (size_t index = 0; index < coroner_freertos.room && count < room; index++) {
        const coroner_freertos_entry *entry = &coroner_freertos.entries[index];
        if (coroner_freertos_is_unused(entry)) {
            continue;
        }
        coroner_task task = entry->task;
        if (entry->check != coroner_freertos_check(&task)) {
            list[count++] = (coroner_task){ .id = (uint32_t)index + 1, .state = CORONER_DAMAGED };
            continue;
        }
        if (task.tcb.start == NULL) {
            continue;
        }
        task.saved = (uint8_t)(saved | CORONER_SP_IN_TCB);
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
