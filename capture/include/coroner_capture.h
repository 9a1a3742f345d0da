/* coroner-capture for C, on Cortex-M. Link with the static library of capture/firmware/library.
 *
 * A program defines three things:
 *
 *     CORONER_STACK(2048)                      the stack that the capture runs on
 *     CORONER_VECTOR(HardFault_Handler)        and other vectors: the entry code
 *     void coroner_crashed(const coroner_crash *crash) { ... coroner_write(...); coroner_reset(); }
 *
 * and then crashes; the dump is the file that capture/FORMAT.md describes.
 */
#ifndef CORONER_CAPTURE_H
#define CORONER_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From start up to, not including, end. */
typedef struct {
    const void *start;
    const void *end;
} coroner_area;

#define CORONER_AREA_OF(variable) { &(variable), (const char *)&(variable) + sizeof(variable) }

typedef enum {
    CORONER_CUSTOM, CORONER_DRAM, CORONER_BSS, CORONER_DATA, CORONER_HEAP, CORONER_RTC,
    CORONER_RTC_FAST, CORONER_NOINIT, CORONER_STACK_REGION, CORONER_TAGGED, CORONER_MMIO
} coroner_kind;

/* Memory to take. */
typedef struct {
    coroner_area area;
    const char *name;  /* or NULL */
    uint8_t kind;      /* coroner_kind */
    uint8_t priority;  /* 255 is written first; 0: the kind's usual one */
    uint8_t access;    /* bytes of one access: 1, 2, 4; 0: the kind's usual one */
} coroner_region;

/* What goes into a dump: at most 16 regions, 8 exclusions, 8 areas of memory. With these macros, too many
 * do not compile: `CORONER_REGIONS(regions), CORONER_EXCLUDE(secrets), CORONER_MEMORY(ram), ...` */
#define CORONER_COUNT_OF(list, max)                                                                \
    (sizeof(list) / sizeof(*(list)) + 0 * sizeof(char[sizeof(list) / sizeof(*(list)) <= (max) ? 1 : -1]))
#define CORONER_REGIONS(list) .regions = (list), .region_count = CORONER_COUNT_OF(list, 16)
#define CORONER_EXCLUDE(list) .exclude = (list), .exclude_count = CORONER_COUNT_OF(list, 8)
#define CORONER_MEMORY(list) .memory = (list), .memory_count = CORONER_COUNT_OF(list, 8)

typedef struct {
    const coroner_region *regions;
    size_t region_count;
    const coroner_area *exclude; /* never taken, whatever asks for it */
    size_t exclude_count;
    const coroner_area *memory;  /* memory that may be read; none: all of it */
    size_t memory_count;
    coroner_area build_id;       /* contents of .note.gnu.build-id */
    coroner_area main_stack;
    uint32_t limit;              /* bytes of the dump, at most; 0: what the sink takes */
    bool (*pace)(void);          /* between blocks: feeds the watchdog; false: time is up. Or NULL */
} coroner_config;

typedef enum {
    CORONER_RUNNING, CORONER_READY, CORONER_BLOCKED, CORONER_SUSPENDED, CORONER_DELETED,
    CORONER_DAMAGED = 254, /* no task: the place of one whose entry was written over */
    CORONER_UNKNOWN = 255
} coroner_state;

/* How a task's registers lie on its stack, upwards from `sp`. */
typedef enum {
    CORONER_SAVED_HARDWARE,      /* the processor's frame */
    CORONER_SAVED_CALLEE,        /* r4-r11, then the processor's frame (ARM_CM0, ARM_CM3) */
    CORONER_SAVED_CALLEE_RETURN  /* r4-r11, EXC_RETURN, s16-s31 if live, then the frame (ARM_CM4F) */
} coroner_saved;

/* Added to a coroner_saved: the stack pointer is the first word of the control block, which the library
 * reads then, through the memory map. */
#define CORONER_SP_IN_TCB 0x80

typedef struct {
    uint32_t id;      /* never 0, different for each task */
    uint8_t state;    /* coroner_state */
    uint8_t priority;
    uint8_t saved;    /* coroner_saved, or with CORONER_SP_IN_TCB */
    coroner_area tcb;
    coroner_area stack;
    uintptr_t sp;
    const char *name; /* or NULL; 16 letters are kept */
} coroner_task;

typedef enum {
    CORONER_BLOCKS,      /* put(context, offset, bytes, len): multiples of 32, block 0 last */
    CORONER_TEXT,        /* put(context, 0, bytes, len): lines for a console */
    CORONER_SEMIHOSTING  /* the file core.elf beside the emulator; put is not used */
} coroner_sink_kind;

typedef struct {
    uint8_t kind;       /* coroner_sink_kind */
    uint32_t capacity;  /* for CORONER_BLOCKS */
    bool (*put)(void *context, uint32_t offset, const uint8_t *bytes, size_t len);
    void *context;
} coroner_sink;

typedef struct coroner_crash coroner_crash;

typedef enum { CORONER_COMPLETE, CORONER_TRUNCATED, CORONER_STOPPED, CORONER_FAILED } coroner_outcome;

/* Writes the dump. `room` is aligned to 8: about 48 bytes a task and 12 a segment. */
uint8_t coroner_write(const coroner_config *config, const coroner_crash *crash,
                      const coroner_task *tasks, size_t task_count, void *room, size_t room_len,
                      const coroner_sink *sink);

/* Whether the crash was inside an interrupt or exception handler. */
bool coroner_in_interrupt(const coroner_crash *crash);

/* Keeps place and message, and crashes. Both strings are constants. */
void coroner_abort(const char *file, uint32_t line, const char *message) __attribute__((noreturn));
#define CORONER_ASSERT(condition) \
    ((condition) ? (void)0 : coroner_abort(__FILE__, __LINE__, #condition))

void coroner_reset(void) __attribute__((noreturn));
void coroner_exit(uint32_t status) __attribute__((noreturn));
void coroner_separate_faults(void);

/* Defined by the program; does not return. */
void coroner_crashed(const coroner_crash *crash) __attribute__((noreturn));

/* The least that the stack of the capture must have: what coroner_write needs with any sink, as
 * scripts/capture-stack finds it, and 128 bytes for the program's own function. */
#define CORONER_MIN_STACK 2048

/* Reserves the stack of the capture. */
#define CORONER_STACK(bytes) \
    typedef char coroner_stack_is_too_small[(bytes) >= CORONER_MIN_STACK ? 1 : -1] __attribute__((unused)); \
    static uint8_t coroner_stack[bytes] __attribute__((aligned(16), section(".noinit.coroner"))); \
    void *const CORONER_STACK_TOP __attribute__((used)) = coroner_stack + sizeof(coroner_stack); \
    void *const CORONER_STACK_BOTTOM __attribute__((used)) = coroner_stack;

/* Makes the entry code the handler of an exception. */
#define CORONER_VECTOR(name) \
    __attribute__((naked, used)) void name(void) \
    { __asm volatile("ldr r0, =coroner_trap\n bx r0\n .ltorg"); }

/* Tags a variable, so that a dump holds it whatever else it has room for; or never. The fragments
 * link/coroner-gnu-*.ld place them in a linker script. */
#define CORONER_TAG __attribute__((section(".coredump.dram"), used))
#define CORONER_TAG_NOINIT __attribute__((section(".coredump.noinit"), used))
#define CORONER_TAG_RTC __attribute__((section(".coredump.rtc"), used))
#define CORONER_TAG_RTC_FAST __attribute__((section(".coredump.rtc_fast"), used))
#define CORONER_SECRET __attribute__((section(".coredump.secret"), used))

/* The bounds of all variables with one tag: dram, noinit, rtc, rtc_fast, secret. Once per file:
 * CORONER_DECLARE(rtc) */
#define CORONER_DECLARE(tag) extern char __coroner_##tag##_start[], __coroner_##tag##_end[];
#define CORONER_TAGGED_AREA(tag) { __coroner_##tag##_start, __coroner_##tag##_end }

/* Gives the variables tagged rtc or rtc_fast their initial values: after power-on, not after a
 * start from deep sleep. */
#define CORONER_INITIALISE(tag)                                                                  \
    do {                                                                                         \
        extern const char __coroner_##tag##_image[];                                             \
        for (char *to = __coroner_##tag##_start; to < __coroner_##tag##_end; to++) {             \
            *to = __coroner_##tag##_image[to - __coroner_##tag##_start];                         \
        }                                                                                        \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
