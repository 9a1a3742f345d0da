/* 64-bit x86: loaded by a Multiboot header that tells addresses, for loaders take no 64-bit ELF file; the
 * first GB is mapped to itself, the rest is nowhere. Tables of pages lie behind everything. */
typedef unsigned long word;

struct pushed {
    word r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax, vector, code, rip;
};

__attribute__((used)) void handled(struct pushed *frame)
{
    if (frame->vector >= 32) {
#if CASE == NESTED
        poke((volatile int *)NOWHERE_ADDR);
#else
        handle();
#endif
        return;
    }
#if CASE == INTERRUPT
    traps++;
#else
    handle();
#endif
    frame->rip += 2; /* mov (%rdi), %eax */
}

FAR void raise(void) { __asm__ volatile("int $48" ::: "memory"); }

struct gate {
    unsigned short low, selector, kind, middle;
    unsigned high, zero;
} gates[64] __attribute__((aligned(16)));
extern char no_page[], asked[];

static void gate(int n, char *to)
{
    word at = (word)to;
    gates[n] = (struct gate){(unsigned short)at, 8, 0x8e00, (unsigned short)(at >> 16), (unsigned)(at >> 32), 0};
}

void prepare(void)
{
    struct {
        unsigned short limit;
        word base;
    } __attribute__((packed)) idt = {sizeof gates - 1, (word)gates};
    gate(14, no_page);
    gate(48, asked);
    __asm__ volatile("lidt %0" ::"m"(idt) : "memory");
}

__asm__(".section .start, \"ax\"\n.balign 4\nheader: .long 0x1badb002, 0x10000, -0x1badb002 - 0x10000\n"
        ".long header, header, 0, stack_top, begin32\n"
        ".balign 8\nsegments: .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff\n"
        "table: .word 23\n.long segments\n"
        ".code32\nbegin32:\n"
        /* One table leads to the next at 0x200000, 0x201000, 0x202000; the last has pages of 2 MB. */
        "mov $0x200000, %edi\nmov $3072, %ecx\nxor %eax, %eax\nrep stosl\n"
        "movl $0x201003, 0x200000\nmovl $0x202003, 0x201000\n"
        "mov $0x202000, %edi\nmov $0x83, %eax\nmov $512, %ecx\n"
        "2: mov %eax, (%edi)\nadd $0x200000, %eax\nadd $8, %edi\nloop 2b\n"
        "mov $0x20, %eax\nmov %eax, %cr4\nmov $0x200000, %eax\nmov %eax, %cr3\n"
        "mov $0xc0000080, %ecx\nrdmsr\nor $0x100, %eax\nwrmsr\n"
        "mov %cr0, %eax\nor $0x80000001, %eax\nmov %eax, %cr0\n"
        "lgdt table\nljmp $8, $_start\n"
        ".code64\n.globl _start\n.type _start, @function\n_start:\n.cfi_startproc\n.cfi_undefined rip\n"
        "mov $16, %eax\nmov %eax, %ds\nmov %eax, %es\nmov %eax, %ss\n"
        "mov $stack_top, %esp\nxor %ebp, %ebp\ncall run\n1: jmp 1b\n.cfi_endproc\n.text\n"
        "no_page: push $14\njmp entry\nasked: push $0\npush $48\njmp entry\n"
        ".type entry, @function\nentry:\npush %rax\npush %rbx\npush %rcx\npush %rdx\npush %rbp\npush %rsi\npush %rdi\n"
        "push %r8\npush %r9\npush %r10\npush %r11\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, %rdi\ncall handled\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %r11\npop %r10\npop %r9\npop %r8\n"
        "pop %rdi\npop %rsi\npop %rbp\npop %rdx\npop %rcx\npop %rbx\npop %rax\nadd $16, %rsp\niretq\n");
