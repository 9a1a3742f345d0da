/* The application on a kernel whose structures are RT-Thread's: those of v5.1, or with
 * CONFIG_VARIANT those of v4.1. Facts: RT-Thread v4.1.1 and v5.1.0, include/rtdef.h,
 * include/rtsched.h, src/object.c, libcpu/. */
#include "small.h"

typedef struct list {
    struct list *next, *prev;
} rt_list_t;

enum rt_object_class_type {
    RT_Object_Class_Null,
    RT_Object_Class_Thread,
    RT_Object_Class_Semaphore,
    RT_Object_Class_Mutex,
    RT_Object_Class_Event,
    RT_Object_Class_MailBox,
    RT_Object_Class_MessageQueue
};

struct rt_object_information {
    enum rt_object_class_type type;
    rt_list_t object_list;
    uint32_t object_size;
};

#ifdef CONFIG_VARIANT
#define CONTAINER rt_object_container
#define NAME_ROOM 8
struct rt_object {
    char name[NAME_ROOM];
    uint8_t type, flag;
    rt_list_t list;
};
#define WAITS tlist
struct rt_thread {
    char name[NAME_ROOM];
    uint8_t type, flags;
    rt_list_t list, tlist;
    void *sp, *entry, *parameter, *stack_addr;
    uint32_t stack_size;
    long error;
    uint8_t stat;
    uint8_t current_priority, init_priority;
    uint32_t number_mask;
};
#define STAT stat
#define PRIORITY current_priority
#define OBJECT(member) member
static const uint8_t states[] = { 1, 3, 2, 2, 2 };
#else
#define CONTAINER _object_container
#define NAME_ROOM 12
struct rt_object {
    char name[NAME_ROOM];
    uint8_t type, flag;
    rt_list_t list;
};
struct rt_sched_thread_priv {
    uintptr_t init_tick, remaining_tick;
    uint8_t current_priority, init_priority;
    uint32_t number_mask;
};
struct rt_sched_thread_ctx {
    rt_list_t thread_list_node;
    uint8_t stat;
    uint8_t sched_flag_locked : 1, sched_flag_ttmr_set : 1;
    struct rt_sched_thread_priv sched_thread_priv;
};
struct rt_thread {
    struct rt_object parent;
    void *sp, *entry, *parameter, *stack_addr;
    uint32_t stack_size;
    long error;
    struct rt_sched_thread_ctx sched_thread_ctx;
};
#define WAITS sched_thread_ctx.thread_list_node
#define STAT sched_thread_ctx.stat
#define PRIORITY sched_thread_ctx.sched_thread_priv.current_priority
#define OBJECT(member) parent.member
static const uint8_t states[] = { 2, 3, 4, 4, 7 };
/* Its name tells a debugger which numbers the states have. */
__attribute__((used, noinline)) long rt_thread_suspend_with_flag(struct rt_thread *thread, int flag)
{
    return thread->STAT == flag;
}
#endif

struct rt_ipc_object {
    struct rt_object parent;
    rt_list_t suspend_thread;
};
struct rt_semaphore {
    struct rt_ipc_object parent;
    uint16_t value, reserved;
};
struct rt_mutex {
    struct rt_ipc_object parent;
    uint16_t value;
    uint8_t original_priority, hold;
    struct rt_thread *owner;
};
struct rt_messagequeue {
    struct rt_ipc_object parent;
    void *msg_pool;
    uint16_t msg_size, max_msgs, entry;
    void *msg_queue_head, *msg_queue_tail, *msg_queue_free;
    rt_list_t suspend_sender_thread;
};
static struct rt_semaphore button;
static struct rt_mutex bus, gate;
static struct rt_messagequeue orders;

/* The list of threads is not the first one. */
#define HEAD &CONTAINER[1].object_list
static struct rt_object_information CONTAINER[5] = {
    { RT_Object_Class_Semaphore, { &CONTAINER[0].object_list, &CONTAINER[0].object_list }, 40 },
    { RT_Object_Class_Thread, { HEAD, HEAD }, sizeof(struct rt_thread) },
    { RT_Object_Class_Mutex, { &CONTAINER[2].object_list, &CONTAINER[2].object_list }, sizeof bus },
    { RT_Object_Class_MessageQueue, { &CONTAINER[3].object_list, &CONTAINER[3].object_list }, sizeof orders },
};
struct rt_thread *rt_current_thread;
static struct rt_thread threads[MOST];

static void set_state(void *task, enum how how)
{
    ((struct rt_thread *)task)->STAT = states[how];
}

static void *make(const char *name, void (*entry)(void *), unsigned priority)
{
    struct rt_thread *thread = &threads[count];
    uintptr_t *top = &stacks[count][STACK_WORDS];
    copy_name(thread->OBJECT(name), name, NAME_ROOM);
    thread->OBJECT(type) = RT_Object_Class_Thread | 0x80;
    thread->stack_addr = stacks[count];
    thread->stack_size = sizeof(stacks[0]);
    thread->entry = (void *)entry;
    thread->PRIORITY = priority;
    rt_list_t *node = &thread->OBJECT(list), *head = HEAD;
    node->next = head->next;
    node->prev = head;
    head->next->prev = node;
    head->next = node;
#ifdef __arm__
    top = first_frame(top, entry) - 8;
#if defined(__ARM_ARCH_8M_MAIN__)
    *--top = 0;              /* control */
    *--top = (uintptr_t)stacks[count];
    *--top = 0xfffffffd;     /* EXC_RETURN */
    *--top = 0;              /* the secure context */
#elif defined(WITH_FLOAT)
    *--top = 0;
#endif
#else
    top -= 32;
    top[0] = (uintptr_t)entry;
    top[2] = 0x80;
#endif
    thread->sp = top;
    return thread;
}

static void change(void *from, void *to)
{
    struct rt_thread *old = from, *new = to;
    rt_current_thread = new;
#ifdef __arm__
    pend(old ? (uintptr_t **)&old->sp : 0, (uintptr_t **)&new->sp);
#else
    switch_context(old ? (uintptr_t **)&old->sp : 0, (uintptr_t **)&new->sp);
#endif
}

static void add(rt_list_t *head, rt_list_t *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

static void make_object(unsigned entry, struct rt_ipc_object *object, const char *name)
{
    copy_name(object->parent.name, name, NAME_ROOM);
    add(&CONTAINER[entry].object_list, &object->parent.list);
    object->suspend_thread.next = object->suspend_thread.prev = &object->suspend_thread;
}

/* As if "sensor" and "filter" waited for one another, and two others for what nobody gives. */
static void make_objects(void)
{
    struct rt_thread *sensor = &threads[2], *filter = &threads[3], *logger = &threads[4];
    make_object(0, &button.parent, "button");
    make_object(2, &bus.parent, "bus");
    make_object(2, &gate.parent, "gate");
    make_object(3, &orders.parent, "orders");
    orders.suspend_sender_thread.next = orders.suspend_sender_thread.prev = &orders.suspend_sender_thread;
    orders.max_msgs = orders.entry = 2;
    bus.owner = filter;
    gate.owner = sensor;
    add(&bus.parent.suspend_thread, &sensor->WAITS);
    add(&gate.parent.suspend_thread, &filter->WAITS);
    add(&orders.suspend_sender_thread, &logger->WAITS);
    add(&button.parent.suspend_thread, &threads[5].WAITS);
}

void kernel_main(void)
{
    kernel_task("tidle0", idle_task, 0);
    app_start();
    make_objects();
    go_on();
    for (;;) {
    }
}

#ifdef __arm__
__attribute__((naked)) void PendSV_Handler(void)
{
    __asm volatile(".syntax unified\n"
                   "ldr r0, =switch_from\n ldr r0, [r0]\n cbz r0, 1f\n"
                   "mrs r1, psp\n"
#ifdef WITH_FLOAT
                   "tst lr, #16\n it eq\n vstmdbeq r1!, {d8-d15}\n"
#endif
                   "stmdb r1!, {r4-r11}\n"
#if defined(__ARM_ARCH_8M_MAIN__)
                   "movs r2, #0\n mov r3, lr\n mrs r4, psplim\n mrs r5, control\n stmdb r1!, {r2-r5}\n"
#elif defined(WITH_FLOAT)
                   "movs r4, #0\n tst lr, #16\n it eq\n moveq r4, #1\n stmdb r1!, {r4}\n"
#endif
                   "str r1, [r0]\n"
                   "1: ldr r0, =switch_to\n ldr r0, [r0]\n ldr r1, [r0]\n"
                   "ldr lr, =0xfffffffd\n"
#if defined(__ARM_ARCH_8M_MAIN__)
                   "ldmia r1!, {r2-r5}\n mov lr, r3\n msr psplim, r4\n"
#elif defined(WITH_FLOAT)
                   "ldmia r1!, {r3}\n cmp r3, #0\n it ne\n bicne lr, #16\n"
#endif
                   "ldmia r1!, {r4-r11}\n"
#ifdef WITH_FLOAT
                   "tst lr, #16\n it eq\n vldmiaeq r1!, {d8-d15}\n"
#endif
                   "msr psp, r1\n bx lr\n .ltorg\n");
}
#else
#define EACH(op)                                                                                    \
    ".irp n, 4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n" op    \
    " x\\n, (\\n * " WORD ")(sp)\n.endr\n"
#if __riscv_xlen == 64
#define WORD "8"
#define STORE "sd"
#define LOAD "ld"
#else
#define WORD "4"
#define STORE "sw"
#define LOAD "lw"
#endif
__attribute__((naked)) void switch_context(uintptr_t **from, uintptr_t **to)
{
    __asm volatile("beqz a0, 1f\n"
                   "addi sp, sp, -32 * " WORD "\n" STORE " sp, 0(a0)\n"
                   STORE " ra, 0(sp)\n" STORE " ra, 1 * " WORD "(sp)\n"
                   "csrr a0, mstatus\n" STORE " a0, 2 * " WORD "(sp)\n"
                   EACH(STORE)
                   "1: " LOAD " sp, 0(a1)\n"
                   LOAD " a0, 0(sp)\n csrw mepc, a0\n" LOAD " ra, 1 * " WORD "(sp)\n"
                   "li a0, 0x1800\n csrw mstatus, a0\n"
                   EACH(LOAD)
                   "addi sp, sp, 32 * " WORD "\n mret\n");
}
#endif
