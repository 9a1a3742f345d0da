/* AArch64: a table of vectors that save registers and jump to code that calls the handler. */
typedef unsigned long word;
/* The distributor and interface of QEMU's GICv2: a software-generated interrupt. */
#define GICD(at) (*(volatile unsigned *)(0x08000000 + (at)))
#define GICC(at) (*(volatile unsigned *)(0x08010000 + (at)))

__attribute__((used)) word handled(word at, word back)
{
#if CASE == INTERRUPT
    traps++;
#else
    handle();
#endif
    return at < 0x1000 ? back : at + 4;
}

__attribute__((used)) void interrupted(void)
{
    unsigned number = GICC(0xc);
#if CASE == NESTED
    poke((volatile int *)NOWHERE_ADDR);
#else
    handle();
#endif
    GICC(0x10) = number;
}

FAR void raise(void) { GICD(0xf00) = 2 << 24; __asm__ volatile("dsb sy; isb; nop; nop; nop"); }

extern char vectors[];
void prepare(void)
{
    __asm__ volatile("msr vbar_el1, %0; isb" ::"r"(vectors));
    GICD(0) = 1;
    GICD(0x100) = 0xffff;
    GICC(4) = 0xff;
    GICC(0) = 1;
    __asm__ volatile("msr daifclr, #2");
}

#define PAIRS(op) \
    op " x0, x1, [sp, 0]\n" op " x2, x3, [sp, 16]\n" op " x4, x5, [sp, 32]\n" op " x6, x7, [sp, 48]\n" \
    op " x8, x9, [sp, 64]\n" op " x10, x11, [sp, 80]\n" op " x12, x13, [sp, 96]\n" \
    op " x14, x15, [sp, 112]\n" op " x16, x17, [sp, 128]\n" op " x18, x30, [sp, 144]\n"
#define ENTER ".balign 0x80\nsub sp, sp, 176\n" PAIRS("stp") "mrs x0, spsr_el1\nmrs x1, elr_el1\nstp x0, x1, [sp, 160]\n"

__asm__(".section .text.vectors, \"ax\"\n.balign 2048\n.globl vectors\nvectors:\n"
        ENTER "b sync\n" ENTER "b irq\n.balign 0x80\nb .\n.balign 0x80\nb .\n"
        ENTER "b sync\n" ENTER "b irq\n.balign 0x80\nb .\n.balign 0x80\nb .\n"
        ".balign 2048\n.text\n.type sync, %function\nsync:\n"
#if CASE == SWITCHED
        "mov x2, sp\nadrp x3, fault_stack_top\nadd sp, x3, :lo12:fault_stack_top\nstr x2, [sp, -16]!\n"
#endif
        "mov x0, x1\nmov x1, x30\nbl handled\n"
#if CASE == SWITCHED
        "ldr x2, [sp], 16\nmov sp, x2\n"
#endif
        "str x0, [sp, 168]\nb out\n"
        ".type irq, %function\nirq:\nbl interrupted\nb out\n"
        ".type out, %function\nout:\nldp x0, x1, [sp, 160]\nmsr spsr_el1, x0\nmsr elr_el1, x1\n"
        PAIRS("ldp") "add sp, sp, 176\neret\n"
        ".bss\n.balign 16\n.space 0x800\nfault_stack_top:\n.space 16\n.text\n");

__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined x30\n"
        "ldr x0, =stack_top\nmov sp, x0\nmov x29, #0\nbl run\n1: b 1b\n.cfi_endproc\n.text\n");
