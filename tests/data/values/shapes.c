/* Values of every kind that C has, for two debuggers to show. Two files and link-time optimisation
 * make DWARF of one refer to the other. Freestanding; ends in a loop. */
#include "shapes.h"

enum mode { IDLE, RUNNING = 5, FAILED = -1 };
enum flags { READ = 1, WRITE = 2, EXECUTE = 4 };

struct bits {
    unsigned a : 3;
    int b : 5;
    enum mode mode : 8;
    _Bool on : 1;
    unsigned long long wide : 40;
};

union word {
    unsigned whole;
    unsigned char bytes[4];
    struct {
        short low, high;
    };
};

struct node {
    struct node *next;
    int (*handler)(int);
    const char *name;
    union word word;
    struct {
        int x, y;
    } inner;
    int counts[2][3];
    float ratio;
    double exact;
    char text[16];
    unsigned char raw[4];
    int flexible[];
};

int twice(int n) { return n * 2; }

#define KEEP __attribute__((used))
KEEP static int hidden = 77;
KEEP struct bits packed = {5, -7, RUNNING, 1, 0x123456789a};
KEEP enum flags rights = READ | EXECUTE, odd = (enum flags)(READ | 64);
KEEP enum mode mode = FAILED;
KEEP struct node second = {0, twice, "second", {0x44332211}, {1, 2}, {{1, 2, 3}, {4, 5, 6}}, 0.1f, 1e300, "tail", "\1\2\3"};
KEEP struct node first = {&second, 0, "first \"node\"\n", {7}, {-1, -2}, {{0}}, -2.5f, 0.1, "0123456789abcdef", {0xff, 0xff, 0, 1}};
KEEP int zeros[40], squares[12] = {0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121};
KEEP char filled[30] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxyz";
KEEP long long big = -1234567890123456789;
KEEP unsigned char letter = 'A';
KEEP signed char negative = -5;
KEEP _Bool yes = 1;
KEEP void *anywhere = &squares[3];
volatile int sink;

__attribute__((noinline)) void crash(int code)
{
    sink = code;
    for (;;)
        sink++;
}

struct pair {
    int left, right;
};

/* The structure is torn into registers, one half of it thrown away. */
__attribute__((noinline)) int torn(int seed, struct pair both, const struct node *node)
{
    struct pair half = {seed * 3, seed * 5};
    int kept = helper(half.left, node->inner.x);
    unsigned gone = (unsigned)seed << 20;
    crash(kept);
    (void)gone;
    return half.left + both.right + kept;
}

__attribute__((noinline)) int enter(int depth, struct node *node)
{
    struct node local = *node;
    enum flags asked = rights;
    volatile int table[5] = {depth, 2, 3, 4, 5};
    local.inner.x = depth;
    return torn(table[0] + asked, (struct pair){depth, 9}, &local) + table[1];
}

__attribute__((used, externally_visible)) int main(void)
{
    hidden += sink;
    return enter(4 + sink, &first) + hidden + (odd == WRITE) + (mode == IDLE) + zeros[sink] + filled[sink]
        + (int)big + letter + negative + yes + (anywhere == 0) + packed.b;
}

__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.text\n.thumb\n.globl _start\n.thumb_func\n"
        ".type _start, %function\n_start:\n.cfi_startproc\n.cfi_undefined lr\nbl main\n1: b 1b\n.cfi_endproc\n"
        ".size _start, . - _start\n");
