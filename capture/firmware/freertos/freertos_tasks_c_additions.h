#include "coroner_freertos_additions.h"
