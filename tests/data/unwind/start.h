/* Where programs begin that stop under an emulator. */
#if defined(__riscv)
__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined ra\n"
        "la sp, stack_top\ncall main\n1: j 1b\n.cfi_endproc\n.text\n");
#elif defined(__aarch64__)
__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined x30\n"
        "ldr x0, =stack_top\nmov sp, x0\nmov x29, #0\nbl main\n1: b 1b\n.cfi_endproc\n.text\n");
#elif defined(__arm__)
__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.text\n.thumb\n.globl _start\n.thumb_func\n"
        ".type _start, %function\n_start:\n.cfi_startproc\n.cfi_undefined lr\nbl main\n1: b 1b\n.cfi_endproc\n"
        ".size _start, . - _start\n.text\n");
#elif defined(__x86_64__)
__asm__(".globl _start\n_start:\n.cfi_startproc\n.cfi_undefined rip\nxor %ebp, %ebp\ncall main\n1: jmp 1b\n.cfi_endproc\n.text\n");
#elif defined(__i386__)
__asm__(".globl _start\n_start:\n.cfi_startproc\n.cfi_undefined eip\nxor %ebp, %ebp\ncall main\n1: jmp 1b\n.cfi_endproc\n.text\n");
#endif
