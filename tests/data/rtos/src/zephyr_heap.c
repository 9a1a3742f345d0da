/* A heap and a slab as Zephyr lays them out, filled in by hand: its source stays where it is. Facts:
 * Zephyr 4.2, lib/heap/heap.h, include/zephyr/kernel.h. */
#include "kernel.h"

#include <stddef.h>

struct z_heap_bucket {
    uint32_t next;
};
struct z_heap {
    uint32_t chunk0_hdr[2], end_chunk, avail_buckets;
    struct z_heap_bucket buckets[];
};
struct sys_heap {
    struct z_heap *heap;
    void *init_mem;
    size_t init_bytes;
};
struct k_heap {
    struct sys_heap heap;
    void *wait_q[2];
};
struct k_mem_slab_info {
    uint32_t num_blocks;
    size_t block_size;
    uint32_t num_used;
};
struct k_mem_slab {
    void *wait_q[2];
    char *buffer, *free_list;
    struct k_mem_slab_info info;
};

int _kernel;
struct k_heap _system_heap;
struct k_mem_slab packets;
static uint64_t units[64];
static char buffer[6 * 32] __attribute__((aligned(8)));
/* What gcc may not drop: the linker's symbols stand for a section with one slab. */
__asm(".global _k_mem_slab_list_start, _k_mem_slab_list_end\n"
      ".set _k_mem_slab_list_start, packets\n .set _k_mem_slab_list_end, packets + 28\n");
_Static_assert(sizeof(struct k_mem_slab) == 28, "as above");

/* Units of each chunk, the last bit: it is in use. */
static const uint8_t chunks[] = { 5 << 1 | 1, 4 << 1 | 1, 3 << 1, 8 << 1 | 1, 20 << 1, 10 << 1 | 1 };
void *volatile kept, *volatile given_back;

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
#ifdef __arm__
void SVC_Handler(void)
{
}
void PendSV_Handler(void)
{
}
void SysTick_Handler(void)
{
}
#else
void kernel_trap(void)
{
}
#endif

void kernel_main(void)
{
    struct z_heap *heap = (struct z_heap *)units;
    uint32_t at = 0, left = 0;
    heap->avail_buckets = 0;
    for (unsigned i = 0; i < sizeof chunks; i++) {
        uint16_t *header = (uint16_t *)&units[at];
        header[0] = (uint16_t)left;
        header[1] = chunks[i];
        if (!(chunks[i] & 1)) {
            header[2] = header[3] = (uint16_t)at;
            heap->buckets[i].next = at;
            heap->avail_buckets |= 1u << i;
        }
        left = chunks[i] >> 1;
        at += left;
    }
    ((uint16_t *)&units[at])[0] = (uint16_t)left;
    ((uint16_t *)&units[at])[1] = 1;
    heap->end_chunk = at;
    _system_heap.heap.heap = heap;
    kept = (char *)&units[12] + 4;
    given_back = (char *)&units[9] + 4;
    packets.buffer = buffer;
    packets.info = (struct k_mem_slab_info){ 6, 32, 2 };
    for (unsigned i = 5; i >= 2; i--) {
        *(char **)&buffer[32 * i] = packets.free_list;
        packets.free_list = &buffer[32 * i];
    }
    *(volatile unsigned *)0xc0000000u;
    for (;;) {
    }
}
