// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included in front of upstream's sources, by the compiler's -include: the
// environment in which Scudo looks for its options is empty in a program that
// runs with more rights than whoever started it (AT_SECURE).

#ifndef REFPAGE_THIRD_PARTY_SCUDO_TRUSTED_ENVIRONMENT_H_
#define REFPAGE_THIRD_PARTY_SCUDO_TRUSTED_ENVIRONMENT_H_

#include <stdlib.h>
#include <sys/auxv.h>

// secure_getenv() does that, too, but is new to bionic.
static inline char *getTrustedEnvironment(const char *Name) {
  return getauxval(AT_SECURE) ? nullptr : getenv(Name);
}

#define getenv getTrustedEnvironment

#endif // REFPAGE_THIRD_PARTY_SCUDO_TRUSTED_ENVIRONMENT_H_
