// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_glob.h"

#include <gtest/gtest.h>

#include <string>

namespace kernel_exporter {
namespace {

struct Row {
  const char* glob;
  const char* path;
  bool matches;
};

TEST(CgroupGlob, MatchesPartByPart) {
  const Row rows[] = {
      {"/", "/", true},
      {"/", "/a", false},
      {"/a", "/a", true},
      {"/a", "/ab", false},
      {"/a", "/a/b", false},
      {"/*", "/a", true},
      {"/*", "/a/b", false},
      {"/system.slice/*.service", "/system.slice/ssh.service", true},
      {"/system.slice/*.service", "/system.slice/a/ssh.service", false},
      {"/system.slice/[st]sh.service", "/system.slice/ssh.service", true},
      {"/a?c", "/abc", true},
      {"/a?c", "/a/c", false},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"**", "/a/b", true},
      {"/a/**", "/a/b", true},
      {"/a/**", "/a/b/c", true},
      {"/a/**", "/a", false},
      {"/a/**", "/ab/c", false},
      {"/**/b", "/b", true},
      {"/**/b", "/a/a/b", true},
      {"/**/b", "/a/b/c", false},
      {"/a/**/b/*/c", "/a/x/b/b/b/z/c", true},
      {"/a/**/b/**/c", "/a/b/c", true},
      {"/a/**/b/**/c", "/a/c/b", false},
      {"a", "/a", false},
      {"", "/", false},
      {"", "/a", false},
      {"/[", "/a", false},
      {"/a\\*", "/a*", true},
      {"/a\\*", "/ab", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(cgroup_glob_matches(row.glob, row.path), row.matches)
        << row.glob << " against " << row.path;
  }
}

TEST(CgroupGlob, StaysCheapWithManyDoubleStars) {
  std::string glob, path;
  for (int i = 0; i < 200; ++i) glob += "/**/a";
  for (int i = 0; i < 400; ++i) path += "/a";
  EXPECT_TRUE(cgroup_glob_matches(glob, path));
  EXPECT_FALSE(cgroup_glob_matches(glob + "/b", path));
}

}  // namespace
}  // namespace kernel_exporter
