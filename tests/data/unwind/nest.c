/* Calls of every kind that a walk up the stack must get through: a leaf, an inlined function, one with
 * many locals, a variadic one, one through a pointer, recursion. Freestanding; ends in a loop. */
#include <stdarg.h>

struct point {
    int x, y;
};

volatile int sink;
int (*volatile indirect)(int, struct point *);

__attribute__((noinline)) void crash(int code)
{
    sink = code;
    for (;;)
        sink++;
}

static inline __attribute__((always_inline)) int twist(int value)
{
    if (value > 2)
        crash(value);
    return value * 3;
}

__attribute__((noinline)) int leaf(int n, struct point *p)
{
    volatile int pad[3] = {n, 2, 3};
    return twist(n + p->x) + pad[1];
}

__attribute__((noinline)) int varied(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = va_arg(list, int);
    va_end(list);
    struct point p = {n, 5};
    return indirect(n, &p) + p.y + format[0];
}

__attribute__((noinline)) int recurse(int depth)
{
    volatile char room[40];
    room[depth] = (char)depth;
    if (depth == 0)
        return varied("x", 7, 8) + room[0];
    return recurse(depth - 1) + room[depth];
}

int main(void)
{
    indirect = leaf;
    return recurse(3);
}

#include "start.h"
