/* What kernels include of a C library: enough where there is none. */
#include <stddef.h>
