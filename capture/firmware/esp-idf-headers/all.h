/* Enough of ESP-IDF to compile capture/esp-idf where there is no ESP-IDF: names and types as release 5.4 and the
 * development of 6.2 have them, for a RISC-V chip. Our own writing; nothing of it runs. */
#ifndef ESP_IDF_HEADERS_H
#define ESP_IDF_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_CORONER_ENABLE 1
#define CONFIG_CORONER_KEPT_SIZE 4096
#define CONFIG_CORONER_MAX_TASKS 16
#define CONFIG_CORONER_CAPTURE_DRAM 1
#define CONFIG_CORONER_STACK_SIZE 2560
#define CONFIG_CORONER_KEEP_FIRST 1
#define CONFIG_CORONER_TO_UART 1
#define CONFIG_CORONER_UART_DELAY 10
#define CONFIG_CORONER_PARTITION "coroner"

#define RTC_NOINIT_ATTR __attribute__((section(".rtc_noinit")))
#define SOC_DRAM_LOW 0x3fc80000
#define SOC_DRAM_HIGH 0x3fce0000

typedef int esp_err_t;
#define ESP_OK 0
typedef struct {
    uint32_t address, size, erase_size;
    bool encrypted;
} esp_partition_t;
#define ESP_PARTITION_TYPE_DATA 1
#define ESP_PARTITION_SUBTYPE_ANY 0xff
const esp_partition_t *esp_partition_find_first(int type, int subtype, const char *label);
esp_err_t esp_partition_read(const esp_partition_t *partition, size_t at, void *bytes, size_t len);
esp_err_t esp_partition_write(const esp_partition_t *partition, size_t at, const void *bytes, size_t len);
esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t at, size_t len);

typedef enum {
    PANIC_EXCEPTION_DEBUG, PANIC_EXCEPTION_IWDT, PANIC_EXCEPTION_TWDT, PANIC_EXCEPTION_ABORT, PANIC_EXCEPTION_FAULT
} panic_exception_t;
typedef struct {
    int core;
    panic_exception_t exception;
    const char *reason;
    const char *description;
    void (*details)(const void *frame);
    void (*state)(const void *frame);
    const void *addr;
    const void *frame;
    bool pseudo_excause;
} panic_info_t;
void panic_print_char(char letter);
void esp_rom_delay_us(uint32_t us);

typedef unsigned int UBaseType_t;
typedef int BaseType_t;
typedef uint8_t StackType_t;
typedef struct tskTaskControlBlock *TaskHandle_t;
typedef struct {
    void *pxTCB;
    StackType_t *pxTopOfStack;
    StackType_t *pxEndOfStack;
} TaskSnapshot_t;
UBaseType_t uxTaskGetSnapshotAll(TaskSnapshot_t *const snapshots, const UBaseType_t len, UBaseType_t *const tcb_len);
void *pvTaskGetCurrentTCBForCore(BaseType_t core);
uint8_t *pxTaskGetStackStart(TaskHandle_t task);
char *pcTaskGetName(TaskHandle_t task);

/* The compiler's own: there is no C library on the machine that tests. */
void *memset(void *to, int value, size_t len);

#endif
