# SPDX-License-Identifier: Apache-2.0
# room(NAME SOURCES ... [USES ...] [USES_PRIVATELY ...] [LIBRARIES ...] [PRIVATE_LIBRARIES ...]): one folder of
# exporter/ as one static library, kernel_exporter::NAME. Headers are included by their path from exporter/, e.g.
# "rules/plan.h". USES and LIBRARIES are what the room's own headers include, the private ones what only its sources
# do. tests/lint/rooms holds every #include against what its room declares here.
# Warnings are errors on our own targets only.
add_library(kernel_exporter_flags INTERFACE)
target_compile_options(kernel_exporter_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Werror;-Wshadow;-Wnon-virtual-dtor>)
if(KERNEL_EXPORTER_SANITIZE)
  target_compile_options(kernel_exporter_flags INTERFACE
    -fsanitize=${KERNEL_EXPORTER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kernel_exporter_flags INTERFACE -fsanitize=${KERNEL_EXPORTER_SANITIZE})
endif()

if(KERNEL_EXPORTER_FUZZ)
  # What the fuzzer steers by; each target brings its own main().
  target_compile_options(kernel_exporter_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
endif()

function(room NAME)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;USES_PRIVATELY;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  add_library(kernel_exporter_${NAME} STATIC ${ROOM_SOURCES})
  add_library(kernel_exporter::${NAME} ALIAS kernel_exporter_${NAME})
  target_include_directories(kernel_exporter_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/exporter)
  list(TRANSFORM ROOM_USES PREPEND kernel_exporter::)
  list(TRANSFORM ROOM_USES_PRIVATELY PREPEND kernel_exporter::)
  target_link_libraries(kernel_exporter_${NAME} PUBLIC ${ROOM_USES} ${ROOM_LIBRARIES}
    PRIVATE ${ROOM_USES_PRIVATELY} ${ROOM_PRIVATE_LIBRARIES} kernel_exporter_flags)
endfunction()

# unit_test(ROOM [THREADED] SOURCES ... [LIBRARIES ...]): the tests of one room that need no root, label `unit`, part of
# the target unit_tests. Under ThreadSanitizer only those of rooms that are THREADED are of interest: label `threads`,
# target threads.
add_custom_target(unit_tests)
add_custom_target(threads)
set(THREADS_ENVIRONMENT TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/threads/suppressions.txt)
function(unit_test ROOM)
  cmake_parse_arguments(TEST "THREADED" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${ROOM}_test ${TEST_SOURCES})
  target_link_libraries(${ROOM}_test PRIVATE kernel_exporter::${ROOM} ${TEST_LIBRARIES}
    GTest::gtest_main kernel_exporter_flags)
  target_compile_definitions(${ROOM}_test PRIVATE KERNEL_EXPORTER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_dependencies(unit_tests ${ROOM}_test)
  set(PROPERTIES LABELS unit TIMEOUT 60)
  if(TEST_THREADED AND KERNEL_EXPORTER_SANITIZE STREQUAL "thread")
    target_sources(${ROOM}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/threads/logging.cpp)
    target_link_libraries(${ROOM}_test PRIVATE kernel_exporter::base)
    add_dependencies(threads ${ROOM}_test)
    set(PROPERTIES LABELS threads TIMEOUT 180 ENVIRONMENT ${THREADS_ENVIRONMENT})
  endif()
  gtest_discover_tests(${ROOM}_test TEST_PREFIX "unit.${ROOM}." PROPERTIES ${PROPERTIES} DISCOVERY_TIMEOUT 30)
endfunction()

# kernel_test(ROOM SOURCES ... [LIBRARIES ...]): the tests of one room that load BPF programs or maps
# into the running kernel, as root, label `kernel`. One at a time: they watch the same kernel.
function(kernel_test ROOM)
  cmake_parse_arguments(TEST "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${ROOM}_kernel_test ${TEST_SOURCES})
  target_link_libraries(${ROOM}_kernel_test PRIVATE kernel_exporter::${ROOM} ${TEST_LIBRARIES}
    GTest::gtest_main kernel_exporter_flags)
  target_compile_definitions(${ROOM}_kernel_test PRIVATE
    KERNEL_EXPORTER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${ROOM}_kernel_test TEST_PREFIX "kernel.${ROOM}."
    XML_OUTPUT_DIR ${CMAKE_BINARY_DIR}/kernel_results/host/${ROOM}_kernel_test PROPERTIES LABELS kernel
    RESOURCE_LOCK kernel TIMEOUT 120 DISCOVERY_TIMEOUT 30)
endfunction()
