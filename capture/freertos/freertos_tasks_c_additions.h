/* The kernel's tasks.c takes this in at its end. A product that has such a file already adds the line to it. */
#include "coroner_freertos_additions.h"
