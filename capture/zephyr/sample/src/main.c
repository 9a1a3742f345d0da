/* An application on Zephyr that crashes when its shell is told to: pump fault|oops|irq|overflow. */
#include "../../src/internal.h"

#if __has_include(<zephyr/shell/shell.h>)
#include <zephyr/shell/shell.h>
#else
#include <shell/shell.h>
#endif

CORONER_TAG uint32_t litres = 41;

static volatile uint32_t gear;

/* Zephyr lets a division by zero be a fault, on every chip but those of ARMv6-M. */
__attribute__((noinline)) static uint32_t drive(const volatile uint32_t *motor, uint32_t target)
{
	return target / *motor;
}

static K_SEM_DEFINE(work, 0, 1);

static void pump_thread(void *a, void *b, void *c)
{
	for (uint32_t round = 0;; round++) {
		k_sem_take(&work, K_FOREVER);
		litres += drive(&gear, 93);
	}
}
K_THREAD_DEFINE(pump, 1024, pump_thread, NULL, NULL, NULL, 5, 0, 0);

static void sensor_thread(void *a, void *b, void *c)
{
	for (;;) {
		k_msleep(50);
	}
}
K_THREAD_DEFINE(sensor, 1024, sensor_thread, NULL, NULL, NULL, 6, 0, 0);

static bool to_console(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total)
{
	printk("chunk %u of %u: %u bytes\n", at, total, (uint32_t)len);
	return true;
}

static int cmd_fault(const struct shell *shell, size_t argc, char **argv)
{
	k_sem_give(&work);
	return 0;
}

static int cmd_oops(const struct shell *shell, size_t argc, char **argv)
{
	k_oops();
	return 0;
}

static void expired(struct k_timer *timer)
{
	litres += drive(&gear, 77);
}
static K_TIMER_DEFINE(timer, expired, NULL);

static int cmd_irq(const struct shell *shell, size_t argc, char **argv)
{
	k_timer_start(&timer, K_MSEC(20), K_NO_WAIT);
	return 0;
}

SHELL_STATIC_SUBCMD_SET_CREATE(pump_commands,
	SHELL_CMD(fault, NULL, "A fault in the thread `pump`.", cmd_fault),
	SHELL_CMD(oops, NULL, "k_oops() in the shell's thread.", cmd_oops),
	SHELL_CMD(irq, NULL, "A fault in an interrupt.", cmd_irq),
	SHELL_SUBCMD_SET_END
);
SHELL_CMD_REGISTER(pump, &pump_commands, "Ways to crash", NULL);

void main(void)
{
	coroner_zephyr_set_upload(to_console, NULL);
}
