/* Functions that end with calls of others, which compilers make jumps of: on one way, on one of two, by
 * a pointer, out of an inlined function, into another source file. Freestanding. */
#define CALLED __attribute__((noipa))

volatile int sink;
extern int far_away(int n);
int (*volatile pointer)(int);

CALLED int crash(int code)
{
    while (sink != code)
        sink = code + 1;
    return code;
}

CALLED int join(int n)
{
    sink = n;
    return crash(n + 1);
}

CALLED int left(int n)
{
    sink = n + 1;
    return join(n + 2);
}

CALLED int right(int n)
{
    sink = n + 3;
    return join(n + 4);
}

CALLED int fork(int n)
{
    if (n & 1)
        return left(n);
    return right(n);
}

static inline __attribute__((always_inline)) int merged(int n)
{
    sink = n + 9;
    return far_away(n * 3);
}

CALLED int begin(int n)
{
    sink = n + 5;
#if CASE == 1 /* One way. */
    return left(n + 1);
#elif CASE == 2 /* Nothing is common. */
    return n & 1 ? join(n + 1) : crash(n);
#elif CASE == 3 /* The beginning and the end are. */
    return fork(n + 2);
#elif CASE == 4 /* A pointer: nobody knows. */
    return pointer(n);
#else /* Out of an inlined function into another file. */
    return merged(n);
#endif
}

__attribute__((noinline)) int main(void)
{
    pointer = join;
    return begin(4) + 1;
}

#include "start.h"
