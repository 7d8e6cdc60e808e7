# SPDX-License-Identifier: Apache-2.0
# What makes a fault in our own code harder to exploit. tests/package/hardening.py looks for it in the binary. Builds
# with sanitizers go without: they find more, and AddressSanitizer does not know the functions of _FORTIFY_SOURCE.
if(KERNEL_EXPORTER_SANITIZE)
  return()
endif()
target_compile_options(kernel_exporter_flags INTERFACE
  -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
target_link_options(kernel_exporter_flags INTERFACE -pie LINKER:-z,relro,-z,now,-z,noexecstack)

# Indirect branches and returns, where the processor checks them. Debian 12 builds the start-up code of C without it, so
# the linker does not mark any program on amd64 as ready, and libc does not switch the checks on.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(kernel_exporter_flags INTERFACE -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  target_compile_options(kernel_exporter_flags INTERFACE -mbranch-protection=standard)
endif()
