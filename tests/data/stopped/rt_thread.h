/* RT-Thread's structures as each of its versions has them, RELEASE being version * 10 + subversion, and
 * three threads that stand still. Facts: RT-Thread 992d3af (v4.0), 0007a6f (v5.0), 0729881 (v5.1)
 * include/rtdef.h, include/rtsched.h, src/object.c; apinggithub/rt-thread-2.1.0-hal 49025c9 (v2.1);
 * OpenSiFli/SiFli-SDK cbac8e5 (v3.1); lscwzd/rt-thread_codex 9fd8b1f (present, here 52). */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long word;

typedef struct rt_list_node {
    struct rt_list_node *next, *prev;
} rt_list_t;

#if RELEASE < 31
enum rt_object_class_type { RT_Object_Class_Thread, RT_Object_Class_Semaphore, RT_Object_Class_Static = 0x80 };
#else
enum rt_object_class_type {
    RT_Object_Class_Null,
    RT_Object_Class_Thread,
    RT_Object_Class_Semaphore,
    RT_Object_Class_Static = 0x80
};
#endif

struct rt_object {
#ifdef NAME_POINTER
    const char *name;
#else
    char name[10];
#endif
    u8 type, flag;
#ifdef WITH_MODULE
    void *module_id;
#endif
    rt_list_t list;
};

struct rt_object_information {
    enum rt_object_class_type type;
    rt_list_t object_list;
    word object_size;
#if RELEASE >= 51
    u32 spinlock;
#endif
};

#if RELEASE >= 51
struct rt_sched_thread_priv {
    u32 init_tick, remaining_tick;
    u8 current_priority, init_priority;
#ifdef MANY_PRIORITIES
    u8 number, high_mask;
#endif
    u32 number_mask;
};
struct rt_sched_thread_ctx {
    rt_list_t thread_list_node;
    u8 stat;
    u8 sched_flag_locked : 1, sched_flag_ttmr_set : 1;
#ifdef CORES
    u8 bind_cpu, oncpu;
    long critical_lock_nest;
#endif
    struct rt_sched_thread_priv sched_thread_priv;
};
#endif

struct rt_thread {
#if RELEASE >= 50
    struct rt_object parent;
#if RELEASE < 51
    rt_list_t tlist;
#endif
#else
    char name[10];
    u8 type, flags;
#ifdef WITH_MODULE
    void *module_id;
#endif
    rt_list_t list, tlist;
#endif
    void *sp, *entry, *parameter, *stack_addr;
#if RELEASE < 31
    u16 stack_size;
#else
    u32 stack_size;
#endif
    long error;
#if RELEASE >= 51
    struct rt_sched_thread_ctx sched_thread_ctx;
#else
    u8 stat;
#ifdef CORES
    u8 bind_cpu, oncpu;
    u16 scheduler_lock_nest, cpus_lock_nest, critical_lock_nest;
#endif
    u8 current_priority, init_priority;
#ifdef MANY_PRIORITIES
    u8 number, high_mask;
#endif
    u32 number_mask;
#endif
    u32 user_data;
};

/* v5.0 numbered the states anew. */
#if RELEASE >= 50
enum { READY = 2, RUNNING = 3, SUSPENDED = 7 };
__attribute__((used, noinline)) long rt_thread_suspend_with_flag(void *thread, int flag)
{
    return (long)thread + flag;
}
#define OBJECT(member) parent.member
#else
enum { READY = 1, RUNNING = 3, SUSPENDED = 2 };
#define OBJECT(member) member
#endif
#if RELEASE >= 51
#define STAT sched_thread_ctx.stat
#define PRIORITY sched_thread_ctx.sched_thread_priv.current_priority
#else
#define STAT stat
#define PRIORITY current_priority
#endif

#if RELEASE >= 41
#define CONTAINER _object_container
#define STORAGE static
#else
#define CONTAINER rt_object_container
#define STORAGE
#endif
STORAGE struct rt_object_information CONTAINER[2];
static struct rt_thread main_thread, lcd_thread, ble_thread;
static struct rt_object semaphore;

#define HEAD CONTAINER[0].object_list
#define NODE(thread) thread.OBJECT(list)

/* Code that frames may point into: the tests say where it is linked to. */
__attribute__((used, naked, section(".text.first"))) void code(void)
{
    __asm volatile(".rept 128\n nop\n .endr");
}

#define STACK_WORDS 128
/* The saved stack pointer is 24 words above the stack's end; a crash's exception frame, if there is
 * one, 40 words. */
#define SP_AT 24
#define CRASH_AT 40
#ifndef CRASH_FRAME
#define CRASH_FRAME 0
#endif
#define STACK static word __attribute__((aligned(8)))
STACK main_stack[STACK_WORDS] = { [0] = 0x23232323, [SP_AT] = 0xdddddddd, [CRASH_AT] = CRASH_FRAME };
STACK lcd_stack[STACK_WORDS] = { [0] = 0x23232323, [SP_AT] = LCD_FRAME };
STACK ble_stack[STACK_WORDS] = { [0] = 0x23232323, [SP_AT] = BLE_FRAME };

#define THREAD(thread, title, next_node, prev_node, where, state, level)                                         \
    static struct rt_thread thread = {                                                                          \
        .OBJECT(name) = title,                                                                            \
        .OBJECT(type) = RT_Object_Class_Thread | RT_Object_Class_Static,                                        \
        .OBJECT(list) = { next_node, prev_node },                                                               \
        .sp = &where[SP_AT],                                                                                    \
        .entry = code,                                                                                          \
        .stack_addr = where,                                                                                    \
        .stack_size = sizeof(where),                                                                            \
        .STAT = state,                                                                                          \
        .PRIORITY = level,                                                                                      \
    };
THREAD(main_thread, "main", &NODE(lcd_thread), &HEAD, main_stack, RUNNING, 10)
THREAD(lcd_thread, "lcd", &NODE(ble_thread), &NODE(main_thread), lcd_stack, SUSPENDED, 12)
THREAD(ble_thread, "ble", &HEAD, &NODE(lcd_thread), ble_stack, READY, 14)

static struct rt_object semaphore = {
    .name = "shlock",
    .type = RT_Object_Class_Semaphore | RT_Object_Class_Static,
    .list = { &CONTAINER[1].object_list, &CONTAINER[1].object_list },
};

STORAGE struct rt_object_information CONTAINER[2] = {
    { RT_Object_Class_Thread, { &NODE(main_thread), &NODE(ble_thread) }, sizeof(struct rt_thread) },
    { RT_Object_Class_Semaphore, { &semaphore.list, &semaphore.list }, sizeof(semaphore) },
};
__attribute__((used)) static void *const keep[] = { CONTAINER, &semaphore };

/* Who runs. */
#if defined(CORES) || RELEASE >= 52
struct rt_cpu {
    struct rt_thread *current_thread;
    struct rt_thread *idle_thread;
    u32 irq_nest;
};
#endif
#if defined(CORES) && RELEASE >= 50
static struct rt_cpu _cpus[CORES] __attribute__((used)) = { { &main_thread }, { &ble_thread } };
#elif defined(CORES)
struct rt_cpu rt_cpus[CORES] = { { &main_thread }, { &ble_thread } };
#elif RELEASE >= 52
static struct rt_cpu _cpu __attribute__((used)) = { &main_thread };
#else
struct rt_thread *rt_current_thread = &main_thread;
#endif
