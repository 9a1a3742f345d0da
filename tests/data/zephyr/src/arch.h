/* What each architecture saves of a thread, in Zephyr's order. */
#pragma once

#if defined(__arm__)
typedef uint32_t word_t;
struct _callee_saved {
	uint32_t v1, v2, v3, v4, v5, v6, v7, v8, psp;
};
struct _preempt_float {
	float s16, s17, s18, s19, s20, s21, s22, s23, s24, s25, s26, s27, s28, s29, s30, s31;
};
struct _thread_arch {
	uint32_t basepri;
	uint32_t swap_return_value;
	struct _preempt_float preempt_float;
	union {
		uint32_t mode;
		struct {
			uint8_t mode_bits;
			uint8_t mode_exc_return;
			uint16_t mode_reserved;
		};
	};
};
#define SAVED_SP psp
#define PREEMPT_FLOAT IN_ARCH(preempt_float)
#define EXC_RETURN IN_ARCH(mode_exc_return)

#elif defined(__riscv)
typedef unsigned long word_t;
struct _callee_saved {
	unsigned long sp, ra, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
};
struct _thread_arch {
	char unused;
};
struct arch_esf {
	unsigned long ra, t0, t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7;
	unsigned long mepc, mstatus, s0;
} __attribute__((aligned(16)));
#define SAVED_SP sp
#define PREEMPT_FLOAT NONE
#define EXC_RETURN NONE

#elif defined(__aarch64__)
typedef uint64_t word_t;
struct _callee_saved {
	uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, sp_el0, sp_elx, lr;
};
struct _thread_arch {
	char unused;
};
#define SAVED_SP sp_elx
#define PREEMPT_FLOAT NONE
#define EXC_RETURN NONE

#elif defined(__i386__)
typedef uint32_t word_t;
struct _callee_saved {
	unsigned long esp;
};
struct _thread_arch {
	char unused;
};
#define SAVED_SP esp
#define PREEMPT_FLOAT NONE
#define EXC_RETURN NONE
#endif
