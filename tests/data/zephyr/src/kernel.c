/* Three threads: "logging" waits in two calls, "sensor" in one with a float in hand, "main" calls
 * its way to a crash. */
#include "kernel.h"

#define STACK 1024

/* Without an FPU in use a plain number does. */
#if __aarch64__ || __riscv
typedef int sample_t;
#define SAMPLE_HALF 5
#else
typedef float sample_t;
#define SAMPLE_HALF 0.5f
#endif

struct z_kernel _kernel;

static struct k_thread main_thread, logging_thread, sensor_thread;
static char main_stack[STACK] __attribute__((aligned(16)));
static char logging_stack[STACK] __attribute__((aligned(16)));
static char sensor_stack[STACK] __attribute__((aligned(16)));

int samples[4] = {11, 22, 33, 44};
volatile int messages = 7;
volatile sample_t gain = SAMPLE_HALF;

const char *volatile greeting = "from constants";

#define IN_ARCH(member) (offsetof(struct _thread_arch, member))
#define NONE 0xffffffffu

#if WITH_TABLE
__attribute__((used)) const uint8_t _kernel_thread_info_size_t_size = sizeof(size_t);
__attribute__((used)) const size_t _kernel_thread_info_offsets[] = {
	1,
	offsetof(struct _cpu, current),
	offsetof(struct z_kernel, threads),
	offsetof(struct k_thread, entry),
	offsetof(struct k_thread, next_thread),
	offsetof(struct k_thread, base.thread_state),
	offsetof(struct k_thread, base.user_options),
	offsetof(struct k_thread, base.prio),
	offsetof(struct k_thread, callee_saved.SAVED_SP),
	offsetof(struct k_thread, name),
	offsetof(struct k_thread, arch),
	PREEMPT_FLOAT,
	NONE,
	EXC_RETURN,
	NONE,
};
__attribute__((used)) const size_t _kernel_thread_info_num_offsets = 15;
#endif

#ifdef BUILD_ID
/* Binary descriptors: application version 1.4.2, time of the build, Spotflow's build id. */
struct __attribute__((packed, aligned(4))) entry20 {
	uint16_t tag, len;
	char text[20];
};
__attribute__((used)) const struct __attribute__((aligned(8))) {
	uint64_t magic;
	struct entry20 version, built;
	struct {
		uint16_t tag, len;
		uint8_t id[20];
	} spotflow;
	uint16_t end[2];
} bindesc = {
	0xb9863e5a7ea46046,
	{0x1800, 20, "1.4.2"},
	{0x1a07, 20, "2026-05-04 10:11:12"},
	{0x25f0, 20, {BUILD_ID, BUILD_ID, 3, 4, 5, 6, 7, 8, 9, 10}},
	{0xffff, 0},
};
#endif

static void add(struct k_thread *thread, const char *name, int prio, void (*entry)(void), char *stack)
{
	for (int i = 0; name[i]; i++) {
		thread->name[i] = name[i];
	}
	thread->base.prio = prio;
	thread->join_queue[0] = thread->join_queue[1] = thread->join_queue;
	thread->entry.pEntry = entry;
	thread->stack_info.start = (uintptr_t)stack;
	thread->stack_info.size = STACK;
	thread->next_thread = _kernel.threads;
	_kernel.threads = thread;
	arch_start_thread(thread, entry, stack + STACK);
}

static __attribute__((noinline)) void pend(struct k_thread *to)
{
	struct k_thread *from = _kernel.cpus[0].current;

	from->base.thread_state = PENDING;
	to->base.thread_state = QUEUED;
	_kernel.cpus[0].current = to;
	arch_switch(to, from);
}

__attribute__((noinline)) int wait_message(int queue)
{
	pend(&sensor_thread);
	return messages + queue;
}

void logging_entry(void)
{
	int drained = 0;

	for (;;) {
		drained += wait_message(drained + 3);
	}
}

__attribute__((noinline)) sample_t wait_sample(sample_t scale)
{
	sample_t held = scale * gain;

	pend(&main_thread);
	return held * gain;
}

void sensor_entry(void)
{
	sample_t sum = 1;

	for (;;) {
		sum += wait_sample(sum + 2);
	}
}

__attribute__((noinline)) int decode(int *buffer, int length)
{
	int total = 0;

	for (int i = 0; i < length; i++) {
		total += buffer[i];
	}
	crash_here((void *)(uintptr_t)total);
	return total + buffer[0];
}

__attribute__((noinline)) int process(int count)
{
	int local[4];

	for (int i = 0; i < 4; i++) {
		local[i] = samples[i] * count;
	}
	return decode(local, 4) + local[1];
}

void main_entry(void)
{
	pend(&logging_thread);
	messages = process(3);
	for (;;) {
	}
}

_Noreturn void kernel_start(void)
{
	add(&main_thread, "main", -1, main_entry, main_stack);
	add(&logging_thread, "logging", 14, logging_entry, logging_stack);
	add(&sensor_thread, "sensor", 5, sensor_entry, sensor_stack);
	_kernel.cpus[0].current = &main_thread;
	main_thread.base.thread_state = QUEUED;
	arch_main();
}

/* What the debugger's side reads; filled by the architecture's fault handler. */
word_t crash_frame[40];

__attribute__((noinline)) void dump_point(void)
{
	__asm__ volatile("" ::: "memory");
	for (;;) {
	}
}
