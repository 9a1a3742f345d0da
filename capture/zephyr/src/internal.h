/* Between the sources of this module; and what has other names in other releases of Zephyr. */
#ifndef CORONER_ZEPHYR_INTERNAL_H
#define CORONER_ZEPHYR_INTERNAL_H

#if __has_include(<zephyr/kernel.h>)
/* Zephyr 3.1 and later. */
#include <zephyr/init.h>
#include <zephyr/kernel.h>
#include <zephyr/kernel_structs.h>
#include <zephyr/linker/linker-defs.h>
#include <zephyr/logging/log.h>
#include <zephyr/logging/log_ctrl.h>
#else
#include <init.h>
#include <kernel.h>
#include <kernel_structs.h>
#include <linker/linker-defs.h>
#include <logging/log.h>
#include <logging/log_ctrl.h>
#endif
#if __has_include(<zephyr/version.h>)
#include <zephyr/version.h>
#else
#include <version.h>
#endif

#include "coroner_zephyr.h"

#if KERNEL_VERSION_NUMBER >= ZEPHYR_VERSION(3, 7, 0)
typedef struct arch_esf coroner_esf;
#else
typedef z_arch_esf_t coroner_esf;
#endif

/* The store of the crash, and the counts of starts. */
extern const coroner_store coroner_kept;
extern uint32_t coroner_boots_room[8];
extern coroner_registry coroner_added;

#endif
