# SPDX-License-Identifier: Apache-2.0
# bpf_program(NAME): compiles bpf/NAME.bpf.c (NAME may be in a folder) for this machine's kernel into the list
# that bpf_object() links, and for arm64 into the target bpf_arm64, which only proves that it can be.
find_program(CLANG_BPF NAMES clang-14 clang REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip-14 llvm-strip REQUIRED)
find_program(BPFTOOL NAMES bpftool HINTS /usr/sbin /usr/local/sbin REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(BPF_TARGET_ARCH arm64)
else()
  set(BPF_TARGET_ARCH x86)
endif()

# v3 (32-bit registers and jumps) is understood from Linux 5.1 on. The UAPI headers of a multiarch
# distribution lie where clang does not look for the target bpf.
set(BPF_FLAGS -O2 -g -target bpf -mcpu=v3 -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
  -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-declarations)
if(CMAKE_C_LIBRARY_ARCHITECTURE)
  list(APPEND BPF_FLAGS -idirafter /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE})
endif()

function(bpf_compile NAME ARCH OUTPUT)
  get_filename_component(FOLDER ${OUTPUT} DIRECTORY)
  file(MAKE_DIRECTORY ${FOLDER})
  add_custom_command(
    OUTPUT ${OUTPUT}
    COMMAND ${CLANG_BPF} ${BPF_FLAGS} -D__TARGET_ARCH_${ARCH} -MD -MF ${OUTPUT}.d
      -c ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}.bpf.c -o ${OUTPUT}
    DEPENDS ${NAME}.bpf.c
    DEPFILE ${OUTPUT}.d
    COMMENT "BPF (${ARCH}) ${NAME}"
    VERBATIM)
endfunction()

function(bpf_program NAME)
  set(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.bpf.o)
  bpf_compile(${NAME} ${BPF_TARGET_ARCH} ${OUTPUT})
  set_property(DIRECTORY APPEND PROPERTY BPF_OBJECTS ${OUTPUT})

  set(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/arm64/${NAME}.bpf.o)
  bpf_compile(${NAME} arm64 ${OUTPUT})
  set_property(DIRECTORY APPEND PROPERTY BPF_ARM64_OBJECTS ${OUTPUT})
endfunction()

# bpf_object(NAME): links what bpf_program() compiled in this directory into NAME.bpf.o, without
# DWARF (BTF is all that libbpf reads).
function(bpf_object NAME)
  get_property(OBJECTS DIRECTORY PROPERTY BPF_OBJECTS)
  get_property(ARM64_OBJECTS DIRECTORY PROPERTY BPF_ARM64_OBJECTS)
  set(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.bpf.o)
  add_custom_command(
    OUTPUT ${OUTPUT}
    COMMAND ${BPFTOOL} gen object ${OUTPUT} ${OBJECTS}
    COMMAND ${LLVM_STRIP} -g ${OUTPUT}
    DEPENDS ${OBJECTS}
    COMMENT "Linking ${NAME}.bpf.o"
    VERBATIM)
  add_custom_target(bpf ALL DEPENDS ${OUTPUT})
  add_custom_target(bpf_arm64 ALL DEPENDS ${ARM64_OBJECTS})
endfunction()
