/* A device with five tasks, one of which follows a broken pointer. Each kernel gives it the calls
 * of kernel.h; what the tasks wait in is theirs. */
#include "kernel.h"

struct motor {
    unsigned position;
    unsigned speed;
};

static struct motor left = { 10, 3 };
static struct motor *const broken = (struct motor *)0xc0000000u;
volatile unsigned doors_opened = 41;
volatile float last_gain;

__attribute__((noinline)) static unsigned drive(struct motor *motor, unsigned target)
{
    return motor->position < target ? motor->speed : 0;
}

__attribute__((noinline)) static unsigned open_door(struct motor *motor, unsigned target)
{
    unsigned driven = drive(motor, target);
    doors_opened++;
    return driven + 1;
}

static void motor_task(void *argument)
{
    (void)argument;
    for (unsigned round = 0;; round++) {
        open_door(round == 3 ? broken : &left, 90 + round);
        kernel_sleep(5);
    }
}

/* Its argument is how far the value lies on the stack, so that a wrong stack pointer shows. */
__attribute__((noinline)) static unsigned sample(unsigned seed)
{
    volatile unsigned held[4] = { seed, seed + 1, seed + 2, seed + 3 };
    for (;;) {
        kernel_sleep(held[0] == seed ? 1 : 1000);
        held[0]++;
        held[3] = held[1] + held[2];
    }
    return held[0];
}

static void sensor_task(void *argument)
{
    (void)argument;
    sample(0x5e50);
}

/* Keeps a value in a register that is saved by whoever switches tasks. */
__attribute__((noinline)) static void filter(void)
{
#ifdef WITH_FLOAT
    float gain = 1.5f;
    for (;;) {
        __asm volatile("vmov s20, %0" : : "t"(gain) : "s20");
        kernel_sleep(1000);
        __asm volatile("vmov %0, s20" : "=t"(gain));
        last_gain = gain;
    }
#else
    for (;;) {
        kernel_sleep(1000);
    }
#endif
}

static void filter_task(void *argument)
{
    (void)argument;
    filter();
}

static void logger_task(void *argument)
{
    (void)argument;
    kernel_wait_for_ever();
}

static void parked_task(void *argument)
{
    (void)argument;
    kernel_suspend();
}

void app_start(void)
{
    kernel_task("motor", motor_task, 3);
    kernel_task("sensor", sensor_task, 2);
    kernel_task("filter", filter_task, 2);
    kernel_task("logger", logger_task, 2);
    kernel_task("parked", parked_task, 4);
}
