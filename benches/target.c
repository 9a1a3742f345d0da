/* What scripts/bench-server lets debuggers look at: 32 threads, each some calls deep, and 16 MiB of
   noise. Prints the address and length of the noise and waits. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 32, DEPTH = 8, LEN = 16 << 20 };
static uint8_t noise[LEN];

static __attribute__((noinline)) int deeper(int level, int thread)
{
    if (level == 0)
        pause();
    else
        thread += deeper(level - 1, thread);
    return thread;
}

static void *work(void *thread)
{
    return (void *)(intptr_t)deeper(DEPTH, (int)(intptr_t)thread);
}

int main(void)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < LEN; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise[i] = (uint8_t)(state >> 24);
    }
    pthread_t threads[THREADS];
    for (intptr_t i = 1; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    sleep(1);
    printf("%p %d\n", (void *)noise, LEN);
    fflush(stdout);
    deeper(DEPTH, 0);
    return 0;
}
