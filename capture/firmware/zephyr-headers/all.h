/* Enough of Zephyr to compile capture/zephyr where there is no Zephyr: names and layouts as release 3.5 has them, and
 * with -DNEWER as 3.7 does. Our own writing; nothing of it runs. */
#ifndef ZEPHYR_HEADERS_H
#define ZEPHYR_HEADERS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZEPHYR_VERSION(a, b, c) ((a) << 16 | (b) << 8 | (c))
#ifdef NEWER
#define KERNEL_VERSION_NUMBER ZEPHYR_VERSION(3, 7, 0)
#else
#define KERNEL_VERSION_NUMBER ZEPHYR_VERSION(3, 5, 0)
#endif

/* Kconfig. */
#define CONFIG_SRAM_BASE_ADDRESS 0x20000000
#define CONFIG_SRAM_SIZE 64
#define CONFIG_ISR_STACK_SIZE 2048
#define CONFIG_APPLICATION_INIT_PRIORITY 90
#define CONFIG_CORONER_KEPT_SIZE 4096
#define CONFIG_CORONER_KEEP_FIRST 1
#define CONFIG_CORONER_MAX_THREADS 16
#define CONFIG_CORONER_STACK_SIZE 2304
#define CONFIG_CORONER_TAKE_RAM 1
#define CONFIG_CORONER_REBOOT 1
#define CONFIG_CORONER_FLASH 1
#define CONFIG_CORONER_FLASH_SLOTS 2
#define CONFIG_CORONER_FLASH_ERASE_UNIT 4096
#ifdef __ARM_FP
#define CONFIG_FPU_SHARING 1
#define CONFIG_ARM_STORE_EXC_RETURN 1
#endif
#ifdef __ARM_ARCH_8M_MAIN__
#define CONFIG_BUILTIN_STACK_GUARD 1
#endif

#define IS_ENABLED(option) (option)
#define ARG_UNUSED(argument) (void)(argument)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

struct _callee_saved {
	uint32_t v1, v2, v3, v4, v5, v6, v7, v8, psp;
};

struct k_thread {
	struct {
		uint8_t user_options;
		uint8_t thread_state;
		int8_t prio;
	} base;
	struct _callee_saved callee_saved;
	struct k_thread *next_thread;
	char name[32];
	struct {
		uintptr_t start;
		size_t size;
		size_t delta;
	} stack_info;
	struct {
		uint32_t mode;
		uint8_t mode_exc_return;
	} arch;
};

#define _THREAD_DEAD (1 << 3)
#define _THREAD_SUSPENDED (1 << 4)
#define _THREAD_QUEUED (1 << 7)

struct z_kernel {
	struct {
		struct k_thread *current;
	} cpus[1];
	struct k_thread *threads;
};
extern struct z_kernel _kernel;

struct esf_words {
	struct {
		uint32_t a1, a2, a3, a4, ip, lr, pc, xpsr;
	} basic;
};
#ifdef NEWER
struct arch_esf {
	struct {
		uint32_t a1, a2, a3, a4, ip, lr, pc, xpsr;
	} basic;
};
void k_sys_fatal_error_handler(unsigned int reason, const struct arch_esf *esf);
#else
typedef struct esf_words z_arch_esf_t;
void k_sys_fatal_error_handler(unsigned int reason, const z_arch_esf_t *esf);
#endif

enum k_fatal_error_reason {
	K_ERR_CPU_EXCEPTION, K_ERR_SPURIOUS_IRQ, K_ERR_STACK_CHK_FAIL, K_ERR_KERNEL_OOPS, K_ERR_KERNEL_PANIC
};

extern char _image_ram_start[], _image_ram_end[];

struct k_mutex {
	int owner;
};
typedef struct {
	int64_t ticks;
} k_timeout_t;
#define K_FOREVER ((k_timeout_t){ -1 })
int k_mutex_init(struct k_mutex *mutex);
int k_mutex_lock(struct k_mutex *mutex, k_timeout_t timeout);
int k_mutex_unlock(struct k_mutex *mutex);
int64_t k_uptime_get(void);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define LOG_LEVEL_INF 3
#define LOG_MODULE_REGISTER(name, level) extern int log_module_##name
#define LOG_MODULE_DECLARE(name, level) extern int log_module_##name
#define LOG_WRN(...) say(__VA_ARGS__)
#define LOG_ERR(...) say(__VA_ARGS__)
#define LOG_PANIC() say("panic")

#define SYS_INIT(function, level, priority) int (*const init_##function)(void) = function

struct shell;
enum { SHELL_NORMAL };
void shell_print(const struct shell *shell, const char *format, ...);
void shell_fprintf(const struct shell *shell, int color, const char *format, ...);
typedef int (*shell_cmd_handler)(const struct shell *shell, size_t argc, char **argv);
struct shell_command {
	const char *name;
	const void *sub;
	const char *help;
	shell_cmd_handler handler;
};
#define SHELL_CMD(name, sub, help, handler) { #name, sub, help, handler }
#define SHELL_SUBCMD_SET_END { NULL, NULL, NULL, NULL }
#define SHELL_STATIC_SUBCMD_SET_CREATE(name, ...) static const struct shell_command name[] = { __VA_ARGS__ }
#define SHELL_CMD_REGISTER(name, sub, help, handler) const void *const shell_##name = sub

struct flash_area {
	size_t fa_size;
};
#define FIXED_PARTITION_ID(label) 1
int flash_area_open(uint8_t id, const struct flash_area **area);
int flash_area_read(const struct flash_area *area, long at, void *bytes, size_t len);
int flash_area_write(const struct flash_area *area, long at, const void *bytes, size_t len);
int flash_area_erase(const struct flash_area *area, long at, size_t len);

#endif
