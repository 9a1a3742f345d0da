/* The hook into ESP-IDF's panic handler on RISC-V: the dump of all tasks into RTC memory, which the reset leaves alone;
 * the next start moves it to a partition. Then ESP-IDF's own handler goes on.
 *
 * Not run on a chip; see README.md. Sources: ESP-IDF 5.1 to 6.2, components/riscv/include/riscv/rvruntime-frames.h
 * (RvExcFrame), components/esp_system/include/esp_private/panic_internal.h, components/freertos/esp_additions. */
#include "sdkconfig.h"

#ifdef CONFIG_CORONER_ENABLE
#include <string.h>

#include "esp_attr.h"
#include "esp_partition.h"
#include "esp_private/panic_internal.h"
#include "esp_rom_sys.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "soc/soc.h"
#if __has_include("freertos/freertos_debug.h")
#include "freertos/freertos_debug.h"
#else
#include "esp_private/freertos_debug.h"
#endif

#include "coroner_esp_idf.h"

#define KEEP_FIRST (IS_KEEP_FIRST ? CORONER_KEEP_FIRST : CORONER_KEEP_LAST)
#ifdef CONFIG_CORONER_KEEP_FIRST
#define IS_KEEP_FIRST 1
#else
#define IS_KEEP_FIRST 0
#endif

static RTC_NOINIT_ATTR uint32_t kept_room[CONFIG_CORONER_KEPT_SIZE / 4];
static RTC_NOINIT_ATTR uint32_t boots_room[8];
static const coroner_store kept = {
    NULL, NULL, NULL, NULL, kept_room, 0, CONFIG_CORONER_KEPT_SIZE, CONFIG_CORONER_KEPT_SIZE, 1, KEEP_FIRST,
};
static coroner_registry added;
static coroner_boots boots;
static uint64_t stack[CONFIG_CORONER_STACK_SIZE / 8];
static coroner_frame frame;
static TaskSnapshot_t snapshots[CONFIG_CORONER_MAX_TASKS];

extern char _data_start[], _data_end[], _bss_start[], _bss_end[];

/* RvExcFrame begins with mepc and x1-x31: the order of a dump's registers. */
#define REGISTERS 32
enum { MSTATUS = 32, MTVEC, MCAUSE, MTVAL };

static bool in_ram(uintptr_t at, size_t len)
{
    return at % 4 == 0 && at >= SOC_DRAM_LOW && at < SOC_DRAM_HIGH && len <= SOC_DRAM_HIGH - at;
}

/* A task that was switched away from has such a frame on its stack, too. */
static uint64_t task_registers(const coroner_task *task, uintptr_t *registers)
{
    if (!in_ram(task->sp, 4 * REGISTERS)) {
        return 0;
    }
    for (int index = 0; index < REGISTERS; index++) {
        registers[index] = ((const uint32_t *)task->sp)[index];
    }
    return 0xffffffff;
}

static size_t list_tasks(coroner_task *tasks)
{
    UBaseType_t tcb_len = 0;
    const void *current = pvTaskGetCurrentTCBForCore(0);
    UBaseType_t count = uxTaskGetSnapshotAll(snapshots, CONFIG_CORONER_MAX_TASKS, &tcb_len);
    for (UBaseType_t index = 0; index < count; index++) {
        const TaskSnapshot_t *from = &snapshots[index];
        coroner_task *to = &tasks[index];
        memset(to, 0, sizeof(*to));
        to->id = (uint32_t)(uintptr_t)from->pxTCB;
        to->state = from->pxTCB == current ? CORONER_RUNNING : CORONER_UNKNOWN;
        if (!in_ram((uintptr_t)from->pxTCB, tcb_len)) {
            to->id = index + 1;
            to->state = CORONER_DAMAGED;
            continue;
        }
        to->saved = CORONER_SAVED_ASK;
        to->tcb.start = from->pxTCB;
        to->tcb.end = (const char *)from->pxTCB + tcb_len;
        to->stack.start = pxTaskGetStackStart((TaskHandle_t)from->pxTCB);
        to->stack.end = from->pxEndOfStack;
        to->sp = (uintptr_t)from->pxTopOfStack;
        to->name = pcTaskGetName((TaskHandle_t)from->pxTCB);
    }
    return count;
}

#ifdef CONFIG_CORONER_TO_UART
static bool print(void *context, uint32_t offset, const uint8_t *bytes, size_t len)
{
    (void)context;
    (void)offset;
    for (size_t index = 0; index < len; index++) {
        panic_print_char((char)bytes[index]);
    }
    return true;
}
#endif

static panic_info_t *panic;

void __real_esp_panic_handler(panic_info_t *info);

__attribute__((used, noreturn)) static void write_dump(void)
{
    static coroner_task tasks[CONFIG_CORONER_MAX_TASKS];
    static uint64_t room[(48 * (CONFIG_CORONER_MAX_TASKS + 1) + 12 * (CONFIG_CORONER_MAX_TASKS + 24)) / 8];
    static const coroner_region regions[] = {
        { { _data_start, _data_end }, NULL, CORONER_DATA, 0, 0 },
        { { _bss_start, _bss_end }, NULL, CORONER_BSS, 0, 0 },
    };
    static const coroner_area memory[] = { { (const void *)SOC_DRAM_LOW, (const void *)SOC_DRAM_HIGH } };
    static const coroner_area exclude[] = { CORONER_AREA_OF(stack) };
    static const coroner_sink to_memory = CORONER_SINK_OF(kept);
    static coroner_config config;
    size_t count = list_tasks(tasks);
    config.regions = regions;
#ifdef CONFIG_CORONER_CAPTURE_DRAM
    config.region_count = 2;
#endif
    config.memory = memory;
    config.memory_count = 1;
    config.exclude = exclude;
    config.exclude_count = 1;
    config.added = &added;
    config.registers = task_registers;
    coroner_write_frame(&config, &frame, tasks, count, room, sizeof(room), &to_memory);
#ifdef CONFIG_CORONER_TO_UART
    static const coroner_sink to_uart = { CORONER_TEXT, 0, print, NULL };
    esp_rom_delay_us(CONFIG_CORONER_UART_DELAY * 1000);
    coroner_write_frame(&config, &frame, tasks, count, room, sizeof(room), &to_uart);
#endif
    __real_esp_panic_handler(panic);
    for (;;) {
    }
}

void __wrap_esp_panic_handler(panic_info_t *info);

void __wrap_esp_panic_handler(panic_info_t *info)
{
    static bool writing;
    const uint32_t *words = info->frame;
    if (writing || !in_ram((uintptr_t)words, 4 * (MTVAL + 1))) {
        __real_esp_panic_handler(info);
        return;
    }
    writing = true;
    panic = info;
    memset(&frame, 0, sizeof(frame));
    for (int index = 0; index < REGISTERS; index++) {
        frame.registers[index] = words[index];
    }
    frame.known = 0xffffffff;
    frame.code = words[MCAUSE];
    frame.signal = 11;
    frame.message = info->reason;
    if (info->exception == PANIC_EXCEPTION_ABORT) {
        frame.kind = CORONER_ABORTED;
        frame.signal = 6;
    } else if (info->exception == PANIC_EXCEPTION_IWDT || info->exception == PANIC_EXCEPTION_TWDT) {
        frame.kind = CORONER_WATCHDOG;
        frame.signal = 14;
    } else if (words[MCAUSE] == 2) {
        frame.signal = 4;
    } else {
        frame.address_known = words[MCAUSE] < 8 && words[MCAUSE] != 3;
        frame.address = words[MTVAL];
    }
    coroner_boots_crashed(boots_room);
    __asm volatile("mv sp, %0\n j %1" ::"r"((uintptr_t)stack + sizeof(stack)), "i"(write_dump));
    __builtin_unreachable();
}

static const esp_partition_t *partition;

static bool read_at(void *context, uint32_t at, uint8_t *bytes, size_t len)
{
    (void)context;
    return esp_partition_read(partition, at, bytes, len) == ESP_OK;
}

static bool write_at(void *context, uint32_t at, const uint8_t *bytes, size_t len)
{
    (void)context;
    return esp_partition_write(partition, at, bytes, len) == ESP_OK;
}

static bool erase_at(void *context, uint32_t at)
{
    (void)context;
    return esp_partition_erase_range(partition, at, partition->erase_size) == ESP_OK;
}

static coroner_store flash = { .read = read_at, .write = write_at, .erase = erase_at, .slots = 1, .keep = KEEP_FIRST };

const coroner_boots *coroner_esp_start(void)
{
    coroner_stored dump;
    coroner_eraser eraser = { 0 };
    coroner_boots_begin(boots_room, CORONER_RESET_UNKNOWN, &boots);
    partition = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, CONFIG_CORONER_PARTITION);
    /* What is erased reads as anything in one that is encrypted. */
    if (partition == NULL || partition->encrypted) {
        partition = NULL;
        return &boots;
    }
    flash.len = partition->size;
    flash.erase_unit = partition->erase_size;
    if (coroner_find(&kept, &dump) == CORONER_YES) {
        while (coroner_prepare(&flash, &eraser) == CORONER_YES) {
        }
        coroner_move(&kept, &dump, &flash);
    }
    return &boots;
}

void coroner_esp_is_healthy(void)
{
    coroner_boots_healthy(boots_room);
}

bool coroner_esp_add(const coroner_region *region)
{
    return coroner_add_region(&added, region);
}

uint8_t coroner_esp_send(
    bool (*send)(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total), void *context)
{
    coroner_stored dump;
    uint8_t chunk[128];
    const coroner_store *store = partition != NULL ? &flash : &kept;
    uint8_t found = coroner_find(store, &dump);
    if (found != CORONER_YES && store != &kept) {
        store = &kept;
        found = coroner_find(store, &dump);
    }
    if (found != CORONER_YES) {
        return found;
    }
    for (uint32_t at = 0; at < dump.length;) {
        int32_t len = coroner_read(store, &dump, at, chunk, sizeof(chunk));
        if (len <= 0 || !send(context, at, chunk, (size_t)len, dump.length)) {
            return CORONER_ERROR;
        }
        at += (uint32_t)len;
    }
    return coroner_mark_sent(store, &dump) ? CORONER_YES : CORONER_ERROR;
}
#endif
