/* 32-bit x86, started by QEMU through a multiboot header. */
#include "kernel.h"

extern word_t crash_frame[40];
extern char z_interrupt_stacks_end[];
_Noreturn void kernel_start(void);
void divide_error(void);

__attribute__((used, section(".start"))) static const uint32_t multiboot[3] = {
	0x1badb002, 0, -0x1badb002u,
};

static uint64_t idt[32];
static struct __attribute__((packed)) {
	uint16_t limit;
	uint32_t base;
} idtr = {sizeof(idt) - 1, 0};

__asm__(".text\n.globl _start\n_start:\nmov $z_interrupt_stacks_end, %esp\npush $0\nmov $0, %ebp\n"
	"jmp start\n");

__attribute__((used)) void start(void)
{
	uint32_t handler = (uint32_t)divide_error;
	uint16_t cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	idt[0] = (uint64_t)(handler & 0xffff0000) << 32 | 0x8e00ull << 32 | (uint32_t)cs << 16 |
		 (handler & 0xffff);
	idtr.base = (uint32_t)idt;
	__asm__ volatile("lidt %0" ::"m"(idtr));
	kernel_start();
}

void arch_start_thread(struct k_thread *thread, void (*entry)(void), char *stack_end)
{
	uint32_t *sp = (uint32_t *)stack_end - 8;

	for (int i = 0; i < 8; i++) {
		sp[i] = 0;
	}
	sp[5] = (uint32_t)entry;
	thread->callee_saved.esp = (uint32_t)sp;
}

__attribute__((naked, noinline)) void arch_switch(struct k_thread *to, struct k_thread *from)
{
	__asm__ volatile("mov 4(%%esp), %%edx\nmov 8(%%esp), %%ecx\n"
			 "push %%edi\npush %%esi\npush %%ebx\npush %%ebp\npush $-11\n"
			 "mov %%esp, %c0(%%ecx)\nmov %c0(%%edx), %%esp\n"
			 "pop %%eax\npop %%ebp\npop %%ebx\npop %%esi\npop %%edi\nret\n" ::"i"(
				 offsetof(struct k_thread, callee_saved)));
}

_Noreturn void arch_main(void)
{
	struct k_thread *first = _kernel.cpus[0].current;

	__asm__ volatile("mov %0, %%esp\npush $0\njmp *%1\n" ::"r"(first->stack_info.start +
								     first->stack_info.size - 16),
			 "r"(first->entry.pEntry));
	__builtin_unreachable();
}

/* eip, cs and eflags are on the stack; no error code with this vector. */
__attribute__((naked)) void divide_error(void)
{
	__asm__ volatile("pusha\nmov %%esp, %%eax\nmov $z_interrupt_stacks_end, %%esp\npush %%eax\n"
			 "call divide_error_c\n" ::);
}

__attribute__((used)) void divide_error_c(uint32_t *pushed)
{
	/* edi esi ebp esp ebx edx ecx eax, then what the CPU pushed. */
	uint32_t block[13] = {
		0, 0, pushed[7], pushed[6], pushed[5], pushed[4], (uint32_t)(pushed + 11),
		pushed[2], pushed[1], pushed[0], pushed[8], pushed[10], pushed[9],
	};

	for (int i = 0; i < 13; i++) {
		crash_frame[i] = block[i];
	}
	dump_point();
}

__attribute__((noinline)) void crash_here(void *at)
{
	volatile int zero = 0;
	extern volatile int messages;
	messages = (int)(uintptr_t)at / zero;
}
