/* The application on a kernel whose structures are NuttX': those of 12, or with CONFIG_VARIANT those
 * of 9. On RISC-V it has the table for debuggers as well. Facts: NuttX 9.1 and 12.9,
 * include/nuttx/sched.h, sched/sched/sched.h, arch/arm/include/armv7-m/irq.h,
 * arch/risc-v/include/irq.h, arch/risc-v/src/common/riscv_tcbinfo.c. */
#include "small.h"

#include <stddef.h>

enum tstate_e {
    TSTATE_TASK_INVALID = 0,
    TSTATE_TASK_PENDING,
    TSTATE_TASK_READYTORUN,
    TSTATE_TASK_RUNNING,
    TSTATE_TASK_INACTIVE,
    TSTATE_WAIT_SEM,
    TSTATE_WAIT_SIG,
    TSTATE_WAIT_MQNOTEMPTY,
    TSTATE_TASK_STOPPED,
    NUM_TASK_STATES
};
enum tstate_e keep_the_enumeration;
static const uint8_t states[] = { TSTATE_TASK_READYTORUN, TSTATE_TASK_RUNNING, TSTATE_WAIT_SIG,
                                  TSTATE_WAIT_MQNOTEMPTY, TSTATE_TASK_STOPPED };

#ifdef WITH_FLOAT
#define FIRST (11 + 16)
#define SECOND (8 + 18)
#else
#define FIRST 11
#define SECOND 8
#endif
#ifdef __riscv
#define FIRST_AND_SECOND 33
#else
#define FIRST_AND_SECOND (FIRST + SECOND)
#endif

struct xcptcontext {
    void *sigdeliver;
#ifdef CONFIG_VARIANT
    uint32_t saved_pc, saved_primask, saved_xpsr;
    uintptr_t regs[FIRST_AND_SECOND];
#else
    uintptr_t *saved_regs, *regs;
#endif
};

struct tcb_s;
struct semholder_s {
#ifndef CONFIG_VARIANT
    struct semholder_s *flink;
#endif
    struct tcb_s *htcb;
    int16_t counts;
};
typedef struct sem_s {
    volatile int16_t semcount;
    uint8_t flags;
#ifdef CONFIG_VARIANT
    struct semholder_s holder[2];
#else
    void *waitlist[2];
    struct semholder_s *hhead;
#endif
} sem_t;

struct tcb_s {
    struct tcb_s *flink, *blink;
    void *group;
#ifdef CONFIG_VARIANT
    int16_t pid;
#else
    int32_t pid;
#endif
    uint8_t sched_priority, init_priority;
    void *start, *entry;
    uint8_t task_state;
    size_t adj_stack_size;
#ifdef CONFIG_VARIANT
    void *stack_alloc_ptr, *adj_stack_ptr;
#else
    void *stack_alloc_ptr, *stack_base_ptr;
#endif
#ifdef CONFIG_VARIANT
    sem_t *waitsem;
#define WAITS waitsem
#else
    void *waitobj;
#define WAITS waitobj
#endif
    struct xcptcontext xcp;
    char name[24];
};

static struct tcb_s tasks[MOST];
/* Of the task that waits for a message: a test lets it wait for `bus`, which "sensor" holds. */
uint8_t *logger_state;
static sem_t bus;
#ifdef CONFIG_VARIANT
struct pidhash_s {
    struct tcb_s *tcb;
    int16_t pid;
} g_pidhash[16];
struct {
    struct tcb_s *head, *tail;
} g_readytorun;
#else
static struct tcb_s *table[16];
struct tcb_s **g_pidhash = table;
volatile int g_npidhash = 16;
struct tcb_s *g_running_tasks[1];
#endif

#if defined(__riscv) && !defined(CONFIG_VARIANT)
/* In GDB's order: x0 to x31, pc. There is no zero. */
#define W(n) ((n) * sizeof(uintptr_t))
static const uint16_t g_reg_offs[] = {
    0xffff, W(1), W(2), W(3), W(4), W(5), W(6), W(7), W(8), W(9), W(10), W(11), W(12), W(13), W(14), W(15),
    W(16), W(17), W(18), W(19), W(20), W(21), W(22), W(23), W(24), W(25), W(26), W(27), W(28), W(29), W(30),
    W(31), W(0),
};
struct tcbinfo_s {
    uint16_t pid_off, state_off, pri_off, name_off, stack_off, stack_size_off, regs_off, regs_num;
    union {
        uint8_t u[8];
        const uint16_t *p;
    } __attribute__((packed)) reg_off;
} __attribute__((packed));
const struct tcbinfo_s g_tcbinfo = {
    offsetof(struct tcb_s, pid), offsetof(struct tcb_s, task_state), offsetof(struct tcb_s, sched_priority),
    offsetof(struct tcb_s, name), offsetof(struct tcb_s, stack_base_ptr), offsetof(struct tcb_s, adj_stack_size),
    offsetof(struct tcb_s, xcp.regs), 33, { .p = g_reg_offs },
};
__attribute__((used)) static const struct tcbinfo_s *volatile const keep_the_table = &g_tcbinfo;
#endif

static void set_state(void *task, enum how how)
{
    ((struct tcb_s *)task)->task_state = states[how];
}

static void *make(const char *name, void (*entry)(void *), unsigned priority)
{
    struct tcb_s *tcb = &tasks[count];
    uintptr_t *top = &stacks[count][STACK_WORDS];
    copy_name(tcb->name, name, sizeof(tcb->name));
    tcb->pid = (int)count;
    tcb->sched_priority = (uint8_t)priority;
    tcb->entry = (void *)entry;
    tcb->stack_alloc_ptr = stacks[count];
    tcb->adj_stack_size = sizeof(stacks[0]);
#ifdef CONFIG_VARIANT
    tcb->adj_stack_ptr = top;
    uintptr_t *regs = tcb->xcp.regs;
    g_pidhash[count * 2].tcb = tcb;
    g_pidhash[count * 2].pid = tcb->pid;
#else
    tcb->stack_base_ptr = stacks[count];
    uintptr_t *regs = tcb->xcp.regs = top - FIRST_AND_SECOND;
    g_pidhash[count * 2] = tcb;
#endif
#ifdef __arm__
    regs[0] = (uintptr_t)top;
    regs[10] = 0xfffffffd;
    regs[FIRST + 6] = (uintptr_t)entry & ~(uintptr_t)1;
    regs[FIRST + 7] = 1 << 24;
#else
    regs[0] = (uintptr_t)entry;
    regs[2] = (uintptr_t)top;
    __asm("mv %0, gp" : "=r"(regs[3]));
    regs[32] = 0x1880;
#endif
    return tcb;
}

#ifdef CONFIG_VARIANT
#define REGS(tcb) ((uintptr_t **)(tcb)->xcp.regs)
#else
#define REGS(tcb) (&(tcb)->xcp.regs)
#endif

static void change(void *from, void *to)
{
    struct tcb_s *old = from, *new = to;
#ifdef CONFIG_VARIANT
    g_readytorun.head = new;
#else
    g_running_tasks[0] = new;
#endif
#ifdef __arm__
    pend(old ? REGS(old) : 0, REGS(new));
#else
    switch_context(old ? REGS(old) : 0, REGS(new));
#endif
}

void kernel_main(void)
{
    kernel_task("Idle_Task", idle_task, 0);
    app_start();
    logger_state = &tasks[4].task_state;
    tasks[4].WAITS = &bus;
    bus.semcount = -1;
#ifdef CONFIG_VARIANT
    bus.holder[1] = (struct semholder_s){ &tasks[2], 1 };
#else
    static struct semholder_s holder;
    holder.htcb = &tasks[2];
    holder.counts = 1;
    bus.hhead = &holder;
#endif
    go_on();
    for (;;) {
    }
}

#ifdef __arm__
/* Called by PendSV: the registers that it pushed are the old task's, and the answer is the new one's. */
__attribute__((used)) static uintptr_t *swap(uintptr_t *pushed, uint32_t exc_return)
{
    if (switch_from) {
        (void)exc_return;
#ifdef CONFIG_VARIANT
        uintptr_t *regs = (uintptr_t *)switch_from;
        for (int i = 0; i < FIRST + ((exc_return & 16) ? 8 : SECOND); i++) {
            regs[i] = pushed[i];
        }
#else
        *switch_from = pushed;
#endif
    }
#ifdef CONFIG_VARIANT
    uintptr_t *regs = (uintptr_t *)switch_to;
    int len = FIRST + ((regs[10] & 16) ? 8 : SECOND);
    uintptr_t *frame = (uintptr_t *)regs[0] - len;
    for (int i = 0; i < len; i++) {
        frame[i] = regs[i];
    }
    return frame;
#else
    return *switch_to;
#endif
}

__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(".syntax unified\n"
                   "mrs r0, psp\n"
                   "cmp r0, #0\n beq 1f\n"
                   "mov r2, r0\n"
#ifdef WITH_FLOAT
                   "tst lr, #16\n ite eq\n addeq r2, #104\n addne r2, #32\n"
                   "ite eq\n vstmdbeq r0!, {s16-s31}\n subne r0, #64\n"
#else
                   "add r2, #32\n"
#endif
                   "mrs r3, primask\n"
                   "stmdb r0!, {r2-r11, lr}\n"
                   "1: mov r1, lr\n bl swap\n"
                   "ldmia r0!, {r2-r11, lr}\n"
#ifdef WITH_FLOAT
                   "tst lr, #16\n ite eq\n vldmiaeq r0!, {s16-s31}\n addne r0, #64\n"
#endif
                   "msr psp, r0\n bx lr\n");
}
#else
#if __riscv_xlen == 64
#define WORD "8"
#define STORE "sd"
#define LOAD "ld"
#else
#define WORD "4"
#define STORE "sw"
#define LOAD "lw"
#endif
#define EACH(op, base)                                                                              \
    ".irp n, 3,4,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" op      \
    " x\\n, (\\n * " WORD ")(" base ")\n.endr\n"
/* a0: where the old task's registers go, by pointer or, with the variant, as they are. */
__attribute__((naked)) void switch_context(uintptr_t **from, uintptr_t **to)
{
    __asm volatile("beqz a0, 1f\n"
#ifndef CONFIG_VARIANT
                   "mv t0, sp\n addi sp, sp, -40 * " WORD "\n" STORE " sp, 0(a0)\n mv a0, sp\n"
#else
                   "mv t0, sp\n"
#endif
                   STORE " ra, 0(a0)\n" STORE " ra, 1 * " WORD "(a0)\n" STORE " t0, 2 * " WORD "(a0)\n"
                   EACH(STORE, "a0")
                   "csrr t0, mstatus\n" STORE " t0, 32 * " WORD "(a0)\n"
                   "1: mv a0, a1\n"
#ifndef CONFIG_VARIANT
                   LOAD " a0, 0(a0)\n"
#endif
                   LOAD " t0, 0(a0)\n csrw mepc, t0\n li t0, 0x1800\n csrw mstatus, t0\n"
                   LOAD " ra, 1 * " WORD "(a0)\n" LOAD " sp, 2 * " WORD "(a0)\n"
                   EACH(LOAD, "a0")
                   LOAD " a0, 10 * " WORD "(a0)\n mret\n");
}
#endif
