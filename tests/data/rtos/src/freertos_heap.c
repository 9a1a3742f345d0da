/* Takes and gives back memory of FreeRTOS' heaps without a single task, keeps what the kernel's own
 * functions say of them, and stops. */
#include "kernel.h"

#include "FreeRTOS.h"
#include "task.h"

/* What the heap's own functions say: bytes free, the largest free block with its header, free blocks,
 * the fewest bytes that were free. */
volatile size_t told[4];
/* A block of 40 bytes, one that was given back, one of 100 bytes. */
void *volatile kept, *volatile given_back, *volatile last;
/* Blocks in use. */
volatile size_t in_use;

#ifdef KERNEL_FREERTOS_HEAP_5
static uint8_t lower[2000], upper[3000];
const HeapRegion_t xHeapRegions[] = { { lower, sizeof lower }, { upper, sizeof upper }, { 0, 0 } };
#endif

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

static void *take(size_t len)
{
    unsigned char *all = pvPortMalloc(len);
    for (size_t i = 0; all && i < len; i++) {
        all[i] = (unsigned char)(0x80 + i);
    }
    in_use += all != 0;
    return all;
}

static void give(void *block)
{
    vPortFree(block);
    in_use--;
}

void kernel_main(void)
{
#ifdef KERNEL_FREERTOS_HEAP_5
    vPortDefineHeapRegions(xHeapRegions);
#endif
    void *all[24];
    for (unsigned i = 0; i < 24; i++) {
        all[i] = take(8 + 7 * i);
    }
    kept = take(40);
    last = take(100);
#ifndef KERNEL_FREERTOS_HEAP_1
    for (unsigned i = 0; i < 24; i += i % 3 + 1) {
        give(all[i]);
    }
    given_back = all[12];
#endif
    told[0] = xPortGetFreeHeapSize();
#if defined KERNEL_FREERTOS_HEAP_4 || defined KERNEL_FREERTOS_HEAP_5
    HeapStats_t stats;
    vPortGetHeapStats(&stats);
    told[1] = stats.xSizeOfLargestFreeBlockInBytes;
    told[2] = stats.xNumberOfFreeBlocks;
    told[3] = stats.xMinimumEverFreeBytesRemaining;
#endif
    *(volatile unsigned *)0xc0000000u;
    for (;;) {
    }
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ len)
{
    for (__SIZE_TYPE__ i = 0; i < len; i++) {
        ((char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}

void *memset(void *to, int byte, __SIZE_TYPE__ len)
{
    for (__SIZE_TYPE__ i = 0; i < len; i++) {
        ((char *)to)[i] = (char)byte;
    }
    return to;
}
