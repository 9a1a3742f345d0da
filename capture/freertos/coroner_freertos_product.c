/* coroner-capture for a product on FreeRTOS (V10.4 and later, one core, Cortex-M but v8-M): to be compiled with it.
 * See README.md. */
#include "FreeRTOS.h"
#include "task.h"

#include "coroner_freertos_kernel.h"
#include "coroner_freertos_product.h"

#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8M_BASE__)
#error "the ports of ARMv8-M save the registers of a task in an order that coroner-capture does not know"
#endif

/* How the port saves the registers of a task that it switches away from. */
#if defined(__VFP_FP__) && !defined(__SOFTFP__)
#define SAVED CORONER_SAVED_CALLEE_RETURN
#else
#define SAVED CORONER_SAVED_CALLEE
#endif

CORONER_STACK(CORONER_MIN_STACK)
CORONER_BOOTS(boots_room)
CORONER_DECLARE(build_id)
CORONER_DECLARE(dram)
CORONER_DECLARE(noinit)
CORONER_DECLARE(secret)

#if CORONER_HANDLERS
CORONER_VECTOR(HardFault_Handler)
CORONER_VECTOR(MemManage_Handler)
CORONER_VECTOR(BusFault_Handler)
CORONER_VECTOR(UsageFault_Handler)
#endif

/* As GNU ld's scripts of most vendors name them; one that has other names adds them:
 * PROVIDE(_sdata = ...) and so on. */
extern char _sdata[], _edata[], _sbss[], _ebss[], _estack[];

static const coroner_region regions[] = {
    { CORONER_TAGGED_AREA(dram), "dram", CORONER_TAGGED, 0, 0 },
    { CORONER_TAGGED_AREA(noinit), "noinit", CORONER_TAGGED, 0, 0 },
    { { _sdata, _edata }, NULL, CORONER_DATA, 0, 0 },
    /* With the heap of heap_4.c, where tasks and queues lie. */
    { { _sbss, _ebss }, NULL, CORONER_BSS, 0, 0 },
#ifndef __ARM_ARCH_6M__
    { { (void *)0xe000ed00, (void *)0xe000ed90 }, "scb", CORONER_MMIO, 0, 0 },
#endif
};
typedef struct {
    uintptr_t start;
    uintptr_t end;
} range;
static const range ram[] = { CORONER_RAM, { 0xe000ed00, 0xe000ed90 } };
#define AREAS (sizeof(ram) / sizeof(*ram))

CORONER_RETAINED(kept, CORONER_KEPT_BYTES, CORONER_KEEP_FIRST)
static coroner_registry added;
static coroner_boots boots;
static uint32_t reset_reason;

__attribute__((weak)) size_t coroner_product_info(const coroner_info **strings)
{
    *strings = NULL;
    return 0;
}

__attribute__((weak)) size_t coroner_product_secrets(const coroner_area **areas)
{
    *areas = NULL;
    return 0;
}

static uint64_t uptime_us(void)
{
    return (uint64_t)xTaskGetTickCountFromISR() * (1000000 / configTICK_RATE_HZ);
}

void coroner_crashed(const coroner_crash *crash)
{
    static const coroner_sink sink = CORONER_SINK_OF(kept);
    static uint64_t room[(48 * (CORONER_MAX_TASKS + 1) + 12 * (CORONER_MAX_TASKS + 32)) / 8];
    static coroner_area memory[AREAS + 1], exclude[8];
    static coroner_config config;
    const coroner_area secrets = CORONER_TAGGED_AREA(secret);
    const coroner_area *own;
    size_t count = coroner_product_secrets(&own);
    coroner_boots_crashed(boots_room);
    for (size_t index = 0; index < AREAS; index++) {
        memory[index].start = (const void *)ram[index].start;
        memory[index].end = (const void *)ram[index].end;
    }
    exclude[0] = secrets;
    for (size_t index = 0; index < count && index < 7; index++) {
        exclude[1 + index] = own[index];
    }
    config.regions = regions;
    config.region_count = CORONER_COUNT_OF(regions, 16);
    config.exclude = exclude;
    config.exclude_count = 1 + (count < 7 ? count : 7);
    config.memory = memory;
    config.memory_count = AREAS;
    config.build_id.start = __coroner_build_id_start;
    config.build_id.end = __coroner_build_id_end;
    config.main_stack.start = _estack - 1024;
    config.main_stack.end = _estack;
    config.added = &added;
    config.info_count = coroner_product_info(&config.info);
    config.uptime_us = uptime_us;
    config.reset_reason = &reset_reason;
    coroner_write_freertos(&config, crash, &coroner_freertos_kernel, SAVED, CORONER_MAX_TASKS, room, sizeof(room), &sink);
    coroner_reset();
}

#if configCHECK_FOR_STACK_OVERFLOW > 0
void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task;
    (void)name;
    coroner_abort("FreeRTOS", 0, "a task has overflowed its stack");
}
#endif

#if configUSE_MALLOC_FAILED_HOOK == 1
void vApplicationMallocFailedHook(void)
{
    coroner_abort("FreeRTOS", 0, "pvPortMalloc has no memory left");
}
#endif

const coroner_boots *coroner_product_start(uint8_t reset)
{
    coroner_boots_begin(boots_room, reset, &boots);
    reset_reason = reset;
#ifndef __ARM_ARCH_6M__
    coroner_separate_faults();
#endif
    return &boots;
}

void coroner_product_is_healthy(void)
{
    coroner_boots_healthy(boots_room);
}

const coroner_store *coroner_product_store(void)
{
    return &kept;
}

bool coroner_product_add(const coroner_region *region)
{
    return coroner_add_region(&added, region);
}

uint8_t coroner_product_send(
    bool (*send)(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total), void *context)
{
    coroner_stored dump;
    uint8_t chunk[128];
    uint8_t found = coroner_find(&kept, &dump);
    if (found != CORONER_YES) {
        return found;
    }
    for (uint32_t at = 0; at < dump.length;) {
        int32_t len = coroner_read(&kept, &dump, at, chunk, sizeof(chunk));
        if (len <= 0 || !send(context, at, chunk, (size_t)len, dump.length)) {
            return CORONER_ERROR;
        }
        at += (uint32_t)len;
    }
    return coroner_mark_sent(&kept, &dump) ? CORONER_YES : CORONER_ERROR;
}
