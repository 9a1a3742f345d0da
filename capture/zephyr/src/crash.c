/* The crash: registers where the kernel's handlers begin, then, when the kernel has said what it has to say, the
 * dump of all threads into RAM that outlives the reset.
 *
 * Sources: Zephyr 2.5 and 3.5, arch/arm/core (fault_s.S, fault.c, swap_helper.S), include/arch/arm/thread.h,
 * kernel/fatal.c. */
#include <string.h>

#include "internal.h"

LOG_MODULE_REGISTER(coroner, LOG_LEVEL_INF);

#define RAM_START ((uintptr_t)CONFIG_SRAM_BASE_ADDRESS)
#define RAM_END (RAM_START + CONFIG_SRAM_SIZE * 1024u)

CORONER_DECLARE(build_id)
CORONER_DECLARE(dram)
CORONER_DECLARE(secret)

/* The kernel's, whose type is none of our business. */
extern const char interrupt_stack[] __asm("z_interrupt_stacks");

static uint32_t kept_room[CONFIG_CORONER_KEPT_SIZE / 4] __attribute__((aligned(32), section(".noinit.coroner_retained")));
const coroner_store coroner_kept = {
	NULL, NULL, NULL, NULL, kept_room, 0, CONFIG_CORONER_KEPT_SIZE, CONFIG_CORONER_KEPT_SIZE, 1,
	IS_ENABLED(CONFIG_CORONER_KEEP_FIRST) ? CORONER_KEEP_FIRST : CORONER_KEEP_LAST,
};
uint32_t coroner_boots_room[8] __attribute__((aligned(32), section(".noinit.coroner_retained")));
coroner_registry coroner_added;

static uint64_t stack[CONFIG_CORONER_STACK_SIZE / 8] __attribute__((aligned(16), section(".noinit.coroner_stack")));
/* r4-r11, by the code below; not static, for its name. */
uint32_t coroner_zephyr_callee_saved[8];
static coroner_frame frame;
static bool has_frame;
/* The dump is being written: a fault in that is no other crash. */
static bool writing;

static bool in_ram(uintptr_t at, size_t len)
{
	return at >= RAM_START && at < RAM_END && len <= RAM_END - at && at % 4 == 0;
}

/* What the processor has pushed at `esf`. */
static void keep_frame(uintptr_t esf, uintptr_t psp, uint32_t exc_return)
{
	static const uint32_t nothing[8];

	if (writing) {
		return;
	}
	memset(&frame, 0, sizeof(frame));
	/* A stack pointer that has left the RAM points to no frame. */
	const uint32_t *stacked = in_ram(esf, 32) ? (const uint32_t *)esf : nothing;
	coroner_frame_of_exception(&frame, stacked, esf, exc_return);
	if (stacked == nothing) {
		frame.frame_lost = true;
		frame.known = 1u << CORONER_SP;
		frame.registers[CORONER_SP] = esf;
	}
	for (int index = 0; index < 8; index++) {
		frame.registers[4 + index] = coroner_zephyr_callee_saved[index];
		frame.known |= 1u << (4 + index);
	}
	if (frame.in_interrupt) {
		frame.interrupted_sp = psp;
	}
	has_frame = true;
}

/* Both run with r4-r11 as the crashed code had them. */
#define SAVE_CALLEE_SAVED \
	".syntax unified\n mov ip, r3\n ldr r3, =coroner_zephyr_callee_saved\n stmia r3!, {r4-r7}\n" \
	"mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n stmia r3!, {r4-r7}\n" \
	"subs r3, #32\n ldmia r3!, {r4-r7}\n mov r3, ip\n"

void __real_z_arm_fault(uint32_t msp, uint32_t psp, uint32_t exc_return, void *callee);

__attribute__((used)) static void fault(uint32_t msp, uint32_t psp, uint32_t exc_return, void *callee)
{
	keep_frame(exc_return & 8 ? psp : msp, psp, exc_return);
	__real_z_arm_fault(msp, psp, exc_return, callee);
}

__attribute__((naked)) void __wrap_z_arm_fault(void)
{
	__asm volatile(SAVE_CALLEE_SAVED "push {r4, lr}\n bl %c0\n pop {r4, pc}\n .ltorg" ::"i"(fault));
}

void __real_z_do_kernel_oops(const coroner_esf *esf, void *callee, uint32_t exc_return);

__attribute__((used)) static void oops(const coroner_esf *esf, void *callee, uint32_t exc_return)
{
	/* Where the frame lies tells whose it is: older releases hand over no EXC_RETURN. */
	uint32_t psp;
	__asm volatile("mrs %0, psp" : "=r"(psp));
	keep_frame((uintptr_t)esf, psp, (uintptr_t)esf == psp ? 0xfffffffdu : 0xfffffff1u);
	__real_z_do_kernel_oops(esf, callee, exc_return);
}

__attribute__((naked)) void __wrap_z_do_kernel_oops(void)
{
	__asm volatile(SAVE_CALLEE_SAVED "push {r4, lr}\n bl %c0\n pop {r4, pc}\n .ltorg" ::"i"(oops));
}

static uint8_t state_of(const struct k_thread *thread)
{
	uint8_t state = thread->base.thread_state;

	if (state & _THREAD_DEAD) {
		return CORONER_DELETED;
	}
	if (state & _THREAD_SUSPENDED) {
		return CORONER_SUSPENDED;
	}
	return state & _THREAD_QUEUED ? CORONER_READY : CORONER_BLOCKED;
}

/* The threads of the kernel's own list. One that leads out of the RAM, or in a circle, ends there: the dump then says
 * that the list was damaged. */
static size_t list_threads(coroner_task *tasks, size_t room)
{
	const struct k_thread *current = _kernel.cpus[0].current;
	const struct k_thread *thread = _kernel.threads;
	size_t count = 0;

	while (thread != NULL && count < room) {
		coroner_task *task = &tasks[count];

		for (size_t index = 0; index < count; index++) {
			if (tasks[index].tcb.start == thread) {
				thread = NULL;
				break;
			}
		}
		memset(task, 0, sizeof(*task));
		task->id = (uint32_t)(uintptr_t)thread;
		if (thread == NULL || !in_ram((uintptr_t)thread, sizeof(*thread))) {
			task->id = count + 1;
			task->state = CORONER_DAMAGED;
			return count + 1;
		}
		task->tcb.start = thread;
		task->tcb.end = thread + 1;
		task->stack.start = (const void *)thread->stack_info.start;
		task->stack.end = (const char *)thread->stack_info.start + thread->stack_info.size;
		task->name = thread->name;
		task->priority = (uint8_t)thread->base.prio;
		task->saved = CORONER_SAVED_ASK;
		task->sp = thread->callee_saved.psp;
		task->state = thread == current ? CORONER_RUNNING : state_of(thread);
		count++;
		thread = thread->next_thread;
	}
	return count;
}

/* Whether the switch away from a thread found registers of the FPU in use: 18 more words are on its stack. */
static bool has_floats(const struct k_thread *thread)
{
#if defined(CONFIG_ARM_STORE_EXC_RETURN)
	return (thread->arch.mode_exc_return & 0x10) == 0;
#elif defined(CONFIG_FPU_SHARING)
	return (thread->arch.mode & 4) != 0;
#else
	ARG_UNUSED(thread);
	return false;
#endif
}

/* The registers of a thread that was switched away from: r4-r11 in the thread, the rest where the processor pushed it. */
static uint64_t thread_registers(const coroner_task *task, uintptr_t *registers)
{
	const struct k_thread *thread = task->tcb.start;
	const uint32_t *callee = (const uint32_t *)&thread->callee_saved;
	uintptr_t psp = thread->callee_saved.psp;

	if (!in_ram(psp, 32)) {
		return 0;
	}
	const uint32_t *pushed = (const uint32_t *)psp;
	static const uint8_t places[8] = { 0, 1, 2, 3, 12, 14, 15, 16 };

	for (int index = 0; index < 8; index++) {
		registers[4 + index] = callee[index];
		registers[places[index]] = pushed[index];
	}
	registers[CORONER_SP] = psp + (has_floats(thread) ? 104 : 32) + (pushed[7] & 1u << 9 ? 4 : 0);
	registers[CORONER_XPSR] &= ~(1u << 9);
	return 0x1ffff;
}

static uint64_t uptime_us(void)
{
	/* Without a lock: the last tick that was announced, at least. */
	return (uint64_t)k_uptime_get() * 1000u;
}

/* As sys_reboot does on most chips of this architecture. Not by that function: on some it goes on in the running
 * program, which is no way out of a crashed interrupt. */
__attribute__((noreturn)) static void leave(void)
{
#ifdef CONFIG_CORONER_REBOOT
	__asm volatile("dsb" ::: "memory");
	*(volatile uint32_t *)0xe000ed0c = 0x05fa0004; /* AIRCR: SYSRESETREQ */
	__asm volatile("dsb" ::: "memory");
#endif
	for (;;) {
	}
}

/* On a stack of its own: the one of interrupts may be no larger than what the kernel needs. */
__attribute__((used, noreturn)) static void write_dump(void)
{
	static coroner_task tasks[CONFIG_CORONER_MAX_THREADS + 1];
	static uint64_t room[(48 * (CONFIG_CORONER_MAX_THREADS + 2) + 12 * (CONFIG_CORONER_MAX_THREADS + 24)) / 8];
	static const coroner_sink sink = CORONER_SINK_OF(coroner_kept);
	static const coroner_region regions[] = {
		{ CORONER_TAGGED_AREA(dram), "dram", CORONER_TAGGED, 0, 0 },
		{ { _image_ram_start, _image_ram_end }, "image", CORONER_BSS, 0, 0 },
	};
	static const coroner_area exclude[] = {
		CORONER_TAGGED_AREA(secret), CORONER_AREA_OF(kept_room), CORONER_AREA_OF(stack),
	};
	static const coroner_area memory[] = { { (const void *)RAM_START, (const void *)RAM_END } };
	static coroner_config config;
	size_t count = list_threads(tasks, CONFIG_CORONER_MAX_THREADS + 1);

	config.regions = regions;
	config.region_count = IS_ENABLED(CONFIG_CORONER_TAKE_RAM) ? 2 : 1;
	config.exclude = exclude;
	config.exclude_count = 3;
	config.memory = memory;
	config.memory_count = 1;
	config.main_stack.start = interrupt_stack;
	config.main_stack.end = interrupt_stack + CONFIG_ISR_STACK_SIZE;
	config.build_id.start = __coroner_build_id_start;
	config.build_id.end = __coroner_build_id_end;
	config.added = &coroner_added;
	config.uptime_us = uptime_us;
	config.registers = thread_registers;
	coroner_write_frame(&config, &frame, tasks, count, room, sizeof(room), &sink);
	leave();
}

static const char *words_of(unsigned int reason)
{
	switch (reason) {
	case K_ERR_SPURIOUS_IRQ:
		return "unhandled interrupt";
	case K_ERR_STACK_CHK_FAIL:
		return "stack overflow";
	case K_ERR_KERNEL_OOPS:
		return "kernel oops";
	case K_ERR_KERNEL_PANIC:
		return "kernel panic";
	default:
		return NULL;
	}
}

/* Instead of Zephyr's own, which is weak and halts. */
void k_sys_fatal_error_handler(unsigned int reason, const coroner_esf *esf)
{
	__asm volatile("cpsid i" ::: "memory");
	if (writing) {
		/* A fault in here: what has been written until then is a torn dump. */
		leave();
	}
	writing = true;
	LOG_PANIC();
	if (!has_frame && esf != NULL) {
		/* Nobody has seen where the frame was: all but the stack pointer is known. */
		coroner_frame_of_exception(&frame, (const uint32_t *)&esf->basic, 0, 0xfffffffdu);
		frame.known &= ~(1u << CORONER_SP);
	}
	frame.message = words_of(reason);
	if (reason == K_ERR_KERNEL_OOPS || reason == K_ERR_KERNEL_PANIC || reason == K_ERR_STACK_CHK_FAIL) {
		frame.kind = CORONER_ABORTED;
		frame.signal = 6;
	}
	coroner_boots_crashed(coroner_boots_room);
	__asm volatile(
#ifdef CONFIG_BUILTIN_STACK_GUARD
		"mov r1, #0\n msr msplim, r1\n"
#endif
		"mov sp, %0\n bl %c1" ::"r"((uintptr_t)stack + sizeof(stack)), "i"(write_dump));
	for (;;) {
	}
}
