/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The public header is C, with nothing before it. */

#include "scudo_refpage.h"

/* In front of the prototype, or -Wmissing-prototypes would want one. */
int purgeParameterInC(void);
int purgeParameterInC(void) { return M_PURGE; }
