// SPDX-License-Identifier: Apache-2.0
/* Only preprocessed, for its macros: see CMakeLists.txt. */
#include <asm/unistd.h>
