// All headers, and their macros, as C++ sees them. Only compiled: product.c runs.
#include "coroner_capture.h"
#include "coroner_freertos_kernel.h"
#include "coroner_xtensa.h"

CORONER_STACK(2048)
CORONER_RETAINED(kept, 1024, CORONER_KEEP_LAST)
CORONER_BOOTS(boots_room)
CORONER_DECLARE(dram)
CORONER_DECLARE(rtc)
CORONER_TAG uint32_t litres = 3;
CORONER_TAG_NOINIT uint32_t pumps;
CORONER_TAG_RTC uint32_t wake_ups = 1;
CORONER_SECRET uint32_t key = 1;

#ifdef __riscv
extern "C" void interrupts();
CORONER_TRAP_VECTOR(trap, interrupts)
#else
CORONER_VECTOR(HardFault_Handler)
#endif

static const coroner_region regions[] = { { CORONER_TAGGED_AREA(dram), "dram", CORONER_TAGGED, 0, 0 } };
static const coroner_area secrets[] = { CORONER_AREA_OF(key) };

void coroner_crashed(const coroner_crash *crash)
{
    static const coroner_sink sink = CORONER_SINK_OF(kept);
    static uint64_t room[64];
    static coroner_config config;
    coroner_boots_crashed(boots_room);
    config.regions = regions;
    config.region_count = CORONER_COUNT_OF(regions, 16);
    config.exclude = secrets;
    config.exclude_count = CORONER_COUNT_OF(secrets, 8);
    coroner_write(&config, crash, nullptr, 0, room, sizeof(room), &sink);
    coroner_reset();
}

extern "C" void started()
{
    coroner_boots boots;
    coroner_eraser eraser = {};
    coroner_boots_begin(boots_room, CORONER_RESET_PIN, &boots);
    CORONER_INITIALISE(rtc);
    CORONER_ASSERT(litres != pumps + wake_ups);
    while (coroner_prepare(&kept, &eraser) == CORONER_YES) {
    }
}
