/* A scheduler of our own, which fills in the structures of another kernel: that kernel's source
 * stays where it is, and what a debugger reads is laid out as there. Tasks switch when they wait;
 * time passes while the idle task runs. */
#ifndef SMALL_H
#define SMALL_H

#include "kernel.h"

enum how { READY, RUNNING, ASLEEP, WAITING, STOPPED };

/* Given by the kernel: makes a control block, with the first frame on its stack. */
static void *make(const char *name, void (*entry)(void *), unsigned priority);
/* Given by the kernel: writes a state into a control block. */
static void set_state(void *task, enum how how);
/* Given by the kernel: stops `from` (nobody the first time) and goes on with `to`. */
static void change(void *from, void *to);

#define MOST 8
#define STACK_WORDS 160
static uintptr_t stacks[MOST][STACK_WORDS] __attribute__((aligned(16)));
static struct {
    void *task;
    enum how how;
    unsigned priority, wake;
} slots[MOST];
static unsigned count, now;
static int current = -1;

static void go_on(void)
{
    int old = current;
    unsigned best = 0;
    for (unsigned i = 1; i < count; i++) {
        if (slots[i].how <= RUNNING && (slots[best].how > RUNNING || slots[i].priority > slots[best].priority)) {
            best = i;
        }
    }
    if ((int)best == old) {
        return;
    }
    if (old >= 0 && slots[old].how == RUNNING) {
        slots[old].how = READY;
        set_state(slots[old].task, READY);
    }
    slots[best].how = RUNNING;
    set_state(slots[best].task, RUNNING);
    current = (int)best;
    change(old < 0 ? 0 : slots[old].task, slots[best].task);
}

static void stop(enum how how)
{
    slots[current].how = how;
    set_state(slots[current].task, how);
    go_on();
}

void kernel_task(const char *name, void (*entry)(void *), unsigned priority)
{
    slots[count].task = make(name, entry, priority);
    slots[count].priority = priority;
    slots[count].how = READY;
    set_state(slots[count].task, READY);
    count++;
}

void kernel_sleep(unsigned ticks)
{
    slots[current].wake = now + ticks;
    stop(ASLEEP);
}

void kernel_wait_for_ever(void)
{
    stop(WAITING);
}

void kernel_suspend(void)
{
    stop(STOPPED);
}

static void idle_task(void *argument)
{
    (void)argument;
    for (;;) {
        now++;
        for (unsigned i = 0; i < count; i++) {
            if (slots[i].how == ASLEEP && slots[i].wake <= now) {
                slots[i].how = READY;
                set_state(slots[i].task, READY);
            }
        }
        go_on();
    }
}

/* The first frame that a Cortex-M is to return from, at the top of a stack. */
static inline uintptr_t *first_frame(uintptr_t *top, void (*entry)(void *))
{
    top -= 8;
    for (int i = 0; i < 8; i++) {
        top[i] = 0;
    }
    top[6] = (uintptr_t)entry & ~(uintptr_t)1;
    top[7] = 1 << 24;
    return top;
}

static inline void copy_name(char *to, const char *from, unsigned room)
{
    for (unsigned i = 0; i + 1 < room && from[i]; i++) {
        to[i] = from[i];
    }
}

#ifdef __arm__
void SysTick_Handler(void)
{
}

void SVC_Handler(void)
{
}

/* What PendSV works with: where the stack pointer of the old task is kept, and of the new one. */
uintptr_t **switch_from, **switch_to;

/* Asks for PendSV, which runs at once. The first time there is no thread mode to come back to. */
static void pend(uintptr_t **from, uintptr_t **to)
{
    switch_from = from;
    switch_to = to;
    *(volatile uint32_t *)0xe000ed04 = 1 << 28;
    __asm volatile("dsb\nisb" : : : "memory");
}
#else
/* Saves registers and goes on with others; in assembly, as each kernel lays them out. */
void switch_context(uintptr_t **from, uintptr_t **to);
void kernel_trap(void)
{
}
#endif

#endif
