/* Cortex-M4 with FPU: switches in PendSV, faults as Zephyr's fault_s.S does. */
#include "kernel.h"

extern char z_interrupt_stacks_end[];
extern word_t crash_frame[40];
_Noreturn void kernel_start(void);

void reset(void);
void fault(void);
void pendsv(void);

__attribute__((used, section(".vectors"))) static const void *const vectors[16] = {
	z_interrupt_stacks_end, reset, fault, fault, fault, fault, fault, 0,
	0, 0, 0, fault, fault, 0, pendsv, fault,
};

void reset(void)
{
	*(volatile uint32_t *)0xe000ed88 |= 0xf << 20; /* CPACR: the FPU is on */
	*(volatile uint32_t *)0xe000ed24 |= 7 << 16;   /* SHCSR: faults of their own */
	*(volatile uint32_t *)0xe000ed14 |= 1 << 4;    /* CCR: division by zero is a fault */
	kernel_start();
}

void arch_start_thread(struct k_thread *thread, void (*entry)(void), char *stack_end)
{
	uint32_t *frame = (uint32_t *)stack_end - 8;

	for (int i = 0; i < 5; i++) {
		frame[i] = 0;
	}
	frame[5] = 0;
	frame[6] = (uint32_t)entry & ~1u;
	frame[7] = 1 << 24;
	thread->callee_saved.psp = (uint32_t)frame;
	thread->arch.mode_exc_return = 0xfd;
}

struct k_thread *volatile switch_to, *volatile switch_from;

void arch_switch(struct k_thread *to, struct k_thread *from)
{
	switch_to = to;
	switch_from = from;
	*(volatile uint32_t *)0xe000ed04 = 1 << 28; /* ICSR: PendSV */
	__asm__ volatile("dsb\n isb" ::: "memory");
}

#define STR_(x) #x
#define STR(x) STR_(x)
_Static_assert(offsetof(struct _thread_arch, preempt_float) == 8, "used by the code below");

__attribute__((naked)) void pendsv(void)
{
	__asm__ volatile(
		".fpu fpv4-sp-d16\n ldr r1, =switch_from\n ldr r1, [r1]\n"
		"mrs r0, psp\n"
		"add r2, r1, %[callee]\n stmia r2, {r4-r11}\n str r0, [r2, #32]\n"
		"add r2, r1, %[exc]\n strb lr, [r2]\n"
		"tst lr, #0x10\n bne 1f\n"
		"add r2, r1, %[fp]\n vstmia r2, {s16-s31}\n"
		"1: ldr r1, =switch_to\n ldr r1, [r1]\n"
		"add r2, r1, %[exc]\n ldrb r3, [r2]\n"
		"mvn lr, #0xff\n orr lr, lr, r3\n"
		"tst lr, #0x10\n bne 2f\n"
		"add r2, r1, %[fp]\n vldmia r2, {s16-s31}\n"
		"2: add r2, r1, %[callee]\n ldmia r2, {r4-r11}\n ldr r0, [r2, #32]\n"
		"msr psp, r0\n bx lr\n" ::[callee] "i"(offsetof(struct k_thread, callee_saved)),
		[exc] "i"(offsetof(struct k_thread, arch.mode_exc_return)),
		[fp] "i"(offsetof(struct k_thread, arch.preempt_float)));
}

_Noreturn void arch_main(void)
{
	struct k_thread *first = _kernel.cpus[0].current;

	__asm__ volatile("msr psp, %0\n mov r0, #2\n msr control, r0\n isb\n bx %1\n" ::"r"(
				 first->stack_info.start + first->stack_info.size),
			 "r"(first->entry.pEntry)
			 : "r0");
	__builtin_unreachable();
}

/* Pushes as Zephyr with EXTRA_EXCEPTION_INFO does. */
__attribute__((naked)) void fault(void)
{
	__asm__ volatile("mrs r0, msp\n mrs r1, psp\n push {r0, lr}\n push {r1, r2}\n"
			 "push {r4-r11}\n mov r3, sp\n mov r2, lr\n bl fault_c\n");
}

__attribute__((used)) void fault_c(uint32_t msp, uint32_t psp, uint32_t exc_return, uint32_t *callee)
{
	uint32_t *frame = (uint32_t *)((exc_return & 4) ? psp : msp + 8);

	for (int i = 0; i < 8; i++) {
		crash_frame[i] = frame[i];
		crash_frame[9 + i] = callee[i];
	}
	crash_frame[8] = (uint32_t)frame;
	crash_frame[17] = exc_return;
	dump_point();
}

#if WITH_FLOAT
/* A float is in use when the fault comes, so the frame is an extended one. */
__attribute__((noinline)) void crash_here(void *at)
{
	float ratio = (float)(uintptr_t)at * 0.25f;
	register float kept __asm__("s17") = ratio;

	__asm__ volatile("" : "+t"(kept));
	*(volatile int *)0xc0000000u = 1;
	__asm__ volatile("" ::"t"(kept));
}
#else
/* The stack is not aligned to 8 when the fault comes, so the core pushes a word of padding. */
__asm__(".cfi_sections .debug_frame\n.globl crash_here\n.type crash_here, %function\n.thumb_func\n"
	"crash_here:\n.cfi_startproc\nsub sp, #4\n.cfi_def_cfa_offset 4\nudf #1\nadd sp, #4\n"
	".cfi_def_cfa_offset 0\nbx lr\n.cfi_endproc\n.size crash_here, . - crash_here\n");
#endif
