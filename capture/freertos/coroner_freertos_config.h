/* The last line of FreeRTOSConfig.h: #include "coroner_freertos_config.h"
 *
 * Before it, what may be read without a fault, as start and end (several, with commas between them):
 *
 *     #define CORONER_RAM { 0x20000000, 0x20010000 }
 *
 * And what has another default than yours:
 *
 *     #define CORONER_KEPT_BYTES 4096      bytes of RAM that keep a dump over the reset
 *     #define CORONER_MAX_TASKS 16         tasks in a dump; each one more costs 48 bytes of RAM
 *     #define CORONER_HANDLERS 0           the vectors stay yours: CORONER_VECTOR(...) for each
 */
#ifndef CORONER_FREERTOS_CONFIG_H
#define CORONER_FREERTOS_CONFIG_H

#ifndef CORONER_RAM
#error "coroner-capture needs CORONER_RAM in FreeRTOSConfig.h: the memory that can be read, { start, end }"
#endif
#ifndef CORONER_KEPT_BYTES
#define CORONER_KEPT_BYTES 4096
#endif
#ifndef CORONER_MAX_TASKS
#define CORONER_MAX_TASKS 16
#endif
#ifndef CORONER_HANDLERS
#define CORONER_HANDLERS 1
#endif

/* Where a stack ends, and the kernel's lists: see freertos_tasks_c_additions.h. */
#undef configRECORD_STACK_HIGH_ADDRESS
#define configRECORD_STACK_HIGH_ADDRESS 1
#undef configINCLUDE_FREERTOS_TASK_C_ADDITIONS_H
#define configINCLUDE_FREERTOS_TASK_C_ADDITIONS_H 1

#ifndef __ASSEMBLER__
/* What the kernel finds out by itself is a crash like any other. */
#include "coroner_capture.h"
#ifndef configASSERT
#define configASSERT(condition) CORONER_ASSERT(condition)
#endif
#endif
#ifndef configCHECK_FOR_STACK_OVERFLOW
#define configCHECK_FOR_STACK_OVERFLOW 2
#endif

#endif
