/* Tasks on FreeRTOS that wait for one another: two and three in a circle, one for who has what it needs,
 * others for a queue, a semaphore and event bits; then one follows a broken pointer. */
#include "kernel.h"

#define kernel_main plain_main
#include "freertos.c"
#undef kernel_main

#include "event_groups.h"
#include "semphr.h"
#include "timers.h"

static SemaphoreHandle_t radio_lock, bus_lock, ring[3], shared_lock, button;
static QueueHandle_t readings, commands;
static EventGroupHandle_t doors;

static void take(SemaphoreHandle_t lock)
{
    xSemaphoreTake(lock, portMAX_DELAY);
}

/* How many are about to wait for ever, however slow the machine is. */
static volatile unsigned arrived;

/* Takes what somebody else has. */
static void take_taken(SemaphoreHandle_t lock)
{
    while (uxSemaphoreGetCount(lock)) {
        vTaskDelay(1);
    }
    arrived++;
    take(lock);
}

static void both(SemaphoreHandle_t first, SemaphoreHandle_t second)
{
    take(first);
    take_taken(second);
}

static void radio(void *argument)
{
    (void)argument;
    both(radio_lock, bus_lock);
}

static void sensor(void *argument)
{
    (void)argument;
    both(bus_lock, radio_lock);
}

static void ring_task(void *argument)
{
    __UINTPTR_TYPE__ index = (__UINTPTR_TYPE__)argument;
    both(ring[index], ring[(index + 1) % 3]);
}

static void low(void *argument)
{
    (void)argument;
    take(shared_lock);
    vTaskDelay(100000);
}

static void high(void *argument)
{
    (void)argument;
    take_taken(shared_lock);
}

static void logger(void *argument)
{
    unsigned reading;
    (void)argument;
    arrived++;
    xQueueReceive(readings, &reading, portMAX_DELAY);
}

static void sender(void *argument)
{
    (void)argument;
    for (unsigned command = 0;; command++) {
        xQueueSend(commands, &command, portMAX_DELAY);
    }
}

static void pump(void *argument)
{
    (void)argument;
    arrived++;
    xSemaphoreTake(button, 100000);
}

static void guard(void *argument)
{
    (void)argument;
    arrived++;
    xEventGroupWaitBits(doors, 0x6, pdFALSE, pdTRUE, portMAX_DELAY);
}

static void blink(TimerHandle_t timer)
{
    (void)timer;
}

static void motor(void *argument)
{
    (void)argument;
    while (arrived < 9) {
        vTaskDelay(1);
    }
    *(volatile unsigned *)0xc0000000u;
}

static void start(const char *name, TaskFunction_t entry, unsigned priority, __UINTPTR_TYPE__ argument)
{
    xTaskCreate(entry, name, 128, (void *)argument, priority, 0);
}

void kernel_main(void)
{
    radio_lock = xSemaphoreCreateMutex();
    bus_lock = xSemaphoreCreateMutex();
    shared_lock = xSemaphoreCreateMutex();
    button = xSemaphoreCreateBinary();
    readings = xQueueCreate(4, 4);
    commands = xQueueCreate(3, 4);
    doors = xEventGroupCreate();
    xEventGroupSetBits(doors, 0x2);
    vQueueAddToRegistry(readings, "all readings");
    for (unsigned i = 0; i < 3; i++) {
        ring[i] = xSemaphoreCreateMutex();
        start((const char *[]){ "one", "two", "three" }[i], ring_task, 2, i);
    }
    xTimerStart(xTimerCreate("blink", 100, pdTRUE, 0, blink), 0);
    start("radio", radio, 2, 0);
    start("sensor", sensor, 2, 0);
    start("low", low, 1, 0);
    start("high", high, 4, 0);
    start("logger", logger, 2, 0);
    start("sender", sender, 2, 0);
    start("pump", pump, 2, 0);
    start("guard", guard, 2, 0);
    /* The lowest priority: it runs when all the others wait. */
    start("motor", motor, 1, 0);
    vTaskStartScheduler();
    for (;;) {
    }
}
