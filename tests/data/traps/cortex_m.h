/* Cortex-M: HardFault, and SVCall as the interrupt, which may let PendSV follow it or interrupt 0 come
 * upon it. -DUSE_PSP=1: on the process stack.
 * -DUSE_FPU=1: with floats in use. */
typedef unsigned word;

static void keep(void);
__attribute__((used)) void handled(word *frame)
{
    keep();
#if CASE == INTERRUPT
    traps++;
#else
    handle();
#endif
    word at = frame[6];
    frame[6] = at < 0x40 ? frame[5] & ~1u : at + ((*(unsigned short *)at >> 11) >= 0x1d ? 4 : 2);
    frame[7] |= 1u << 24;
}

__attribute__((used)) void interrupted(void)
{
#if CASE == NESTED || CASE == CHAINED_FAULT || CASE == DEEP_FAULT
    poke((volatile int *)NOWHERE_ADDR);
#else
    handle();
#endif
}

FAR void raise(void) { __asm__ volatile("svc 0"); }

void prepare(void)
{
    /* SVCall is the least urgent, with PendSV; interrupt 0 the most. */
    *(volatile word *)0xe000ed1c = 0xc0u << 24;
    *(volatile word *)0xe000ed20 = 0xc0u << 16;
    *(volatile word *)0xe000e100 = 1;
#if USE_FPU
    *(volatile word *)0xe000ed88 |= 0xf << 20;
    __asm__ volatile("dsb; isb; vmov.f32 s0, #1.0; vmov.f32 s17, #2.0" ::: "memory");
#endif
}

/* Hand-made, with a push of its own and no call frame information. */
__asm__(".text\n.thumb\n.syntax unified\n.globl HardFault\n.thumb_func\n.type HardFault, %function\nHardFault:\n"
        "mov r1, lr\nmovs r0, #4\ntst r0, r1\nbne 1f\nmrs r0, msp\nb 2f\n1: mrs r0, psp\n2:\n"
        "push {r4, r5, r6, lr}\nbl handled\npop {r4, r5, r6, pc}\n.size HardFault, . - HardFault\n");
/* QEMU's GDB does not show it. */
static void keep(void) { unsigned psp; __asm__ volatile("mrs %0, psp" : "=r"(psp)); psp_now = psp; }
FAR void Svc(void)
{
    keep();
#if CASE == CHAINED || CASE == CHAINED_FAULT
    *(volatile word *)0xe000ed04 = 1 << 28;
#elif CASE == DEEP || CASE == DEEP_FAULT
    *(volatile word *)0xe000e200 = 1;
    __asm__ volatile("dsb; isb");
    sink++;
#else
    interrupted();
#endif
}
FAR void PendSv(void) { interrupted(); sink++; }
FAR void Irq0(void) { interrupted(); sink++; }
extern char HardFault[];

__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.word 0\n.word HardFault\n.space 28\n.word Svc + 1 - 1\n"
        ".space 8\n.word PendSv + 1 - 1\n.word 0\n.word Irq0 + 1 - 1\n"
        ".text\n.thumb\n.globl _start\n.thumb_func\n.type _start, %function\n_start:\n.cfi_startproc\n"
        ".cfi_undefined lr\n"
#if USE_PSP
        "ldr r0, =stack_top - 0x800\nmsr psp, r0\nmovs r0, #2\nmsr control, r0\nisb\n"
#endif
        "bl run\n1: b 1b\n.cfi_endproc\n.size _start, . - _start\n.pool\n");
