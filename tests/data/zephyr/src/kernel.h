/* A kernel in miniature, with the names and the order of members that debuggers of Zephyr look
 * for: enough to switch between threads for real and to crash. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define NAME_LEN 24

struct _thread_base {
	void *queue[2];
	void *pended_on;
	uint8_t user_options;
	uint8_t thread_state;
	union {
		struct {
			int8_t prio;
			uint8_t sched_locked;
		};
		uint16_t preempt;
	};
};

#include "arch.h"

struct k_thread {
	struct _thread_base base;
	struct _callee_saved callee_saved;
	void *init_data;
	struct {
		void (*pEntry)(void);
		void *parameter1;
	} entry;
	struct k_thread *next_thread;
	char name[NAME_LEN];
	/* An empty list, as every kernel's memory is full of: it points to itself. */
	void *join_queue[2];
	struct {
		uintptr_t start;
		size_t size;
		size_t delta;
	} stack_info;
	struct _thread_arch arch;
};

struct _cpu {
	uint32_t nested;
	char *irq_stack;
	struct k_thread *current;
	struct k_thread *idle_thread;
};

struct z_kernel {
	struct _cpu cpus[1];
	struct {
		struct k_thread *cache;
	} ready_q;
	struct k_thread *threads;
};

extern struct z_kernel _kernel;

enum { PENDING = 0x02, QUEUED = 0x80 };

/* Of each architecture. */
void arch_start_thread(struct k_thread *thread, void (*entry)(void), char *stack_end);
void arch_switch(struct k_thread *to, struct k_thread *from);
_Noreturn void arch_main(void);
void crash_here(void *at);

/* Where the machine is when it is looked at. */
void dump_point(void);
