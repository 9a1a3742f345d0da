#include "shapes.h"

__attribute__((used)) static int hidden = 5;

__attribute__((used)) struct elsewhere {
    long id;
    struct elsewhere *self;
} elsewhere = {42, &elsewhere};

int helper(int value, int more)
{
    int sum = value + more + hidden++;
    return sum + (int)elsewhere.id;
}

/* What compilers call to copy structures. */
__attribute__((used)) void *memcpy(void *to, const void *from, unsigned len)
{
    volatile char *out = to;
    for (const char *in = from; len--;)
        *out++ = *in++;
    return to;
}
