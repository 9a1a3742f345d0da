/* A door controller on FreeRTOS whose motor task follows a broken pointer. Three tasks of its own,
 * and the idle task. The word after the program's name on the emulator's command line: `motor`
 * (default), or `interrupt`, where the tick's interrupt crashes instead. `lists`: the motor task, and the
 * tasks are found in the kernel's own lists; `broken`: one of these is cut before. */
#include <string.h>

#include "FreeRTOS.h"
#include "task.h"

#include "coroner_freertos_kernel.h"

CORONER_STACK(2048)
CORONER_VECTOR(HardFault_Handler)
CORONER_VECTOR(MemManage_Handler)
CORONER_VECTOR(BusFault_Handler)
CORONER_VECTOR(UsageFault_Handler)
CORONER_FREERTOS_TABLE(8)

CORONER_TAG uint32_t doors_opened = 41;
CORONER_TAG_NOINIT uint32_t last_command;

typedef struct {
    uint32_t position;
    uint32_t speed;
} motor;

typedef struct {
    motor *left;
    motor *right;
} door;

static motor motors[2] = { { 10, 3 }, { 20, 4 } };
static door front = { &motors[0], &motors[1] };
static volatile uint32_t in_tick;
static char way = 'm';

__attribute__((noinline)) static uint32_t drive(motor *motor, uint32_t target)
{
    return motor->position < target ? motor->speed : 0;
}

__attribute__((noinline)) static uint32_t open_door(door *door, uint32_t target)
{
    doors_opened++;
    last_command = target;
    return drive(door->left, target) + drive(door->right, target);
}

/* The list of delayed tasks leads nowhere. */
static void break_list(void)
{
    const char *list = coroner_freertos_kernel.delayed[0];
    size_t next = coroner_freertos_kernel.list_end + coroner_freertos_kernel.item_next;
    *(volatile uint32_t *)(list + next) = 0x90000000;
}

static void motor_task(void *argument)
{
    (void)argument;
    for (uint32_t round = 0;; round++) {
        if (round == 3) {
            front.right = (motor *)0x90000000;
            if (way == 'b') {
                break_list();
            }
        }
        open_door(&front, 90 + round);
        vTaskDelay(2);
    }
}

static void sensor_task(void *argument)
{
    volatile uint32_t readings = 0;
    (void)argument;
    for (;;) {
        readings++;
        vTaskDelay(1);
    }
}

static void log_task(void *argument)
{
    (void)argument;
    for (;;) {
        vTaskDelay(100);
    }
}

extern char _sdata, _edata, _sbss, _ebss, _estack;
extern char __coroner_dram_start, __coroner_dram_end, __coroner_noinit_start, __coroner_noinit_end;
extern char __coroner_build_id_start, __coroner_build_id_end;

static const coroner_region regions[] = {
    { { &__coroner_dram_start, &__coroner_dram_end }, "dram", CORONER_TAGGED, 0, 0 },
    { { &__coroner_noinit_start, &__coroner_noinit_end }, "noinit", CORONER_TAGGED, 0, 0 },
    { { (void *)0xe000ed00, (void *)0xe000ed90 }, "scb", CORONER_MMIO, 0, 0 },
    { { &_sdata, &_edata }, NULL, CORONER_DATA, 0, 0 },
};
static const coroner_area memory[] = {
    { (void *)0x20000000, (void *)0x20010000 },
    { (void *)0xe000e000, (void *)0xe000f000 },
};
static const coroner_config config = {
    .regions = regions, .region_count = sizeof(regions) / sizeof(*regions),
    .memory = memory, .memory_count = sizeof(memory) / sizeof(*memory),
    .build_id = { &__coroner_build_id_start, &__coroner_build_id_end },
    .main_stack = { &_estack - 1024, &_estack },
};

void coroner_crashed(const coroner_crash *crash)
{
    static uint64_t room[256];
    static coroner_task tasks[8];
    const coroner_sink sink = { .kind = CORONER_SEMIHOSTING };
    if (way == 'l' || way == 'b') {
        coroner_write_freertos(&config, crash, &coroner_freertos_kernel, CORONER_SAVED_CALLEE, 8, room,
                               sizeof(room), &sink);
        coroner_exit(1);
    }
    size_t count = coroner_freertos_tasks_now(tasks, 8, CORONER_SAVED_CALLEE, pxCurrentTCB);
    coroner_write(&config, crash, tasks, count, room, sizeof(room), &sink);
    coroner_exit(1);
}

void PendSV_Handler(void);
void SVC_Handler(void);
void SysTick_Handler(void);

/* The kernel's tick, and after a while a driver that breaks in it. */
static void tick(void)
{
    if (in_tick && xTaskGetTickCountFromISR() > 20) {
        in_tick = drive((motor *)0x90000000, 77);
    }
    SysTick_Handler();
}

void Reset_Handler(void)
{
    extern char _sidata;
    memcpy(&_sdata, &_sidata, (size_t)(&_edata - &_sdata));
    memset(&_sbss, 0, (size_t)(&_ebss - &_sbss));
    /* The command line, as the emulator gives it: SYS_GET_CMDLINE. */
    static char line[40];
    uintptr_t block[2] = { (uintptr_t)line, sizeof(line) };
    register uintptr_t call __asm("r0") = 0x15;
    register uintptr_t *arguments __asm("r1") = block;
    __asm volatile("bkpt 0xab" : "+r"(call) : "r"(arguments) : "memory");
    if (strchr(line, ' ') != NULL) {
        way = strchr(line, ' ')[1];
    }
    in_tick = way == 'i';
    coroner_separate_faults();
    if (in_tick) {
        front.left = front.right;
    }
    if (!in_tick) {
        xTaskCreate(motor_task, "motor", 160, NULL, 3, NULL);
    }
    xTaskCreate(sensor_task, "sensor", 128, NULL, 2, NULL);
    xTaskCreate(log_task, "log", 128, NULL, 1, NULL);
    vTaskStartScheduler();
    for (;;) {
    }
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)&_estack, Reset_Handler, Reset_Handler, HardFault_Handler, MemManage_Handler,
    BusFault_Handler, UsageFault_Handler, 0, 0, 0, 0, SVC_Handler, 0, 0, PendSV_Handler, tick,
};
