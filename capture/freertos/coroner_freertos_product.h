/* What a product on FreeRTOS calls; the rest happens by itself when it crashes. See README.md. */
#ifndef CORONER_FREERTOS_PRODUCT_H
#define CORONER_FREERTOS_PRODUCT_H

#include "coroner_capture.h"

#ifdef __cplusplus
extern "C" {
#endif

/* First of all in main: counts the start, and lets memory, bus and usage faults have vectors of their own.
 * `reset`: a coroner_reset_reason, from the chip's register. Answers the counts. */
const coroner_boots *coroner_product_start(uint8_t reset);

/* Some minutes later: the next crash is the first of a new series. */
void coroner_product_is_healthy(void);

/* From any one task, when the way out is open: hands the last dump to `send` in pieces of up to 128 bytes, and marks
 * it as sent once all of them got through. CORONER_NO: there is none. */
uint8_t /* coroner_answer */ coroner_product_send(
    bool (*send)(void *context, uint32_t at, const uint8_t *bytes, size_t len, uint32_t total), void *context);

/* The store of the dump, for coroner_move to a flash, and more. */
const coroner_store *coroner_product_store(void);

/* Memory to take beside the program's variables and the heap of heap_4.c; while the program runs. */
bool coroner_product_add(const coroner_region *region);

/* The program may define these two: strings that go into the dump, and what is never taken. Without them there
 * are none. */
size_t coroner_product_info(const coroner_info **strings);
size_t coroner_product_secrets(const coroner_area **areas);

#ifdef __cplusplus
}
#endif
#endif
