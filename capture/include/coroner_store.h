/* Dumps that outlive the reset: where they lie, how they are found, read, marked as sent and erased; and a
 * count of starts and crashes. Part of coroner_capture.h; everything here is for the time after the reset, but
 * CORONER_STORE as a sink and coroner_boots_crashed, which are for the handler.
 *
 * No function here waits or allocates. None is made for two callers at a time: a program calls them from one
 * task, or under a lock of its own.
 */
#ifndef CORONER_STORE_H
#define CORONER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CORONER_KEEP_LAST,  /* the oldest dump makes room for a new one */
    CORONER_KEEP_FIRST  /* a dump that has not been sent stays, however many crashes follow */
} coroner_keep;

/* A place for dumps: a partition of a flash behind a driver of four functions, or memory that outlives a
 * reset (CORONER_RETAINED). A constant of the program.
 *
 * Offsets count from the beginning of the driver's flash, in bytes. They and all lengths are multiples of 32;
 * nothing is written twice between two erasures. Each function answers whether it has worked. In the
 * handler `read` and `write` are called with interrupts off, and must not wait for one, nor for a lock. */
typedef struct {
    /* Reads `len` bytes from `at` on. NULL: this is memory, at `context`. */
    bool (*read)(void *context, uint32_t at, uint8_t *bytes, size_t len);
    /* Writes to erased bytes (0xff); write units of up to 32 bytes. */
    bool (*write)(void *context, uint32_t at, const uint8_t *bytes, size_t len);
    /* Erases the unit that begins at `at`. Never called in the handler. */
    bool (*erase)(void *context, uint32_t at);
    /* Called between blocks, never in the handler: feeds the watchdog, yields. Or NULL. */
    void (*feed)(void *context);
    void *context;       /* handed to the four */
    uint32_t start;      /* first byte of the partition: a multiple of erase_unit */
    uint32_t len;        /* bytes of the partition */
    uint32_t erase_unit; /* bytes that are erased at a time */
    uint32_t slots;      /* dumps it has room for, each in whole units: len / slots bytes at most */
    uint8_t keep;        /* coroner_keep */
} coroner_store;

/* Reserves `bytes` (a multiple of 32) of memory that the start-up code leaves alone, as a store of one dump:
 * CORONER_RETAINED(kept, 4096, CORONER_KEEP_FIRST). */
#define CORONER_RETAINED(name, bytes, keep)                                                        \
    typedef char name##_is_no_multiple_of_32[(bytes) % 32 == 0 ? 1 : -1] __attribute__((unused));  \
    static uint32_t name##_room[(bytes) / 4] __attribute__((aligned(32), section(".noinit.coroner_retained"))); \
    static const coroner_store name = { NULL, NULL, NULL, NULL, name##_room, 0, (bytes), (bytes), 1, keep };

typedef enum {
    CORONER_NO,
    CORONER_YES,
    CORONER_ERROR /* the driver failed, or the sizes of the store are none */
} coroner_answer;

/* A whole dump in a store. Filled in by coroner_find. */
typedef struct {
    uint32_t length;   /* bytes of the file */
    uint32_t slot;
    uint16_t sequence; /* counts the dumps of a store, and wraps */
    uint8_t flags;     /* see FORMAT.md */
    bool sent;
    bool truncated;    /* something did not fit, or writing stopped early */
    uint8_t elf_class; /* 1: 32 bits, 2: 64 bits */
} coroner_stored;

/* Looks for the newest whole dump that has not been sent; its checksum is right. */
uint8_t /* coroner_answer */ coroner_find(const coroner_store *store, coroner_stored *found);

/* Reads a piece of the dump's file, for an upload in chunks: `len` bytes from `at` on, both multiples of 32;
 * there must be room for all of `len`. Answers how many of them are the file's, 0 at its end, -1 for an error. */
int32_t coroner_read(const coroner_store *store, const coroner_stored *dump, uint32_t at, uint8_t *bytes,
                     size_t len);

/* Prints the dump as lines of text, which `coroner` finds in a console's log; `put` is handed a line at a time, of up to
 * 80 letters, with its end. False: the store can't be read, or `put` said so. */
bool coroner_print(const coroner_store *store, const coroner_stored *dump,
                   bool (*put)(void *context, const uint8_t *text, size_t len), void *context);

/* Remembers that the dump has been taken away, without erasing anything. False: that could not be written. */
bool coroner_mark_sent(const coroner_store *store, coroner_stored *dump);

/* How far an erasing has got. Zeros, { 0 }, are one that has not begun. */
typedef struct {
    bool busy;
    uint32_t slot;
    uint32_t at;
} coroner_eraser;

/* One step towards room for the next crash, at most one erased unit: CORONER_YES, call again; CORONER_NO,
 * there is a blank slot, or with CORONER_KEEP_FIRST none that may be erased. Torn dumps go first, then those
 * that were sent, then, with CORONER_KEEP_LAST, the oldest one. A program calls it after each start, since
 * nothing is erased in the handler. Memory needs no such step. */
uint8_t /* coroner_answer */ coroner_prepare(const coroner_store *store, coroner_eraser *eraser);

/* One step towards a store without any dump, sent or not: CORONER_YES, call again; CORONER_NO, it is blank. */
uint8_t /* coroner_answer */ coroner_erase(const coroner_store *store, coroner_eraser *eraser);

/* Copies the dump into a blank slot of another store (see coroner_prepare), its checksum and all, and marks it
 * as sent in the first one: from memory to a flash that can't be written in a handler. False: `to` is too small,
 * has no blank slot, or failed; the dump then stays where it is. After a reset in the middle of it, it is
 * found in `from` again, and the torn copy is erased by coroner_prepare. */
bool coroner_move(const coroner_store *from, coroner_stored *dump, const coroner_store *to);

/* Why the device has started, as its reset register tells the program. */
typedef enum {
    CORONER_RESET_UNKNOWN, CORONER_RESET_POWER, CORONER_RESET_PIN, CORONER_RESET_SOFTWARE,
    CORONER_RESET_WATCHDOG, CORONER_RESET_BROWN_OUT, CORONER_RESET_LOCKUP, CORONER_RESET_WAKE
} coroner_reset_reason;

/* Counts in memory that outlives a reset; they begin at 0 where that memory was lost. */
typedef struct {
    uint32_t starts;           /* this one included */
    uint32_t crashes;
    uint32_t crashes_in_a_row; /* since the program last called itself healthy */
    uint8_t reset;             /* coroner_reset_reason */
    bool after_crash;          /* a crash led to this start */
} coroner_boots;

/* Reserves the room of the counts: CORONER_BOOTS(boots_room). */
#define CORONER_BOOTS(name) \
    static uint32_t name[8] __attribute__((aligned(32), section(".noinit.coroner_retained")));

/* For the start of the program, before anything that may crash. A watchdog's reset that no handler saw coming,
 * and a core that gave up, count as crashes. */
void coroner_boots_begin(uint32_t *room, uint8_t /* coroner_reset_reason */ reset, coroner_boots *boots);

/* For the handler: counts the crash. A second attempt of the same crash is not counted again. */
void coroner_boots_crashed(uint32_t *room);

/* The program has run as it should for long enough: the next crash is the first of a new series. */
void coroner_boots_healthy(uint32_t *room);

/* How long to wait before what crashed is tried again, in the unit of `first`: nothing after the first crash,
 * `first` after the second one in a row, twice as much after each further one, `most` at most. */
uint32_t coroner_boots_back_off(const coroner_boots *boots, uint32_t first, uint32_t most);

#ifdef __cplusplus
}
#endif
#endif
