/* RISC-V: start, and a fault handler that keeps the crashed context and stays there. */
#if __riscv_xlen == 64
#define STORE sd
#define WORD 8
#else
#define STORE sw
#define WORD 4
#endif

    .section .start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, _estack
    la t0, _sdata
    la t1, _edata
    la t2, _sidata
4:  bgeu t0, t1, 5f
    lw t3, 0(t2)
    sw t3, 0(t0)
    addi t0, t0, 4
    addi t2, t2, 4
    j 4b
5:  la t0, _sbss
    la t1, _ebss
1:  bgeu t0, t1, 2f
    STORE zero, 0(t0)
    addi t0, t0, WORD
    j 1b
2:  la t0, trap
    csrw mtvec, t0
    call kernel_main

    .text
    .align 2
    /* Interrupts and calls of the kernel are the kernel's; everything else is a crash. */
trap:
    csrw mscratch, t0
    csrr t0, mcause
    bltz t0, kernels
    addi t0, t0, -11
    beqz t0, kernels
    la t0, crash
    .irp n, 1,2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    STORE x\n, (\n * WORD)(t0)
    .endr
    csrr t1, mscratch
    STORE t1, (5 * WORD)(t0)
    csrr t1, mepc
    STORE t1, (32 * WORD)(t0)
    la t0, crashed
    li t1, 1
    sw t1, 0(t0)
3:  j 3b
kernels:
    csrr t0, mscratch
    j KERNEL_TRAP

    .bss
    .align 4
    .globl crash
crash:
    .space 33 * WORD
    .globl crashed
crashed:
    .space 4
