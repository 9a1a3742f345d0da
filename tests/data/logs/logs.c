/* Leaves logs in memory the ways that firmware does, then stops in `crash`. The layouts are written
 * here from the producers' descriptions. Freestanding. */

typedef unsigned uint;

struct up_buffer {
    const char *name;
    char *buffer;
    uint size, write, read, flags;
};

struct {
    char id[16];
    uint ups, downs;
    struct up_buffer up[3];
} _SEGGER_RTT;

static char terminal[64], encoded[32];

char ram_console_buf[128];

struct {
    uint magic, head;
    char text[64];
} g_sysbuffer;

char app_log_buffer[256];
char settings_data[64] = "this is text\nbut no log, says its name\n, and it is long enough\n";
volatile int sink;

static void put(struct up_buffer *up, const char *text)
{
    for (; *text; text++) {
        up->buffer[up->write] = *text;
        up->write = up->write + 1 == up->size ? 0 : up->write + 1;
    }
}

static void copy(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
}

__attribute__((noinline)) void crash(int code)
{
    sink = code;
    for (;;)
        sink++;
}

int main(void)
{
    struct up_buffer *up = _SEGGER_RTT.up;
    copy(_SEGGER_RTT.id, "SEGGER RTT");
    _SEGGER_RTT.ups = 3;
    up[0] = (struct up_buffer){"Terminal", terminal, sizeof terminal, 0, 0, 0};
    up[1] = (struct up_buffer){"defmt", encoded, sizeof encoded, 0, 0, 0};
    put(&up[0], "boot: this line will be written over by what follows\n");
    put(&up[0], "sensor: 21.4 C\n\033[1;31mradio: no answer\033[0m\n");
    up[0].read = up[0].write - 4;
    put(&up[1], "\1\2\3\4\5");

    copy(ram_console_buf, "*** Booting Zephyr OS ***\nmain: going down\n");

    g_sysbuffer.magic = 0x12345678;
    const char *lines = "nx_start: Entry\nboard: up\nNuttShell\nlast words of the board: overheated\n";
    for (; *lines; lines++)
        g_sysbuffer.text[g_sysbuffer.head++ % sizeof g_sysbuffer.text] = *lines;

    copy(app_log_buffer, "I (12) app: started\nW (80) app: queue is filling up\nE (95) app: queue is full\n");
    crash(1);
    return 0;
}

__asm__(".section .start, \"a\"\n.word stack_top\n.word _start\n.text\n.thumb\n.globl _start\n.thumb_func\n"
        ".type _start, %function\n_start:\n.cfi_startproc\n.cfi_undefined lr\nbl main\n1: b 1b\n.cfi_endproc\n"
        ".size _start, . - _start\n");
