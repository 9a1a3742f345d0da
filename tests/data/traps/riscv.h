/* RISC-V: trap entries in the shapes that kernels have. */
#if __riscv_xlen == 64
#define SAVE "sd"
#define LOAD "ld"
#define W "8"
#else
#define SAVE "sw"
#define LOAD "lw"
#define W "4"
#endif
typedef unsigned long word;
#define CLINT_MSIP (*(volatile unsigned *)0x2000000)

static word length(word at) { return (*(volatile unsigned short *)at & 3) == 3 ? 4 : 2; }

/* Returns where to go on. */
__attribute__((used)) word handled(word cause, word at, word back)
{
    if ((long)cause < 0) {
        CLINT_MSIP = 0;
#if CASE == NESTED
        poke((volatile int *)NOWHERE_ADDR);
#else
        handle();
#endif
        return at;
    }
#if CASE == INTERRUPT
    traps++;
#else
    handle();
#endif
    return at < 0x1000 ? back : at + length(at);
}

FAR void raise(void) { CLINT_MSIP = 1; __asm__ volatile("nop; nop; nop"); }

extern char entry[];
void prepare(void)
{
#if CASE != COMPILED
    __asm__ volatile("csrw mtvec, %0" ::"r"(entry));
#endif
    __asm__ volatile("csrs mie, %0; csrsi mstatus, 8" ::"r"(8));
}

#if CASE == COMPILED
__attribute__((interrupt("machine"), aligned(4))) void trapped(void)
{
    word at;
    __asm__ volatile("csrr %0, mepc" : "=r"(at));
    handle();
    __asm__ volatile("csrw mepc, %0" ::"r"(at + length(at)));
}
#endif

#define ALL(op) \
    op " ra, 1*" W "(sp)\n" op " t0, 5*" W "(sp)\n" op " t1, 6*" W "(sp)\n" op " t2, 7*" W "(sp)\n" \
    op " a0, 10*" W "(sp)\n" op " a1, 11*" W "(sp)\n" op " a2, 12*" W "(sp)\n" op " a3, 13*" W "(sp)\n" \
    op " a4, 14*" W "(sp)\n" op " a5, 15*" W "(sp)\n" op " a6, 16*" W "(sp)\n" op " a7, 17*" W "(sp)\n" \
    op " t3, 28*" W "(sp)\n" op " t4, 29*" W "(sp)\n" op " t5, 30*" W "(sp)\n" op " t6, 31*" W "(sp)\n"
#define REST(op) op " s0, 8*" W "(sp)\n" op " s1, 9*" W "(sp)\n" op " s2, 18*" W "(sp)\n"

/* The names of the labels inside are in the symbol table, as Zephyr's are; the entry has no size. */
__asm__(".section .text.entry, \"ax\"\n.balign 64\n.globl entry\n.type entry, @function\nentry:\n"
        "addi sp, sp, -40*" W "\n" ALL(SAVE)
#if CASE == SWITCHED || CASE == TAIL || CASE == NESTED
        SAVE " s0, 8*" W "(sp)\nla s0, cpu\n"
#else
        REST(SAVE)
#endif
        "csrr t0, mepc\n" SAVE " t0, 0(sp)\ncsrr t0, mstatus\n" SAVE " t0, 32*" W "(sp)\n"
#if CASE == FAULT
        "csrr t0, mcause\n" SAVE " t0, 33*" W "(sp)\ncsrr t0, mtval\n" SAVE " t0, 34*" W "(sp)\n"
#endif
        "mv a2, ra\ncsrr a1, mepc\ncsrr a0, mcause\n"
#if CASE == SWITCHED || CASE == NESTED
        "bltz a0, is_interrupt\n"
#if CASE == NESTED
        "jal handled\nj no_reschedule\n"
#else
        "mv t0, sp\nlla sp, fault_stack_top\naddi sp, sp, -16\n" SAVE " t0, 0(sp)\n"
        "call handled\n" LOAD " sp, 0(sp)\nj no_reschedule\n"
#endif
        "is_interrupt:\nlw t1, 0(s0)\naddi t2, t1, 1\nsw t2, 0(s0)\nbnez t1, on_irq_stack\n"
        "mv t0, sp\n" LOAD " sp, 8(s0)\naddi sp, sp, -16\n" SAVE " t0, 0(sp)\n"
        "on_irq_stack:\nlla t1, handled\njalr t1\n"
        "irq_done:\nlw t2, 0(s0)\naddi t2, t2, -1\nsw t2, 0(s0)\nbnez t2, no_reschedule\n"
        LOAD " sp, 0(sp)\n"
#elif CASE == TAIL
        "la ra, no_reschedule\ntail handled\n"
#else
        "jal handled\n"
#endif
        "no_reschedule:\ncsrw mepc, a0\n"
        LOAD " t0, 32*" W "(sp)\ncsrw mstatus, t0\n"
#if CASE == SWITCHED || CASE == TAIL || CASE == NESTED
        LOAD " s0, 8*" W "(sp)\n"
#else
        REST(LOAD)
#endif
        ALL(LOAD) "addi sp, sp, 40*" W "\nmret\n"
        ".data\n.balign 16\ncpu: .word 0, 0\n"
#if __riscv_xlen == 64
        ".dword irq_stack_top\n"
#else
        ".word irq_stack_top, 0\n"
#endif
        ".bss\n.balign 16\n.space 0x800\nirq_stack_top:\n.space 0x800\nfault_stack_top:\n.text\n");

__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined ra\n"
        "la sp, stack_top\n"
#if CASE == COMPILED
        "la t0, trapped\ncsrw mtvec, t0\n"
#endif
        "call run\n1: j 1b\n.cfi_endproc\n.text\n");
