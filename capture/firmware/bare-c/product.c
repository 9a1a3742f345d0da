/* A product in C, with all that the library offers, to copy from: it crashes twice and sends both dumps.
 *
 * The first crash enters through the entry code and goes to memory that outlives the reset; the next start moves
 * it to the flash, reads it in chunks, marks it as sent, and crashes again. The second crash is caught by a handler
 * of the program's own, whose frame goes to the flash at once. The start after that sends it, erases the flash
 * step by step, and ends. "Sent" is a file beside the emulator. */
#include <string.h>

#include "coroner_capture.h"

#define CHECK(condition) ((condition) ? (void)0 : coroner_exit(100 + __LINE__ % 100))

CORONER_STACK(2304)
CORONER_RETAINED(kept, 2048, CORONER_KEEP_FIRST)
CORONER_BOOTS(boots_room)

/* The flash of the nRF51: a driver of four functions, all of them polled. */
#define NVMC ((volatile uint32_t *)0x4001e000)
enum { READY = 0x400 / 4, CONFIG = 0x504 / 4, ERASE_PAGE = 0x508 / 4, PAGE = 1024 };

static uint32_t fed;

static bool flash_read(void *base, uint32_t at, uint8_t *bytes, size_t len)
{
    memcpy(bytes, (const char *)base + at, len);
    return true;
}

static bool flash_write(void *base, uint32_t at, const uint8_t *bytes, size_t len)
{
    volatile uint32_t *to = (volatile uint32_t *)((char *)base + at);
    NVMC[CONFIG] = 1;
    for (size_t index = 0; index < len / 4; index++) {
        uint32_t word;
        memcpy(&word, bytes + 4 * index, 4);
        to[index] = word;
        while (!(NVMC[READY] & 1)) {
        }
    }
    NVMC[CONFIG] = 0;
    return true;
}

static bool flash_erase(void *base, uint32_t at)
{
    NVMC[CONFIG] = 2;
    NVMC[ERASE_PAGE] = (uint32_t)base + at;
    while (!(NVMC[READY] & 1)) {
    }
    NVMC[CONFIG] = 0;
    return true;
}

static void feed_watchdog(void *base)
{
    (void)base;
    fed++;
}

static const coroner_store flash = {
    .read = flash_read, .write = flash_write, .erase = flash_erase, .feed = feed_watchdog,
    .context = (void *)0x20000, .start = 4 * PAGE, .len = 8 * PAGE, .erase_unit = PAGE, .slots = 2,
    .keep = CORONER_KEEP_LAST,
};

CORONER_DECLARE(build_id)
extern char _sdata[], _edata[], _sbss[], _ebss[], _sidata[], _estack[];

CORONER_TAG uint32_t litres = 3;
CORONER_TAG_NOINIT uint32_t pumps;
static uint32_t buffer[16];
static char serial[8];
static uint32_t reset_reason;
static coroner_registry added;
static volatile bool own_handler;

static const coroner_region regions[] = {
    { { _sdata, _edata }, NULL, CORONER_DATA, 0, 0 },
    { CORONER_AREA_OF(pumps), "pumps", CORONER_CUSTOM, 240, 4 },
};
/* The flash too, for the name of the task. */
static const coroner_area memory[] = {
    { (void *)0x20000000, (void *)0x20004000 },
    { (void *)0, (void *)0x20000 },
};
static const coroner_info strings[] = { { "serial", serial }, { "firmware", "1.2.3" } };

static uint64_t uptime_us(void)
{
    return 1234567;
}

static uint32_t blocks;

static bool pace(void)
{
    blocks++;
    return true;
}

static const coroner_config config = {
    CORONER_REGIONS(regions), CORONER_MEMORY(memory), CORONER_INFO(strings),
    .build_id = CORONER_TAGGED_AREA(build_id), .limit = 2500, .pace = pace, .added = &added,
    .uptime_us = uptime_us, .reset_reason = &reset_reason,
};
static const coroner_task main_task = {
    .id = 1, .state = CORONER_RUNNING, .stack = { _estack - 1024, _estack }, .name = "main",
};
static uint64_t room[96];

void coroner_crashed(const coroner_crash *crash)
{
    static const coroner_sink sink = CORONER_SINK_OF(kept);
    coroner_facts facts;
    uintptr_t pc, number;
    coroner_boots_crashed(boots_room);
    coroner_facts_of(crash, &facts);
    CHECK(facts.kind == CORONER_ABORTED && facts.signal == 6 && facts.line > 0);
    CHECK(facts.message_len == 8 && memcmp(facts.message, "dry pump", 8) == 0);
    CHECK(!coroner_is_retry(crash) && !coroner_in_interrupt(crash));
    CHECK(coroner_register(crash, CORONER_PC, &pc) && pc < 0x20000);
    CHECK(!coroner_register(crash, 17, &number));
    CHECK(coroner_write(&config, crash, &main_task, 1, room, sizeof(room), &sink) == CORONER_COMPLETE);
    CHECK(blocks > 10);
    /* One that nobody has taken yet stays. */
    CHECK(coroner_write(&config, crash, &main_task, 1, room, sizeof(room), &sink) == CORONER_FAILED);
    coroner_reset();
}

static uint32_t callee_saved[8] __attribute__((used));

/* A handler of one's own, as a system or a product may have it. */
__attribute__((used)) void own_fault(const uint32_t *stacked, uint32_t exc_return)
{
    static const coroner_sink sink = CORONER_SINK_OF(flash);
    static coroner_frame frame;
    coroner_boots_crashed(boots_room);
    coroner_frame_of_exception(&frame, stacked, 0, exc_return);
    for (int index = 0; index < 8; index++) {
        frame.registers[4 + index] = callee_saved[index];
        frame.known |= 1u << (4 + index);
    }
    frame.message = "caught by the product";
    CHECK(coroner_write_frame(&config, &frame, &main_task, 1, room, sizeof(room), &sink) == CORONER_COMPLETE);
    coroner_reset();
}

__attribute__((naked)) void HardFault_Handler(void)
{
    __asm volatile("ldr r0, =own_handler\n ldrb r0, [r0]\n cmp r0, #0\n bne 1f\n"
                   "ldr r0, =coroner_trap\n bx r0\n"
                   "1: ldr r0, =callee_saved\n stmia r0!, {r4-r7}\n"
                   "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n stmia r0!, {r4-r7}\n"
                   "mrs r0, msp\n mov r1, lr\n ldr r2, =own_fault\n bx r2\n .ltorg");
}

/* Semihosting, for the files: SYS_OPEN, SYS_WRITE, SYS_CLOSE. */
static uintptr_t semihosting(uintptr_t number, uintptr_t a, uintptr_t b, uintptr_t c)
{
    uintptr_t block[3] = { a, b, c };
    register uintptr_t call __asm("r0") = number;
    register uintptr_t *arguments __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(call) : "r"(arguments) : "memory");
    return call;
}

/* The dump in chunks, as an upload would have it. */
static void upload(const coroner_stored *dump, const char *name)
{
    uint8_t chunk[96];
    uint32_t at = 0;
    int32_t len;
    uintptr_t file = semihosting(1, (uintptr_t)name, 5, strlen(name));
    while ((len = coroner_read(&flash, dump, at, chunk, sizeof(chunk))) > 0) {
        semihosting(5, file, (uintptr_t)chunk, (uintptr_t)len);
        at += (uint32_t)len;
    }
    CHECK(len == 0 && at == dump->length);
    CHECK(coroner_read(&flash, dump, 8, chunk, sizeof(chunk)) == -1);
    semihosting(2, file, 0, 0);
}

static void make_room(void)
{
    coroner_eraser eraser = { 0 };
    while (coroner_prepare(&flash, &eraser) == CORONER_YES) {
    }
}

/* What every start does: a dump in memory goes to the flash, one in the flash is sent, and there is room for another
 * one. Answers the number of dumps. */
static unsigned send_dumps(const char *name)
{
    coroner_stored dump;
    unsigned count = 0;
    make_room();
    if (coroner_find(&kept, &dump) == CORONER_YES) {
        CHECK(coroner_move(&kept, &dump, &flash));
        CHECK(coroner_find(&kept, &dump) == CORONER_NO);
    }
    while (coroner_find(&flash, &dump) == CORONER_YES) {
        upload(&dump, name);
        CHECK(coroner_mark_sent(&flash, &dump) && dump.sent);
        count++;
    }
    /* For the next crash: the handler erases nothing. */
    make_room();
    return count;
}

__attribute__((noinline)) static uint32_t measure(const uint32_t *sensor)
{
    return *sensor + 1;
}

__attribute__((noinline)) static void pump(uint32_t round)
{
    pumps = round;
    if (round == 1) {
        coroner_abort("product.c", 77, "dry pump");
    }
    own_handler = true;
    litres = measure((const uint32_t *)0x90000000);
}

void Reset_Handler(void)
{
    memcpy(_sdata, _sidata, (size_t)(_edata - _sdata));
    memset(_sbss, 0, (size_t)(_ebss - _sbss));
    const coroner_region late = { CORONER_AREA_OF(buffer), "buffer", CORONER_CUSTOM, 0, 0 };
    coroner_boots boots;
    coroner_eraser eraser = { 0 };
    coroner_stored dump;
    memcpy(serial, "SN-0042", 8);
    memset(buffer, 0x5a, sizeof(buffer));
    /* A real program reads the chip's register of reset causes here. */
    coroner_boots_begin(boots_room, CORONER_RESET_SOFTWARE, &boots);
    reset_reason = boots.reset;
    CHECK(coroner_add_region(&added, &late));
    CHECK(coroner_boots_back_off(&boots, 100, 150) == (boots.crashes_in_a_row > 1 ? 100 : 0));
    switch (boots.crashes_in_a_row) {
    case 0:
        CHECK(boots.starts == 1 && !boots.after_crash && send_dumps("none.elf") == 0);
        break;
    case 1:
        CHECK(boots.after_crash && send_dumps("first.elf") == 1);
        break;
    default:
        CHECK(boots.starts == 3 && boots.crashes == 2 && send_dumps("second.elf") == 1);
        while (coroner_erase(&flash, &eraser) == CORONER_YES) {
        }
        CHECK(*(const uint32_t *)0x21000 == 0xffffffff && coroner_find(&flash, &dump) == CORONER_NO);
        coroner_boots_healthy(boots_room);
        coroner_boots_begin(boots_room, CORONER_RESET_POWER, &boots);
        CHECK(boots.crashes_in_a_row == 0 && fed > 0);
        coroner_exit(0);
    }
    pump(boots.starts);
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)_estack, Reset_Handler, Reset_Handler, HardFault_Handler,
};
