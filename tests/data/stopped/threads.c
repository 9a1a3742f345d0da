/* Nothing but a kernel that stands still. */
#include "rt_thread.h"
