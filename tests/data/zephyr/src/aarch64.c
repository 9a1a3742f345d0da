/* AArch64 at EL1, on its own stack pointer, without an MMU. */
#include "kernel.h"

extern word_t crash_frame[40];
_Noreturn void kernel_start(void);

__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n"
	"adrp x0, z_interrupt_stacks_end\nadd x0, x0, :lo12:z_interrupt_stacks_end\nmov sp, x0\n"
	"adrp x0, vectors\nadd x0, x0, :lo12:vectors\nmsr vbar_el1, x0\nisb\nb kernel_start\n"
	".text\n.balign 2048\nvectors:\n.rept 16\n.balign 128\nb exception\n.endr\n");

void arch_start_thread(struct k_thread *thread, void (*entry)(void), char *stack_end)
{
	thread->callee_saved.sp_elx = (word_t)stack_end;
	thread->callee_saved.lr = (word_t)entry;
}

_Static_assert(offsetof(struct k_thread, callee_saved) == 32, "used by the code below");

__asm__(".globl arch_switch\n.type arch_switch, %function\narch_switch:\n"
		"add x1, x1, #32\nadd x0, x0, #32\n"
		"stp x19, x20, [x1]\nstp x21, x22, [x1, 16]\nstp x23, x24, [x1, 32]\n"
		"stp x25, x26, [x1, 48]\nstp x27, x28, [x1, 64]\nmov x2, sp\n"
		"str x29, [x1, 80]\nstp x2, x30, [x1, 96]\n"
		"ldp x19, x20, [x0]\nldp x21, x22, [x0, 16]\nldp x23, x24, [x0, 32]\n"
		"ldp x25, x26, [x0, 48]\nldp x27, x28, [x0, 64]\n"
		"ldr x29, [x0, 80]\nldp x2, x30, [x0, 96]\nmov sp, x2\nret\n");

_Noreturn void arch_main(void)
{
	struct k_thread *first = _kernel.cpus[0].current;

	__asm__ volatile("mov sp, %0\nmov x30, xzr\nmov x29, xzr\nbr %1\n" ::"r"(
				 first->stack_info.start + first->stack_info.size),
			 "r"(first->entry.pEntry));
	__builtin_unreachable();
}

/* x0-x18, x30, spsr, elr, x29, sp, in the order of the frame. */
__asm__("exception:\n"
		"sub sp, sp, #192\n"
		"stp x0, x1, [sp]\nstp x2, x3, [sp, 16]\nstp x4, x5, [sp, 32]\nstp x6, x7, [sp, 48]\n"
		"stp x8, x9, [sp, 64]\nstp x10, x11, [sp, 80]\nstp x12, x13, [sp, 96]\n"
		"stp x14, x15, [sp, 112]\nstp x16, x17, [sp, 128]\nstp x18, x30, [sp, 144]\n"
		"mrs x0, spsr_el1\nmrs x1, elr_el1\nstp x0, x1, [sp, 160]\n"
		"add x0, sp, #192\nstp x29, x0, [sp, 176]\nmov x0, sp\nb exception_c\n");

__attribute__((used)) void exception_c(word_t *frame)
{
	for (int i = 0; i < 24; i++) {
		crash_frame[i] = frame[i];
	}
	dump_point();
}

__attribute__((noinline)) void crash_here(void *at)
{
	__asm__ volatile("udf #1" ::"r"(at));
}
