/* coroner-capture for C and C++, on Cortex-M and RISC-V (on Xtensa: coroner_xtensa.h). Link with the static
 * library that capture/c/build makes.
 *
 * A program defines three things:
 *
 *     CORONER_STACK(2048)                      the stack that the capture runs on
 *     CORONER_VECTOR(HardFault_Handler)        and other vectors: the entry code; RISC-V: CORONER_TRAP_VECTOR
 *     void coroner_crashed(const coroner_crash *crash) { ... coroner_write(...); coroner_reset(); }
 *
 * and then crashes; the dump is the file that capture/FORMAT.md describes. A program whose system has a handler of
 * its own needs none of the three: it fills in a coroner_frame there, and calls coroner_write_frame.
 *
 * All lengths are in bytes. Strings end with NUL, are UTF-8, and 255 letters of them are kept at most.
 */
#ifndef CORONER_CAPTURE_H
#define CORONER_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coroner_store.h"

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

/* Regions that become known while the program runs: at most 8, which nothing takes back. Zeros at the start:
 * static coroner_registry added; */
typedef struct {
    uintptr_t words[80];
} coroner_registry;

/* Adds a region; the registry keeps a copy of it, not of its name. False: there is no room, or another context is
 * adding one at this very moment. Not for the handler. */
bool coroner_add_region(coroner_registry *registry, const coroner_region *region);

/* A string about the device: { "serial", serial_number }. */
typedef struct {
    const char *key;
    const char *value;
} coroner_info;

/* What goes into a dump: at most 16 regions, 8 exclusions, 8 areas of memory, 8 strings. With these macros, too
 * many do not compile: `CORONER_REGIONS(regions), CORONER_EXCLUDE(secrets), CORONER_MEMORY(ram), ...` */
#define CORONER_COUNT_OF(list, max)                                                                \
    (sizeof(list) / sizeof(*(list)) + 0 * sizeof(char[sizeof(list) / sizeof(*(list)) <= (max) ? 1 : -1]))
#define CORONER_REGIONS(list) .regions = (list), .region_count = CORONER_COUNT_OF(list, 16)
#define CORONER_EXCLUDE(list) .exclude = (list), .exclude_count = CORONER_COUNT_OF(list, 8)
#define CORONER_MEMORY(list) .memory = (list), .memory_count = CORONER_COUNT_OF(list, 8)
#define CORONER_INFO(list) .info = (list), .info_count = CORONER_COUNT_OF(list, 8)

struct coroner_task;

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
    const coroner_registry *added;  /* or NULL */
    const coroner_info *info;       /* see CORONER_INFO */
    size_t info_count;
    uint64_t (*uptime_us)(void);    /* microseconds since the start, for the dump. Or NULL */
    const uint32_t *reset_reason;   /* why the device had started, for the dump. Or NULL */
    /* For tasks that say CORONER_SAVED_ASK: fills in the registers by their numbers (coroner_register) and answers
     * which are known, bit n for number n. It is called more than once a task. Or NULL */
    uint64_t (*registers)(const struct coroner_task *task, uintptr_t *registers);
} coroner_config;

typedef enum {
    CORONER_RUNNING, CORONER_READY, CORONER_BLOCKED, CORONER_SUSPENDED, CORONER_DELETED,
    CORONER_DAMAGED = 254, /* no task: the place of one whose entry was written over */
    CORONER_UNKNOWN = 255
} coroner_state;

/* How a task's registers lie on its stack, upwards from `sp`, while it does not run. */
typedef enum {
    CORONER_SAVED_HARDWARE,      /* the processor's frame */
    CORONER_SAVED_CALLEE,        /* r4-r11, then the processor's frame (ARM_CM0, ARM_CM3) */
    CORONER_SAVED_CALLEE_RETURN, /* r4-r11, EXC_RETURN, s16-s31 if live, then the frame (ARM_CM4F) */
    CORONER_SAVED_ASK            /* somewhere else: coroner_config.registers knows. The only one on RISC-V */
} coroner_saved;

/* Added to a coroner_saved: the stack pointer is the first word of the control block, which the library
 * reads then, through the memory map. */
#define CORONER_SP_IN_TCB 0x80

typedef struct coroner_task {
    uint32_t id;      /* never 0, different for each task */
    uint8_t state;    /* coroner_state */
    uint8_t priority;
    uint8_t saved;    /* coroner_saved, or with CORONER_SP_IN_TCB */
    coroner_area tcb;
    coroner_area stack;
    uintptr_t sp;
    const char *name; /* or NULL; read through the memory map, 16 letters are kept */
} coroner_task;

typedef enum {
    CORONER_BLOCKS,      /* put(context, offset, bytes, len): multiples of 32, block 0 last */
    CORONER_TEXT,        /* put(context, 0, bytes, len): lines for a console */
    CORONER_SEMIHOSTING, /* the file core.elf beside the emulator; put is not used */
    CORONER_STORE        /* a blank slot of the coroner_store at `context`; or memory that outlives the reset */
} coroner_sink_kind;

typedef struct {
    uint8_t kind;       /* coroner_sink_kind */
    uint32_t capacity;  /* for CORONER_BLOCKS */
    bool (*put)(void *context, uint32_t offset, const uint8_t *bytes, size_t len);
    void *context;
} coroner_sink;

/* { CORONER_STORE, 0, NULL, ... } for a constant `store`. */
#define CORONER_SINK_OF(store) { CORONER_STORE, 0, NULL, (void *)&(store) }

typedef struct coroner_crash coroner_crash;

typedef enum { CORONER_COMPLETE, CORONER_TRUNCATED, CORONER_STOPPED, CORONER_FAILED } coroner_outcome;

/* Writes the dump; answers a coroner_outcome. `room` is aligned to 8: 48 bytes a task (40 more on 64 bits) and 12 a
 * segment, that is a region, a stack or a piece of one. Too little room, and the least valuable is left out.
 * CORONER_FAILED: no blank slot, no answer from the emulator, too many regions, or a capture under way. */
uint8_t coroner_write(const coroner_config *config, const coroner_crash *crash,
                      const coroner_task *tasks, size_t task_count, void *room, size_t room_len,
                      const coroner_sink *sink);

typedef enum { CORONER_FAULT, CORONER_PANIC, CORONER_ABORTED, CORONER_WATCHDOG } coroner_cause;

/* What is known about a crash. The two texts do not end with NUL. */
typedef struct {
    uint8_t kind;         /* coroner_cause */
    uint8_t signal;       /* as GDB counts them: 4 ILL, 5 TRAP, 6 ABRT, 7 BUS, 8 FPE, 11 SEGV */
    bool in_interrupt;    /* inside an interrupt or exception handler */
    bool retry;           /* the capture itself has faulted: write less, try another sink */
    bool frame_lost;      /* the processor could not push its frame: pc and others are not known */
    bool address_known;
    uint32_t code;        /* number of the exception on Cortex-M, mcause on RISC-V */
    uintptr_t address;    /* whose access has failed */
    const char *message;
    size_t message_len;
    const char *file;
    size_t file_len;
    uint32_t line;
} coroner_facts;

void coroner_facts_of(const coroner_crash *crash, coroner_facts *facts);
bool coroner_in_interrupt(const coroner_crash *crash);
bool coroner_is_retry(const coroner_crash *crash);

/* Registers by number. Cortex-M: r0-r12, then these; RISC-V: pc is 0, and x1-x31 have their own numbers. */
#if defined(__riscv)
#define CORONER_REGISTER_COUNT 32
enum { CORONER_PC = 0, CORONER_RA = 1, CORONER_SP = 2, CORONER_S0 = 8 };
#elif defined(__XTENSA__)
#define CORONER_REGISTER_COUNT 128
enum { CORONER_PC = 0, CORONER_SP = 65 };
#else
#define CORONER_REGISTER_COUNT 18
enum { CORONER_SP = 13, CORONER_LR = 14, CORONER_PC = 15, CORONER_XPSR = 16 };
#endif

/* A register of the crashed context. False: it is not known. */
bool coroner_register(const coroner_crash *crash, uint32_t number, uintptr_t *value);

/* A crash that another handler has caught: that of a system, or one in C. Zeros, and then what is known. */
typedef struct {
    uintptr_t registers[CORONER_REGISTER_COUNT];
    uint64_t known;           /* bit n: registers[n] holds what it held at the crash */
    uint32_t code;            /* as in coroner_facts, the next six as well */
    uint8_t kind;
    uint8_t signal;
    bool in_interrupt;
    bool address_known;
    bool retry;
    bool frame_lost;          /* the processor could not push its frame */
    bool has_status;          /* `status` is known */
    uintptr_t address;
    uintptr_t interrupted_sp; /* of the task that was interrupted, if in_interrupt; 0: unknown */
    uint32_t line;
    const char *file;         /* or NULL */
    const char *message;      /* or NULL */
    /* Cortex-M: CFSR, HFSR, DFSR, MMFAR, BFAR, AFSR, SFSR, SFAR as they were; without them those of the moment of
     * writing are noted. */
    uint32_t status[8];
} coroner_frame;

#if defined(__riscv)
/* Fills in cause and pc from mcause, mtval and mepc, which must still be those of the crash. */
void coroner_frame_of_trap(coroner_frame *frame);
#elif !defined(__XTENSA__)
/* Fills in the registers that the processor has pushed, and the cause from the fault status registers, which must
 * still be those of the crash. `stacked`: the eight words r0-r3, r12, lr, pc, xPSR, or a copy of them. `sp`: where
 * the processor pushed them; 0: at `stacked`. `exc_return`: lr at the entry of the exception. r4-r11 are the
 * caller's to add: registers[4], and bit 4 of known, and so on. */
void coroner_frame_of_exception(coroner_frame *frame, const uint32_t *stacked, uintptr_t sp, uint32_t exc_return);
#endif

/* As coroner_write, of such a crash. To be called with interrupts off, on a stack with CORONER_MIN_STACK bytes left, by
 * one caller: for several sinks one after the other. After a fault in it, only with `retry`. */
uint8_t coroner_write_frame(const coroner_config *config, const coroner_frame *frame,
                            const coroner_task *tasks, size_t task_count, void *room, size_t room_len,
                            const coroner_sink *sink);

/* Keeps place and message, and crashes. Both strings are constants. */
void coroner_abort(const char *file, uint32_t line, const char *message) __attribute__((noreturn));
#define CORONER_ASSERT(condition) \
    ((condition) ? (void)0 : coroner_abort(__FILE__, __LINE__, #condition))

/* The handler's last act: resets the chip, keeping memory. On RISC-V, which has no common way, by the program's
 * `void coroner_platform_reset(void)`; without one the program starts over at `_start`. */
void coroner_reset(void) __attribute__((noreturn));
/* Ends an emulator, through semihosting. */
void coroner_exit(uint32_t status) __attribute__((noreturn));
/* Cortex-M but v6-M: gives memory, bus and usage faults vectors of their own, for which CORONER_VECTOR is needed
 * then; they are HardFault else. */
void coroner_separate_faults(void);
/* RISC-V without interrupts: every trap is a crash. With interrupts: CORONER_TRAP_VECTOR. */
void coroner_install_trap(void);

/* Defined by the program; does not return. */
void coroner_crashed(const coroner_crash *crash) __attribute__((noreturn));

/* The least that the stack of the capture must have: what coroner_write needs with any sink, as
 * scripts/capture-stack finds it, and 128 bytes for the program's own function. */
#define CORONER_MIN_STACK 2048

#ifdef __cplusplus
#define CORONER_C extern "C"
#else
#define CORONER_C
#endif

/* Reserves the stack of the capture. */
extern void *const CORONER_STACK_TOP, *const CORONER_STACK_BOTTOM;
#define CORONER_STACK(bytes) \
    typedef char coroner_stack_is_too_small[(bytes) >= CORONER_MIN_STACK ? 1 : -1] __attribute__((unused)); \
    static uint8_t coroner_stack[bytes] __attribute__((aligned(16), section(".noinit.coroner"))); \
    void *const CORONER_STACK_TOP __attribute__((used)) = coroner_stack + sizeof(coroner_stack); \
    void *const CORONER_STACK_BOTTOM __attribute__((used)) = coroner_stack;

/* Makes the entry code the handler of an exception on Cortex-M. */
#define CORONER_VECTOR(name) \
    CORONER_C __attribute__((naked, used)) void name(void) \
    { __asm volatile("ldr r0, =coroner_trap\n bx r0\n .ltorg"); }

/* On RISC-V: a trap vector, for mtvec in direct mode, that takes exceptions for crashes and goes on to the function
 * `interrupts` with all others, as mtvec would. Uses mscratch. */
#define CORONER_TRAP_VECTOR(name, interrupts) \
    CORONER_C __attribute__((naked, used, aligned(4))) void name(void) \
    { __asm volatile("csrw mscratch, t0\n csrr t0, mcause\n bltz t0, 1f\n csrr t0, mscratch\n" \
                     "j coroner_trap\n 1: csrr t0, mscratch\n j " #interrupts); }

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
