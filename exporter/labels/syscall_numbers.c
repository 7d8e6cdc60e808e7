/* Only preprocessed, for its macros: see CMakeLists.txt. */
#include <asm/unistd.h>
