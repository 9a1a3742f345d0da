/* Takes and gives back memory of a C library's malloc, keeps what its `mallinfo` says, and stops. */
#include "kernel.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

/* What `mallinfo` says: bytes in use, bytes free. */
volatile size_t told[4];
void *volatile kept, *volatile given_back, *volatile last;
volatile size_t in_use;

extern char _ebss[];
#ifdef KERNEL_LIBC_HEAP_PICOLIBC
#define _sbrk sbrk
static char *heap_break = _ebss;
#define heap_end heap_break
#else
static char *heap_end = _ebss;
#endif
void *_sbrk(ptrdiff_t len)
{
    void *start = heap_end;
    heap_end += len;
    return start;
}

void app_start(void);
void kernel_task(const char *name, void (*entry)(void *), unsigned priority)
{
    (void)name, (void)entry, (void)priority;
}
void kernel_sleep(unsigned ticks)
{
    (void)ticks;
}
void kernel_wait_for_ever(void)
{
}
void kernel_suspend(void)
{
}
void SVC_Handler(void)
{
}
void PendSV_Handler(void)
{
}
void SysTick_Handler(void)
{
}

static void *take(size_t len)
{
    unsigned char *all = malloc(len);
    for (size_t i = 0; all && i < len; i++) {
        all[i] = (unsigned char)(0x80 + i);
    }
    in_use += all != 0;
    return all;
}

static void give(void *block)
{
    free(block);
    in_use--;
}

void kernel_main(void)
{
    void *all[24];
    for (unsigned i = 0; i < 24; i++) {
        all[i] = take(8 + 7 * i);
    }
    kept = take(40);
    last = take(100);
    for (unsigned i = 0; i < 24; i += i % 3 + 1) {
        give(all[i]);
    }
    given_back = all[12];
#ifndef KERNEL_LIBC_HEAP_PICOLIBC
    struct mallinfo info = mallinfo();
    told[0] = info.uordblks;
    told[1] = info.fordblks;
#endif
    *(volatile unsigned *)0xc0000000u;
    for (;;) {
    }
}
