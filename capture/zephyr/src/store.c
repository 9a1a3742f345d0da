/* After the reset: finds the dump of the last crash, moves it to the flash, and sends it. */
#include <string.h>

#include "internal.h"

LOG_MODULE_DECLARE(coroner, LOG_LEVEL_INF);

static coroner_boots boots;
static coroner_zephyr_upload way_out;
static void *way_out_context;
static struct k_mutex lock;

#ifdef CONFIG_CORONER_FLASH
#if __has_include(<zephyr/storage/flash_map.h>)
#include <zephyr/storage/flash_map.h>
#else
#include <storage/flash_map.h>
#endif

#ifdef FIXED_PARTITION_ID
#define PARTITION FIXED_PARTITION_ID(coroner_partition)
#else
#define PARTITION FLASH_AREA_ID(coroner)
#endif

static bool flash_read_at(void *context, uint32_t at, uint8_t *bytes, size_t len)
{
	return flash_area_read(*(const struct flash_area **)context, at, bytes, len) == 0;
}

static bool flash_write_at(void *context, uint32_t at, const uint8_t *bytes, size_t len)
{
	return flash_area_write(*(const struct flash_area **)context, at, bytes, len) == 0;
}

static bool flash_erase_at(void *context, uint32_t at)
{
	return flash_area_erase(*(const struct flash_area **)context, at, CONFIG_CORONER_FLASH_ERASE_UNIT) == 0;
}

static const struct flash_area *area;
static coroner_store flash = {
	.read = flash_read_at, .write = flash_write_at, .erase = flash_erase_at, .context = &area,
	.erase_unit = CONFIG_CORONER_FLASH_ERASE_UNIT, .slots = CONFIG_CORONER_FLASH_SLOTS,
	.keep = IS_ENABLED(CONFIG_CORONER_KEEP_FIRST) ? CORONER_KEEP_FIRST : CORONER_KEEP_LAST,
};

static void move_to_flash(void)
{
	coroner_stored dump;
	coroner_eraser eraser = { 0 };
	uint8_t more;

	if (flash_area_open(PARTITION, &area) != 0) {
		LOG_ERR("no partition for dumps");
		return;
	}
	flash.len = area->fa_size;
	if (coroner_find(&coroner_kept, &dump) != CORONER_YES) {
		return;
	}
	do {
		more = coroner_prepare(&flash, &eraser);
	} while (more == CORONER_YES);
	if (more == CORONER_ERROR || !coroner_move(&coroner_kept, &dump, &flash)) {
		LOG_WRN("the dump stays in RAM: the flash has no room for it, or failed");
	}
}

/* The stores, the most lasting one first. */
static const coroner_store *const stores[] = { &flash, &coroner_kept };
#else
static void move_to_flash(void)
{
}

static const coroner_store *const stores[] = { &coroner_kept };
#endif

static uint8_t find(const coroner_store **store, coroner_stored *dump)
{
	for (size_t index = 0; index < ARRAY_SIZE(stores); index++) {
		if (stores[index]->len != 0 && coroner_find(stores[index], dump) == CORONER_YES) {
			*store = stores[index];
			return CORONER_YES;
		}
	}
	return CORONER_NO;
}

const coroner_boots *coroner_zephyr_boots(void)
{
	return &boots;
}

void coroner_zephyr_is_healthy(void)
{
	coroner_boots_healthy(coroner_boots_room);
}

bool coroner_zephyr_add(const coroner_region *region)
{
	return coroner_add_region(&coroner_added, region);
}

uint8_t coroner_zephyr_find(const coroner_store **store, coroner_stored *dump)
{
	k_mutex_lock(&lock, K_FOREVER);
	uint8_t found = find(store, dump);

	k_mutex_unlock(&lock);
	return found;
}

void coroner_zephyr_set_upload(coroner_zephyr_upload upload, void *context)
{
	way_out_context = context;
	way_out = upload;
}

static uint8_t send(void)
{
	static uint8_t chunk[128];
	const coroner_store *store;
	coroner_stored dump;
	uint8_t found = find(&store, &dump);

	if (found != CORONER_YES || way_out == NULL) {
		return found == CORONER_YES ? CORONER_ERROR : found;
	}
	for (uint32_t at = 0; at < dump.length;) {
		int32_t len = coroner_read(store, &dump, at, chunk, sizeof(chunk));

		if (len <= 0 || !way_out(way_out_context, at, chunk, (size_t)len, dump.length)) {
			return CORONER_ERROR;
		}
		at += (uint32_t)len;
	}
	return coroner_mark_sent(store, &dump) ? CORONER_YES : CORONER_ERROR;
}

uint8_t coroner_zephyr_send(void)
{
	k_mutex_lock(&lock, K_FOREVER);
	uint8_t answer = send();

	k_mutex_unlock(&lock);
	return answer;
}

bool coroner_zephyr_erase(void)
{
	bool erased = true;

	k_mutex_lock(&lock, K_FOREVER);
	for (size_t index = 0; index < ARRAY_SIZE(stores); index++) {
		coroner_eraser eraser = { 0 };
		uint8_t more = CORONER_NO;

		while (stores[index]->len != 0 && (more = coroner_erase(stores[index], &eraser)) == CORONER_YES) {
		}
		erased = erased && more == CORONER_NO;
	}
	k_mutex_unlock(&lock);
	return erased;
}

#if KERNEL_VERSION_NUMBER >= ZEPHYR_VERSION(3, 4, 0)
static int start(void)
#else
static int start(const struct device *unused)
#endif
{
	const coroner_store *store;
	coroner_stored dump;

#if KERNEL_VERSION_NUMBER < ZEPHYR_VERSION(3, 4, 0)
	ARG_UNUSED(unused);
#endif
	k_mutex_init(&lock);
	coroner_boots_begin(coroner_boots_room, CORONER_RESET_UNKNOWN, &boots);
	move_to_flash();
	if (find(&store, &dump) == CORONER_YES) {
		LOG_WRN("a dump of %u bytes waits in %s; crashes in a row: %u", (unsigned int)dump.length,
			store == &coroner_kept ? "RAM" : "the flash", (unsigned int)boots.crashes_in_a_row);
	}
	return 0;
}

SYS_INIT(start, APPLICATION, CONFIG_APPLICATION_INIT_PRIORITY);
