/* The hook into ESP-IDF's panic handler on Xtensa (ESP32, S2, S3), to copy into a project:
 *
 *     target_link_libraries(${COMPONENT_LIB} INTERFACE "-Wl,--wrap=esp_panic_handler")
 *
 * The linker then calls this one, and this one goes on to ESP-IDF's own. The dump goes to RTC memory,
 * which a panic's reset leaves alone; `coroner` opens what is read from there. Needs
 * CONFIG_FREERTOS_ENABLE_TASK_SNAPSHOT, which ESP-IDF has on by default.
 *
 * scripts/capture-xtensa compiles it with the declarations below. It has not run on a chip. */
#include "coroner_xtensa.h"

#ifdef ESP_PLATFORM
#include "esp_attr.h"
#include "esp_private/freertos_debug.h"
#include "esp_private/panic_internal.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "soc/soc.h"
#include "xtensa/config/core-isa.h"
#include "xtensa/hal.h"
#else
/* As ESP-IDF 5.x has them: esp_private/panic_internal.h, esp_private/freertos_debug.h, task.h. */
typedef struct {
    int core;
    int exception;
    const char *reason;
    const char *description;
    void (*details)(const void *frame);
    void (*state)(const void *frame);
    const void *addr;
    const void *frame;
    bool pseudo_excause;
} panic_info_t;
typedef void *TaskHandle_t;
typedef struct {
    void *pxTCB;
    uint8_t *pxTopOfStack;
    uint8_t *pxEndOfStack;
} TaskSnapshot_t;
void *pvTaskGetCurrentTCBForCore(int core);
uint8_t *pxTaskGetStackStart(TaskHandle_t task);
int vTaskGetSnapshot(TaskHandle_t task, TaskSnapshot_t *snapshot);
void xthal_window_spill(void);
#define RTC_NOINIT_ATTR
#define XCHAL_HAVE_LOOPS 1
#define SOC_DRAM_LOW 0x3ffae000
#define SOC_DRAM_HIGH 0x40000000
#endif

#define AREA_LEN 4096
RTC_NOINIT_ATTR uint8_t coroner_area_bytes[AREA_LEN];

static bool put(void *context, uint32_t offset, const uint8_t *bytes, size_t len)
{
    (void)context;
    if (offset > AREA_LEN || len > AREA_LEN - offset) {
        return false;
    }
    /* Not memcpy: that may lie in flash, whose cache can be off. */
    for (size_t index = 0; index < len; index++) {
        ((volatile uint8_t *)coroner_area_bytes)[offset + index] = bytes[index];
    }
    return true;
}

extern char _coredump_dram_start, _coredump_dram_end, _data_start, _data_end;

void __real_esp_panic_handler(panic_info_t *info);
void __wrap_esp_panic_handler(panic_info_t *info);

void __wrap_esp_panic_handler(panic_info_t *info)
{
    static uint64_t room[64];
    static const coroner_region regions[] = {
        { { &_coredump_dram_start, &_coredump_dram_end }, "dram", CORONER_TAGGED, 0, 0 },
        { { &_data_start, &_data_end }, NULL, CORONER_DATA, 0, 0 },
    };
    static const coroner_area memory[] = { { (void *)SOC_DRAM_LOW, (void *)SOC_DRAM_HIGH } };
    TaskHandle_t task = pvTaskGetCurrentTCBForCore(info->core);
    TaskSnapshot_t snapshot = { 0 };
    coroner_area stack = { NULL, NULL };
    if (task != NULL && vTaskGetSnapshot(task, &snapshot)) {
        stack = (coroner_area){ pxTaskGetStackStart(task), snapshot.pxEndOfStack };
    }
    const coroner_config config = {
        .regions = regions, .region_count = sizeof(regions) / sizeof(*regions),
        .memory = memory, .memory_count = sizeof(memory) / sizeof(*memory),
        .main_stack = stack,
    };
    const coroner_sink sink = { .kind = CORONER_BLOCKS, .capacity = AREA_LEN, .put = put };
    for (size_t index = 0; index < AREA_LEN; index++) {
        ((volatile uint8_t *)coroner_area_bytes)[index] = 0xff;
    }
    xthal_window_spill();
    coroner_write_esp_idf(&config, info->frame, XCHAL_HAVE_LOOPS, info->reason, room, sizeof(room), &sink);
    __real_esp_panic_handler(info);
}
