/* coroner-capture for C, on Xtensa with ESP-IDF or Zephyr. The system's own exception handler runs
 * first, and hands over the frame it has saved; see firmware/xtensa/esp_idf_panic.c.
 *
 * Before the call: all register windows spilled (xthal_window_spill), interrupts off, the other core
 * stalled. `config->main_stack` is the stack of the crashed task. */
#ifndef CORONER_XTENSA_H
#define CORONER_XTENSA_H

#include "coroner_capture.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the dump of ESP-IDF's XtExcFrame at `frame`. `loops`: XCHAL_HAVE_LOOPS. `message`: words for
 * the reader, or NULL. `room` is aligned to 8: 48 bytes, and 12 a segment. Answers a coroner_outcome. */
uint8_t coroner_write_esp_idf(const coroner_config *config, const void *frame, bool loops,
                              const char *message, void *room, size_t room_len, const coroner_sink *sink);

/* How Zephyr lays out its base save area in this configuration. */
typedef struct {
    uint16_t exccause; /* offsetof(_xtensa_irq_bsa_t, exccause) */
    uint16_t len;      /* sizeof(_xtensa_irq_bsa_t) */
    bool loops;        /* XCHAL_HAVE_LOOPS */
} coroner_base_save_area;

/* The same from what Zephyr's k_sys_fatal_error_handler is handed as `esf`. */
uint8_t coroner_write_zephyr(const coroner_config *config, const void *esf,
                             const coroner_base_save_area *area, const char *message, void *room,
                             size_t room_len, const coroner_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
