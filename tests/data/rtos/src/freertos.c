/* The application on FreeRTOS' own kernel. */
#include "kernel.h"

#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

static QueueHandle_t messages;

void kernel_task(const char *name, void (*entry)(void *), unsigned priority)
{
    xTaskCreate(entry, name, configMINIMAL_STACK_SIZE, 0, priority, 0);
}

void kernel_sleep(unsigned ticks)
{
    vTaskDelay(ticks);
}

void kernel_wait_for_ever(void)
{
    unsigned message;
    xQueueReceive(messages, &message, portMAX_DELAY);
}

void kernel_suspend(void)
{
    vTaskSuspend(0);
}

#ifdef CRASH_IN_INTERRUPT
/* The tick's handler follows a broken pointer, whichever task it came upon. */
__attribute__((noinline)) static unsigned count(volatile unsigned *at)
{
    return *at + 1;
}

void vApplicationTickHook(void)
{
    if (xTaskGetTickCountFromISR() == 12) {
        doors_opened = count((volatile unsigned *)0xc0000000u) + doors_opened;
    }
}
#endif

void kernel_main(void)
{
    messages = xQueueCreate(4, sizeof(unsigned));
    app_start();
    vTaskStartScheduler();
    for (;;) {
    }
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ len)
{
    for (__SIZE_TYPE__ i = 0; i < len; i++) {
        ((char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}

void *memset(void *to, int byte, __SIZE_TYPE__ len)
{
    for (__SIZE_TYPE__ i = 0; i < len; i++) {
        ((char *)to)[i] = (char)byte;
    }
    return to;
}
