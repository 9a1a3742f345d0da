/* A program and what it left in RAM when it stopped: a stack of return addresses, pointers to
   functions and texts, a thread that is a variable. ONE_COMMIT is a later build of it, with one
   more statement. */

__attribute__((noinline)) static int read_sensor(int n)
{
#ifdef ONE_COMMIT
    if (n == 7)
        return n * 3 - 1;
#endif
    __asm__ volatile("" : "+r"(n));
    return n;
}

/* A function that calls another one; AFTER is where that call returns to, as a pointer of code. */
#ifdef __riscv
#define THUMB 0
#define AROUND(call) "addi sp, sp, -16\n sw ra, 12(sp)\n call " call "lw ra, 12(sp)\n addi sp, sp, 16"
#else
#define THUMB 1
#define AROUND(call) "push {r4, lr}\n bl " call "pop {r4, lr}"
#endif
#define CALLS(name, callee, AFTER) \
    __attribute__((noinline, used)) void name(int n) \
    { \
        __asm__ volatile(AROUND(callee "\n .global " AFTER "\n" AFTER ":\n ") : : "r"(n) : "memory"); \
    }

__attribute__((noinline, used)) void leaf(int n) { (void)read_sensor(n); }
#ifdef AT_THE_END
CALLS(early, "leaf", "after_early")
#endif
CALLS(one, "leaf", "after_one")
CALLS(two, "one", "after_two")
CALLS(three, "two", "after_three")
CALLS(four, "three", "after_four")
CALLS(five, "four", "after_five")
CALLS(worker, "five", "after_worker")

void code(void) { worker(read_sensor(0)); }

extern char after_one[], after_two[], after_three[], after_four[], after_five[], after_worker[];

char *stack[16] = {
    0, after_one + THUMB, (char *)3, after_two + THUMB, 0, after_three + THUMB, (char *)1, after_four + THUMB,
    after_five + THUMB, (char *)0x20000000, after_worker + THUMB,
};

const char *names[6] = { "idle", "sensor", "network", "logger", "pump", "watchdog" };
void (*handlers[4])(int) = { one, three, five, leaf };

struct thread { void *sp; void (*entry)(int); void (*ended)(int); int priority; };
struct thread sensor_thread = { stack + 1, worker, leaf, 5 };
