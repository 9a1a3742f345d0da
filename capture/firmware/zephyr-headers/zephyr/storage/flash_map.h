#include "../../all.h"
