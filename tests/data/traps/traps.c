/* Traps of every kind, handled 1 to 8 calls deep. Each stop is a call of `stopped`, where the test looks
 * at registers and memory; then the handler returns behind the instruction that trapped and the next
 * depth follows. Built with -DCASE=.. (below) for one machine each. */

#define FAULT 0     /* a load from nowhere, registers saved on the stack that was in use */
#define SWITCHED 1  /* the same; only what calls lose is saved, the handler has a stack of its own */
#define COMPILED 2  /* RISC-V: the entry is a C function of attribute interrupt */
#define TAIL 3      /* the handler is jumped to with a return address made by hand */
#define INTERRUPT 4 /* no fault: an interrupt, while CFSR, mcause or ESR tell of an earlier one */
#define NESTED 5    /* a fault in the handler of an interrupt */
#define NOWHERE 6   /* a call of address 0 */
/* Cortex-M: */
#define CHAINED 7       /* an interrupt whose handler begins where another's ended, without unstacking */
#define CHAINED_FAULT 8 /* a fault in the handler of such a one */
#define DEEP 9          /* an interrupt in the handler of an interrupt */
#define DEEP_FAULT 10   /* a fault in the handler of that */
#define INTERRUPTS (CASE == INTERRUPT || CASE == NESTED || CASE >= CHAINED)

#ifndef CASE
#define CASE FAULT
#endif
#define FAR __attribute__((noinline, noclone))

volatile unsigned depth = 1, traps, sink;
volatile unsigned psp_now;
FAR void stopped(void) { __asm__ volatile("" ::: "memory"); sink++; }

FAR int deeper(unsigned left)
{
    volatile int room[5];
    room[0] = (int)left;
    if (left > 1)
        return deeper(left - 1) + room[0];
    stopped();
    return room[0];
}

FAR void handle(void) { sink += (unsigned)deeper(depth); traps++; }

typedef int (*function)(int);
#if defined(__i386__)
/* Every address has memory here. */
FAR int poke(volatile int *at) { __asm__ volatile("ud2"); return (int)at; }
#else
FAR int poke(volatile int *at) { return *at + 3; }
#endif
FAR int call(function at) { return at(5) + 3; }
void raise(void);
int waited(int);

FAR int middle(int n)
{
    volatile int room[3];
    room[1] = n;
#if CASE == NOWHERE
    return call((function)0) + room[1];
#elif INTERRUPTS
    return waited(n) + room[1];
#else
    return poke((volatile int *)NOWHERE_ADDR) + room[1];
#endif
}

FAR int outer(int n) { return middle(n + 1) + 1; }

#if INTERRUPTS
FAR int waited(int n)
{
    raise();
    return n + (int)sink;
}
#endif

void prepare(void);
void run(void)
{
    prepare();
#if CASE == INTERRUPT
    /* A fault that was handled: its words are left over. */
    poke((volatile int *)NOWHERE_ADDR);
#endif
    for (depth = 1; depth <= 8; depth++)
        sink += (unsigned)outer((int)depth);
    for (;;)
        stopped();
}

#if defined(__riscv)
#include "riscv.h"
#elif defined(__aarch64__)
#include "aarch64.h"
#elif defined(__arm__)
#include "cortex_m.h"
#elif defined(__i386__)
#include "x86.h"
#elif defined(__x86_64__)
#include "x86_64.h"
#endif
