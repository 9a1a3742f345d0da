/* coroner-capture on Zephyr: what an application may call. Crashes are captured without any call. */
#ifndef CORONER_ZEPHYR_H
#define CORONER_ZEPHYR_H

#include "coroner_capture.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts and crashes, counted over resets. */
const coroner_boots *coroner_zephyr_boots(void);

/* The application has run as it should for long enough: the next crash is the first of a new series. */
void coroner_zephyr_is_healthy(void);

/* Memory to take beside what Kconfig says; while the program runs. */
bool coroner_zephyr_add(const coroner_region *region);

/* Where the last dump lies that has not been sent: in a partition of the flash, or in RAM. CORONER_NO: there is none. */
uint8_t /* coroner_answer */ coroner_zephyr_find(const coroner_store **store, coroner_stored *dump);

/* The application's way out, in chunks of up to 128 bytes: answers whether the chunk got through. */
typedef bool (*coroner_zephyr_upload)(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total);

/* Keeps the way out for coroner_zephyr_send and the shell's `coroner send`. */
void coroner_zephyr_set_upload(coroner_zephyr_upload upload, void *context);

/* Sends the last dump through it, and marks it as sent. CORONER_NO: there is no dump; CORONER_ERROR: no way out,
 * or it failed; the dump is there for the next try. */
uint8_t /* coroner_answer */ coroner_zephyr_send(void);

/* Forgets all dumps. */
bool coroner_zephyr_erase(void);

#ifdef __cplusplus
}
#endif
#endif
