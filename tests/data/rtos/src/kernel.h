/* What the application asks of a kernel, and what the machine gives to both. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

void app_start(void);

/* Starts a task of the given priority in the kernel's numbers. */
void kernel_task(const char *name, void (*entry)(void *), unsigned priority);
/* Waits some ticks. */
void kernel_sleep(unsigned ticks);
/* Waits for a message that never comes. */
void kernel_wait_for_ever(void);
/* Stops the calling task. */
void kernel_suspend(void);
/* Starts everything. */
void kernel_main(void);

/* The crashed context: on Cortex-M r4-r11, sp after stacking, EXC_RETURN, PSP; on RISC-V x0 to x31, mepc. */
extern uintptr_t crash[33];
extern volatile uint32_t crashed;
extern volatile unsigned doors_opened;

#endif
