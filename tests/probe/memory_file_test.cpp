// SPDX-License-Identifier: Apache-2.0
#include "probe/memory_file.h"

#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <cstring>

#include "fixture.h"

namespace kernel_exporter {
namespace {

std::vector<std::byte> bytes(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

TEST(MemoryFile, HasWhatWasLastPutIntoIt) {
  const auto file = MemoryFile::create();
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->replace(bytes("a longer text")));
  ASSERT_TRUE(file->replace(bytes("text")));
  EXPECT_EQ(read_bytes(file->path()), bytes("text"));
}

TEST(MemoryFile, IsGoneWithTheObject) {
  std::string path;
  {
    const auto file = MemoryFile::create();
    ASSERT_TRUE(file);
    path = file->path();
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

// As a service runs whose system calls systemd filters. Exits with 0 when the file works.
[[noreturn]] void use_without_memfd() {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(memfd_create), 0);
  if (seccomp_load(filter) != 0 || ::memfd_create("x", 0) >= 0) std::_Exit(1);
  const auto file = MemoryFile::create();
  const bool works =
      file && file->replace(bytes("text")) && read_bytes(file->path()) == bytes("text");
  std::_Exit(works ? 0 : 2);
}

TEST(MemoryFile, DoesWithoutMemfd) {
  EXPECT_EXIT(use_without_memfd(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace kernel_exporter
