/* A product on FreeRTOS with the drop-in. Its motor task follows a broken pointer; at the second start the pump
 * task overflows its stack; then all is sent, as files beside the emulator. */
#include <string.h>

#include "FreeRTOS.h"
#include "task.h"

#include "coroner_freertos_product.h"

CORONER_TAG uint32_t doors_opened = 41;
CORONER_SECRET uint32_t key = 1;

static const coroner_boots *boots;
static volatile float level = 1.5f;

size_t coroner_product_info(const coroner_info **strings)
{
    static const coroner_info info[] = { { "serial", "SN-7" } };
    *strings = info;
    return 1;
}

__attribute__((noinline)) static uint32_t drive(const volatile uint32_t *motor, uint32_t target)
{
    return *motor + target;
}

static void motor_task(void *argument)
{
    (void)argument;
    for (uint32_t round = 0;; round++) {
        vTaskDelay(2);
        if (round == 3 && boots->crashes_in_a_row == 0) {
            doors_opened += drive((const volatile uint32_t *)0x90000000, 93);
        }
    }
}

__attribute__((noinline)) static uint32_t deep(uint32_t n)
{
    volatile uint32_t room[16];
    memset((void *)room, (int)n, sizeof(room));
    return n == 0 ? room[3] : deep(n - 1) + room[n & 15];
}

static void pump_task(void *argument)
{
    (void)argument;
    for (;;) {
        level *= 1.01f;
        vTaskDelay(3);
        if (boots->crashes_in_a_row == 1 && level > 1.6f) {
            doors_opened += deep(6);
        }
    }
}

static uintptr_t semihosting(uintptr_t number, uintptr_t a, uintptr_t b, uintptr_t c)
{
    uintptr_t block[3] = { a, b, c };
    register uintptr_t call __asm("r0") = number;
    register uintptr_t *arguments __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(call) : "r"(arguments) : "memory");
    return call;
}

static bool to_file(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total)
{
    uintptr_t file = *(uintptr_t *)context;
    semihosting(5, file, (uintptr_t)bytes, len);
    if (at + len == total) {
        semihosting(2, file, 0, 0);
    }
    return true;
}

static void upload_task(void *argument)
{
    const char *name = boots->crashes_in_a_row == 1 ? "first.elf" : "second.elf";
    (void)argument;
    if (boots->after_crash) {
        uintptr_t file = semihosting(1, (uintptr_t)name, 5, strlen(name));
        if (coroner_product_send(to_file, &file) != CORONER_YES) {
            coroner_exit(1);
        }
    }
    if (boots->crashes_in_a_row == 2) {
        coroner_product_is_healthy();
        coroner_exit(0);
    }
    vTaskDelete(NULL);
}

int main(void)
{
    boots = coroner_product_start(CORONER_RESET_SOFTWARE);
    key = 0x0e115ec2;
    xTaskCreate(motor_task, "motor", 160, NULL, 2, NULL);
    xTaskCreate(pump_task, "pump", 128, NULL, 1, NULL);
    xTaskCreate(upload_task, "upload", 256, NULL, 4, NULL);
    vTaskStartScheduler();
    return 1;
}

extern char _sdata[], _edata[], _sidata[], _sbss[], _ebss[], _estack[];
void HardFault_Handler(void);
void MemManage_Handler(void);
void BusFault_Handler(void);
void UsageFault_Handler(void);
void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);

void Reset_Handler(void)
{
    memcpy(_sdata, _sidata, (size_t)(_edata - _sdata));
    memset(_sbss, 0, (size_t)(_ebss - _sbss));
#ifdef __VFP_FP__
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20; /* the FPU is on */
#endif
    coroner_exit((uint32_t)main());
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)_estack, Reset_Handler, Reset_Handler, HardFault_Handler, MemManage_Handler,
    BusFault_Handler, UsageFault_Handler, 0, 0, 0, 0, SVC_Handler, 0, 0, PendSV_Handler, SysTick_Handler,
};
