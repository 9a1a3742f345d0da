/* 32-bit x86 without paging, loaded by its Multiboot header: an interrupt descriptor table whose
 * entries push error code and vector as most kernels' do. */
typedef unsigned word;

struct pushed {
    word edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, code, eip;
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
    frame->eip += 2;
}

FAR void raise(void) { __asm__ volatile("int $48"); }

struct gate {
    unsigned short low, selector, kind, high;
} gates[64] __attribute__((aligned(8)));
extern char undefined[], asked[];
static const unsigned long long segments[3] = {0, 0x00cf9a000000ffffull, 0x00cf92000000ffffull};

static void gate(int n, char *to)
{
    word at = (word)to;
    gates[n] = (struct gate){(unsigned short)at, 8, 0x8e00, (unsigned short)(at >> 16)};
}

void prepare(void)
{
    struct {
        unsigned short limit;
        word base;
    } __attribute__((packed)) gdt = {sizeof segments - 1, (word)segments}, idt = {sizeof gates - 1, (word)gates};
    gate(6, undefined);
    gate(48, asked);
    __asm__ volatile("lgdt %0; lidt %1; ljmp $8, $1f; 1: mov $16, %%eax; mov %%eax, %%ds; mov %%eax, %%es;"
                     "mov %%eax, %%ss" ::"m"(gdt), "m"(idt) : "eax", "memory");
}

__asm__(".section .start, \"ax\"\n.balign 4\n.long 0x1badb002, 0, -0x1badb002\n"
        ".globl _start\n.type _start, @function\n_start:\n.cfi_startproc\n.cfi_undefined eip\n"
        "mov $stack_top, %esp\nxor %ebp, %ebp\ncall run\n1: jmp 1b\n.cfi_endproc\n.text\n"
        "undefined: push $0\npush $6\njmp entry\nasked: push $0\npush $48\njmp entry\n"
        ".type entry, @function\nentry:\npusha\npush %esp\ncall handled\nadd $4, %esp\npopa\nadd $8, %esp\niret\n");
