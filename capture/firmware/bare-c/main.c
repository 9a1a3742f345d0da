/* C without a system: a variable of each tag, and a secret. The crash sends its dump through a
 * function of the program, as Intel HEX on the UART.
 *
 * With -DLIKE_ESP_IDF the tags are the sections that ESP-IDF's COREDUMP_*_ATTR use. */
#include <string.h>

#include "coroner_capture.h"

CORONER_STACK(2048)
CORONER_VECTOR(HardFault_Handler)

#ifdef LIKE_ESP_IDF
#define IN(name) __attribute__((section(name), used))
#define COREDUMP_DRAM_ATTR IN(".dram2.coredump.0")
#define COREDUMP_RTC_DATA_ATTR IN(".rtc.coredump.0")
#define COREDUMP_RTC_FAST_ATTR IN(".rtc.fast.coredump.0")
#define COREDUMP_NOINIT_ATTR IN(".rtc_noinit.coredump.0")
#else
#define COREDUMP_DRAM_ATTR CORONER_TAG
#define COREDUMP_RTC_DATA_ATTR CORONER_TAG_RTC
#define COREDUMP_RTC_FAST_ATTR CORONER_TAG_RTC_FAST
#define COREDUMP_NOINIT_ATTR CORONER_TAG_NOINIT
#endif

COREDUMP_DRAM_ATTR uint32_t last_error = 1;
COREDUMP_RTC_DATA_ATTR uint32_t wake_ups = 40;
COREDUMP_RTC_FAST_ATTR uint32_t fast_wake_ups = 50;
COREDUMP_NOINIT_ATTR uint32_t boot_count;
CORONER_SECRET uint32_t key = 1;
uint32_t password = 1;

CORONER_DECLARE(dram)
CORONER_DECLARE(noinit)
CORONER_DECLARE(rtc)
CORONER_DECLARE(rtc_fast)
CORONER_DECLARE(secret)
CORONER_DECLARE(build_id)
extern char _sdata[], _edata[], _sbss[], _ebss[], _sidata[], _estack[];

static const coroner_region regions[] = {
    { CORONER_TAGGED_AREA(dram), "dram", CORONER_TAGGED, 0, 0 },
    { CORONER_TAGGED_AREA(noinit), "noinit", CORONER_TAGGED, 0, 0 },
    { CORONER_TAGGED_AREA(rtc), "tagged", CORONER_RTC, 0, 0 },
    { CORONER_TAGGED_AREA(rtc_fast), "tagged", CORONER_RTC_FAST, 0, 0 },
    { { _sdata, _edata }, NULL, CORONER_DATA, 0, 0 },
};
/* By section, and by range. */
static const coroner_area secrets[] = { CORONER_TAGGED_AREA(secret), CORONER_AREA_OF(password) };
static const coroner_area memory[] = {
    { (void *)0x20000000, (void *)0x20010000 },
    { (void *)0x21000000, (void *)0x21002000 },
};
static const coroner_config config = {
    .regions = regions, .region_count = sizeof(regions) / sizeof(*regions),
    .exclude = secrets, .exclude_count = sizeof(secrets) / sizeof(*secrets),
    .memory = memory, .memory_count = sizeof(memory) / sizeof(*memory),
    .build_id = CORONER_TAGGED_AREA(build_id),
};

static void send(const char *text, size_t len)
{
    volatile uint32_t *uart = (volatile uint32_t *)0x40004000;
    uart[4] = 16; /* BAUDDIV */
    uart[2] = 1;  /* CTRL: transmitter on */
    while (len-- > 0) {
        while (uart[1] & 1) {
        }
        uart[0] = (uint8_t)*text++;
    }
}

static char *hex(char *to, uint8_t byte)
{
    *to++ = "0123456789ABCDEF"[byte >> 4];
    *to++ = "0123456789ABCDEF"[byte & 15];
    return to;
}

/* A block of the dump, as records of 32 bytes. Dumps of more than 64 KiB would need more than this. */
static bool put(void *context, uint32_t offset, const uint8_t *bytes, size_t len)
{
    (void)context;
    for (; len > 0; len -= 32, bytes += 32, offset += 32) {
        char line[80], *to = line;
        uint8_t record[36] = { 32, (uint8_t)(offset >> 8), (uint8_t)offset, 0 }, sum = 0;
        memcpy(record + 4, bytes, 32);
        *to++ = ':';
        for (size_t index = 0; index < sizeof(record); index++) {
            to = hex(to, record[index]);
            sum += record[index];
        }
        to = hex(to, (uint8_t)-sum);
        *to++ = '\n';
        send(line, (size_t)(to - line));
    }
    return true;
}

void coroner_crashed(const coroner_crash *crash)
{
    static uint64_t room[128];
    const coroner_task main_task = {
        .id = 1, .state = CORONER_RUNNING, .stack = { _estack - 1024, _estack }, .name = "main",
    };
    const coroner_sink sink = { .kind = CORONER_BLOCKS, .capacity = 0x10000, .put = put };
    coroner_write(&config, crash, &main_task, 1, room, sizeof(room), &sink);
    send(":00000001FF\n", 12);
    coroner_exit(1);
}

__attribute__((noinline)) static uint32_t follow(const uint32_t *sensor, uint32_t round)
{
    return *sensor + round;
}

/* The secrets first: registers are in every dump, and the last ones written stay in them. */
__attribute__((noinline)) static void last_values(void)
{
    key = 0x0e115ec2;
    password = 0x9a555ec2;
    __asm volatile("" ::: "memory");
    last_error = 0x17;
    wake_ups += 2;
    fast_wake_ups += 3;
    boot_count = 9;
}

void Reset_Handler(void)
{
    memcpy(_sdata, _sidata, (size_t)(_edata - _sdata));
    memset(_sbss, 0, (size_t)(_ebss - _sbss));
    CORONER_INITIALISE(rtc);
    CORONER_INITIALISE(rtc_fast);
    last_values();
    coroner_exit(follow((const uint32_t *)0x90000000, 7));
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)_estack, Reset_Handler, Reset_Handler, HardFault_Handler,
};
