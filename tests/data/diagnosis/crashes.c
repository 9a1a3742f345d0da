/* Crashes of many kinds, one for each CASE, on bare machines. What fails is in functions of their own; the handler of
 * the fault is `stopped`, where the test looks at registers and memory. */
typedef unsigned long word;
#define FAR __attribute__((noinline, noclone))

struct gear { short teeth; short worn; };
struct motor { int id; int state; struct gear gears[2]; unsigned char flags; };

struct motor left = { 1, 2, { { 3, 4 }, { 5, 6 } }, 7 };
struct motor *motors[4] = { &left, 0, 0, (struct motor *)BAD_ADDR };
volatile word sink;
typedef int (*function)(int);
function handlers[2];
volatile char name[4] = "tick";

FAR int double_it(int n) { return n * 2; }

FAR void set_state(struct motor *m, int state) { m->state = state; }
FAR int worn(struct motor *m) { return m->gears[1].worn; }
FAR int flags(void)
{
    struct motor *third = motors[3];
    return third->flags;
}
FAR int through_stack(volatile int n)
{
    struct motor *volatile kept = motors[3];
    n++;
    return kept->id + n;
}
FAR int number_at(const int *numbers) { return *numbers; }
FAR int call(function f) { return f(5) + 3; }
FAR int divide(int a, int b) { return a / b; }
FAR int half_word(const volatile char *at) { return *(const volatile int *)at; }
FAR void give_up(void) { __builtin_trap(); }
FAR int forever(int n) { return n > 0 ? forever(n + 1) + 1 : *(volatile int *)BAD_ADDR; }
FAR int nested(int n) { return n > 0 ? nested(n - 1) + 1 : number_at((const int *)BAD_ADDR); }
FAR void copy(volatile word *to, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = 0x41414141;
}
FAR int smashed(int count)
{
    volatile word room[2];
    copy(room, count);
    return (int)room[0];
}

void prepare(void);
void raise_interrupt(void);
void run(void)
{
    prepare();
#if CASE == 1
    set_state(motors[3], 9);
#elif CASE == 2
    sink = worn((struct motor *)BAD_ADDR);
#elif CASE == 3
    sink = flags();
#elif CASE == 4
    sink = through_stack(1);
#elif CASE == 5
    sink = number_at((const int *)TEXT_ADDR);
#elif CASE == 6
    sink = number_at((const int *)0xa5a5a5a5);
#elif CASE == 7
    sink = call(handlers[1]);
#elif CASE == 8
    sink = call((function)BAD_CODE);
#elif CASE == 9
    sink = call((function)((word)double_it & ~1ul));
#elif CASE == 10
    sink = divide(5, (int)sink);
#elif CASE == 11
    sink = half_word((volatile char *)&left + 1);
#elif CASE == 12
    give_up();
#elif CASE == 13
    sink = smashed(16);
#elif CASE == 14
    sink = nested(40);
#elif CASE == 15
    set_state(motors[1], 9);
#elif CASE == 16
    sink = number_at((const int *)((word)&sink ^ 0x40000000));
#elif CASE == 18
    raise_interrupt();
#elif CASE == 17
    sink = (word)((float)sink * 1.5f);
#endif
}

#if defined(__arm__)
/* Of interrupt 3, which software can raise. */
FAR void radio(void) { set_state(motors[3], 9); }
void raise_interrupt(void)
{
    *(volatile word *)0xe000e100 = 1 << 3;
    *(volatile word *)0xe000e200 = 1 << 3;
    __asm__ volatile("dsb; isb");
}
void stopped(void);
__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.word stopped\n.word stopped\n.word stopped\n.word stopped\n"
        ".word stopped\n.space 36\n.word stopped\n.word stopped\n.word stopped\n.word radio\n.text\n.syntax unified\n.thumb\n.globl stopped\n.thumb_func\n.type stopped, %function\nstopped: b stopped\n"
        ".size stopped, . - stopped\n.globl _start\n.thumb_func\n.type _start, %function\n_start:\n.cfi_startproc\n"
        ".cfi_undefined lr\nbl run\n1: b 1b\n.cfi_endproc\n.size _start, . - _start\n");
void prepare(void)
{
    /* Division by zero and what is not aligned are faults. */
    *(volatile word *)0xe000ed14 |= 3 << 3;
#if defined(__ARM_FP) && CASE != 17
    *(volatile word *)0xe000ed88 |= 0xf << 20;
#endif
}
#elif defined(__riscv)
__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined ra\nla sp, stack_top\nla t0, stopped\n"
        "csrw mtvec, t0\ncall run\n1: j 1b\n.cfi_endproc\n.text\n.balign 4\n.globl stopped\nstopped: j stopped\n");
void prepare(void) {}
#else
__asm__(".section .start, \"ax\"\n.globl _start\n_start:\n.cfi_startproc\n.cfi_undefined x30\nldr x0, =stack_top\nmov sp, x0\n"
        "ldr x0, =vectors\nmsr vbar_el1, x0\nisb\nbl run\n1: b 1b\n.cfi_endproc\n.pool\n.text\n.balign 2048\nvectors:\n.space 0x200\n"
        ".globl stopped\nstopped: b stopped\n.space 0x600\n");
void prepare(void) {}
#endif
