/* coroner-capture on ESP-IDF, RISC-V chips: what an application calls. A panic is captured without any call. */
#ifndef CORONER_ESP_IDF_H
#define CORONER_ESP_IDF_H

#include "coroner_capture.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Early in app_main: counts the start, and moves the dump of the last crash to the partition. Answers the counts. */
const coroner_boots *coroner_esp_start(void);

/* The application has run as it should for long enough. */
void coroner_esp_is_healthy(void);

/* Memory to take beside what Kconfig says; while the program runs. */
bool coroner_esp_add(const coroner_region *region);

/* Hands the last dump to `send`, in chunks of up to 128 bytes, and marks it as sent. CORONER_NO: there is none. */
uint8_t /* coroner_answer */ coroner_esp_send(
    bool (*send)(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total), void *context);

#ifdef __cplusplus
}
#endif
#endif
