/* RV32 and RV64 in machine mode. */
#include "kernel.h"

extern word_t crash_frame[40];
_Noreturn void kernel_start(void);
void trap(void);

#if __riscv_xlen == 64
#define L "ld "
#define S "sd "
#define W "8"
#else
#define L "lw "
#define S "sw "
#define W "4"
#endif

__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n"
	".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
	"la sp, z_interrupt_stacks_end\nla t0, trap\ncsrw mtvec, t0\n"
	"j kernel_start\n.text\n");

void arch_start_thread(struct k_thread *thread, void (*entry)(void), char *stack_end)
{
	thread->callee_saved.sp = (word_t)stack_end;
	thread->callee_saved.ra = (word_t)entry;
}

__attribute__((naked, noinline)) void arch_switch(struct k_thread *to, struct k_thread *from)
{
	__asm__ volatile(
		"addi a1, a1, %0\naddi a0, a0, %0\n"
		S "sp, 0*" W "(a1)\n" S "ra, 1*" W "(a1)\n" S "s0, 2*" W "(a1)\n" S "s1, 3*" W "(a1)\n"
		S "s2, 4*" W "(a1)\n" S "s3, 5*" W "(a1)\n" S "s4, 6*" W "(a1)\n" S "s5, 7*" W "(a1)\n"
		S "s6, 8*" W "(a1)\n" S "s7, 9*" W "(a1)\n" S "s8, 10*" W "(a1)\n" S "s9, 11*" W "(a1)\n"
		S "s10, 12*" W "(a1)\n" S "s11, 13*" W "(a1)\n"
		L "sp, 0*" W "(a0)\n" L "ra, 1*" W "(a0)\n" L "s0, 2*" W "(a0)\n" L "s1, 3*" W "(a0)\n"
		L "s2, 4*" W "(a0)\n" L "s3, 5*" W "(a0)\n" L "s4, 6*" W "(a0)\n" L "s5, 7*" W "(a0)\n"
		L "s6, 8*" W "(a0)\n" L "s7, 9*" W "(a0)\n" L "s8, 10*" W "(a0)\n" L "s9, 11*" W "(a0)\n"
		L "s10, 12*" W "(a0)\n" L "s11, 13*" W "(a0)\nret\n" ::"i"(
			offsetof(struct k_thread, callee_saved)));
}

_Noreturn void arch_main(void)
{
	struct k_thread *first = _kernel.cpus[0].current;

	__asm__ volatile("mv sp, %0\nli ra, 0\nli s0, 0\njr %1\n" ::"r"(first->stack_info.start +
								first->stack_info.size),
			 "r"(first->entry.pEntry));
	__builtin_unreachable();
}

/* The exception frame on the stack of the interrupted thread, then the stack of interrupts. */
__attribute__((naked, aligned(4))) void trap(void)
{
	__asm__ volatile(
		"addi sp, sp, -%0\n"
		S "ra, 0*" W "(sp)\n" S "t0, 1*" W "(sp)\n" S "t1, 2*" W "(sp)\n" S "t2, 3*" W "(sp)\n"
		S "t3, 4*" W "(sp)\n" S "t4, 5*" W "(sp)\n" S "t5, 6*" W "(sp)\n" S "t6, 7*" W "(sp)\n"
		S "a0, 8*" W "(sp)\n" S "a1, 9*" W "(sp)\n" S "a2, 10*" W "(sp)\n" S "a3, 11*" W "(sp)\n"
		S "a4, 12*" W "(sp)\n" S "a5, 13*" W "(sp)\n" S "a6, 14*" W "(sp)\n" S "a7, 15*" W "(sp)\n"
		"csrr t0, mepc\n" S "t0, 16*" W "(sp)\ncsrr t0, mstatus\n" S "t0, 17*" W "(sp)\n"
		S "s0, 18*" W "(sp)\n"
		"mv a0, sp\nla a1, crash_frame\n"
		S "gp, 3*" W "(a1)\n" S "tp, 4*" W "(a1)\n" S "s1, 9*" W "(a1)\n" S "s2, 18*" W "(a1)\n"
		S "s3, 19*" W "(a1)\n" S "s4, 20*" W "(a1)\n" S "s5, 21*" W "(a1)\n" S "s6, 22*" W "(a1)\n"
		S "s7, 23*" W "(a1)\n" S "s8, 24*" W "(a1)\n" S "s9, 25*" W "(a1)\n" S "s10, 26*" W "(a1)\n"
		S "s11, 27*" W "(a1)\nla sp, z_interrupt_stacks_end\nj trap_c\n" ::"i"(
			sizeof(struct arch_esf)));
}

__attribute__((used)) void trap_c(struct arch_esf *esf)
{
	const unsigned long *a = &esf->a0;
	word_t *x = crash_frame;

	x[0] = 0;
	x[1] = esf->ra;
	x[2] = (word_t)(esf + 1);
	x[5] = esf->t0;
	x[6] = esf->t1;
	x[7] = esf->t2;
	x[8] = esf->s0;
	for (int i = 0; i < 8; i++) {
		x[10 + i] = a[i];
	}
	x[28] = esf->t3;
	x[29] = esf->t4;
	x[30] = esf->t5;
	x[31] = esf->t6;
	x[32] = esf->mepc;
	dump_point();
}

__attribute__((noinline)) void crash_here(void *at)
{
	__asm__ volatile("unimp" ::"r"(at));
}
