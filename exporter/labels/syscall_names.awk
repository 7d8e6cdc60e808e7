# SPDX-License-Identifier: Apache-2.0
# "#define __NR_read 0" becomes `{__NR_read, "read"},`. The value stays with the compiler: in the generic
# table of arm64 and others it is the name of another macro. Two macros there are no calls.
$1 == "#define" && $2 ~ /^__NR_[a-z0-9_]+$/ {
  name = substr($2, 6)
  if (name != "syscalls" && name != "arch_specific_syscall") printf "{%s, \"%s\"},\n", $2, name
}
