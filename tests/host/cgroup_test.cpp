// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "host/cgroup_mount.h"
#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr char kV1Line[] = "32 31 0:29 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n";

std::string cgroup2_line(const std::string& point, const std::string& root = "/") {
  return "41 31 0:38 " + root + " " + point +
         " rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw\n";
}

std::vector<std::string> sorted_paths(const Result<std::vector<Cgroup>>& found) {
  std::vector<std::string> paths;
  if (!found) return {found.error().message};
  for (const Cgroup& cgroup : *found) paths.push_back(cgroup.path);
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct Row {
  const char* name;
  std::string mountinfo;
  const char* hierarchy;  // folder of the fixture that must be found
};

TEST(Cgroups, FindTheHierarchyInMountinfo) {
  const Row rows[] = {
      {"unified", cgroup2_line("/sys/fs/cgroup"), "sys/fs/cgroup"},
      {"hybrid", kV1Line + cgroup2_line("/sys/fs/cgroup/unified"), "sys/fs/cgroup/unified"},
      {"escaped", cgroup2_line("/my\\040own\\134cgroup"), "my own\\cgroup"},
      {"whole before part", cgroup2_line("/part", "/kubepods") + cgroup2_line("/whole"), "whole"},
      {"part alone", cgroup2_line("/part", "/kubepods"), "part"},
      {"unreadable before readable", cgroup2_line("/absent") + cgroup2_line("/whole"), "whole"},
      {"no optional fields", "1 2 0:3 / /whole rw - cgroup2 none rw\n", "whole"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    TemporaryTree tree;
    tree.file("proc/self/mountinfo", row.mountinfo);
    for (const char* other : {"part", "whole", "sys/fs/cgroup"}) tree.directory(other);
    tree.directory(std::string(row.hierarchy) + "/a.slice");
    Cgroups cgroups(tree.paths());
    EXPECT_EQ(cgroups.path(tree.inode(std::string(row.hierarchy) + "/a.slice")), "/a.slice");
    EXPECT_EQ(cgroups.path(tree.inode(row.hierarchy)), "/");
  }
}

TEST(Cgroups, PreferAMountThatAlreadyLiesBelowRootfs) {
  TemporaryTree tree;
  tree.directory("sys/fs/cgroup/of_the_host");
  tree.file("proc/self/mountinfo",
            cgroup2_line("/sys/fs/cgroup") + cgroup2_line(tree.path("sys/fs/cgroup")));
  EXPECT_EQ(Cgroups(tree.paths()).path(tree.inode("sys/fs/cgroup/of_the_host")), "/of_the_host");
}

TEST(CgroupBelowRoot, TakesAwayWhereTheHierarchyIsMounted) {
  TemporaryTree tree;
  tree.directory("sys/fs/cgroup/sys/fs/cgroup/twin");
  tree.file("proc/self/mountinfo", cgroup2_line("/sys/fs/cgroup"));
  const auto below = [&](const std::string& path) { return cgroup_below_root(tree.paths(), path); };
  EXPECT_EQ(below("/sys/fs/cgroup/ota.slice/inner"), "/ota.slice/inner");
  EXPECT_EQ(below("/sys/fs/cgroup/ota.slice/"), "/ota.slice");
  EXPECT_EQ(below("/ota.slice"), "/ota.slice");
  EXPECT_EQ(below("/sys/fs/cgroups/ota.slice"), "/sys/fs/cgroups/ota.slice");
  EXPECT_EQ(below("/sys/fs/cgroup/twin"), "/sys/fs/cgroup/twin");  // there is one of that name
  tree.file("proc/self/mountinfo", cgroup2_line(tree.path("sys/fs/cgroup")));
  EXPECT_EQ(below("/sys/fs/cgroup/ota.slice"), "/ota.slice");
  EXPECT_EQ(below(tree.path("sys/fs/cgroup/ota.slice")), "/ota.slice");
  EXPECT_EQ(cgroup_below_root({"/nowhere", "/nowhere", ""}, "/ota.slice/"), "/ota.slice");
}

TEST(Cgroups, SayWhatIsMissing) {
  const std::string bad[] = {
      "",          kV1Line,         cgroup2_line("/absent"),         "- cgroup2\n",
      "garbage\n", "\n\n- - - -\n", std::string("\0\xff binary", 9),
  };
  for (const std::string& mountinfo : bad) {
    SCOPED_TRACE(mountinfo);
    TemporaryTree tree;
    tree.file("proc/self/mountinfo", mountinfo);
    const auto found = Cgroups(tree.paths()).match({"/**"});
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().message.find("proc/self/mountinfo"), std::string::npos)
        << found.error().message;
    EXPECT_EQ(Cgroups(tree.paths()).path(1), std::nullopt);
  }
  TemporaryTree empty;
  ASSERT_FALSE(Cgroups(empty.paths()).match({"/**"}));
}

class CgroupsTree : public ::testing::Test {
 protected:
  CgroupsTree() {
    tree_.directory("cg/system.slice/ssh.service");
    tree_.directory("cg/user.slice/user-0.slice/session");
    tree_.file("cg/cgroup.procs", "");
    tree_.link("cg/link.slice", "system.slice");
    tree_.file("proc/self/mountinfo", cgroup2_line("/cg"));
  }

  TemporaryTree tree_;
  Cgroups cgroups_{tree_.paths()};
};

TEST_F(CgroupsTree, AreMatchedByAnyGlobOnce) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(sorted_paths(cgroups_.match({"/*.slice"})), (Paths{"/system.slice", "/user.slice"}));
  EXPECT_EQ(sorted_paths(cgroups_.match({"/system.slice/*", "/system.slice/**"})),
            (Paths{"/system.slice/ssh.service"}));
  EXPECT_EQ(sorted_paths(cgroups_.match({"/**"})),
            (Paths{"/", "/system.slice", "/system.slice/ssh.service", "/user.slice",
                   "/user.slice/user-0.slice", "/user.slice/user-0.slice/session"}));
  EXPECT_EQ(sorted_paths(cgroups_.match({})), Paths{});
  EXPECT_EQ(sorted_paths(cgroups_.match({"/nothing"})), Paths{});
}

TEST_F(CgroupsTree, CarryTheInodeAsId) {
  const auto found = cgroups_.match({"/system.slice/ssh.service"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().id, tree_.inode("cg/system.slice/ssh.service"));
}

TEST_F(CgroupsTree, AreFoundByTheirPath) {
  const auto root = open_cgroup_root(tree_.paths());
  ASSERT_TRUE(root);
  EXPECT_EQ(cgroup_id(*root, "/system.slice/ssh.service"),
            tree_.inode("cg/system.slice/ssh.service"));
  EXPECT_EQ(cgroup_id(*root, "/"), tree_.inode("cg"));
  EXPECT_EQ(cgroup_id(*root, "/nothing"), std::nullopt);
  EXPECT_EQ(cgroup_id(UniqueFd(), "/"), std::nullopt);
}

TEST_F(CgroupsTree, AreSearchedOnceAScrape) {
  EXPECT_EQ(cgroups_.path(~0ull), std::nullopt);
  tree_.directory("cg/late.slice");
  const uint64_t late = tree_.inode("cg/late.slice");
  EXPECT_EQ(cgroups_.path(late), std::nullopt);
  cgroups_.start_scrape();
  EXPECT_EQ(cgroups_.path(late), "/late.slice");
}

TEST_F(CgroupsTree, AreForgottenOnceARescanMissesThem) {
  const uint64_t gone = tree_.inode("cg/user.slice");
  EXPECT_EQ(cgroups_.path(gone), "/user.slice");
  tree_.remove("cg/user.slice");
  cgroups_.start_scrape();
  EXPECT_EQ(cgroups_.path(gone), "/user.slice") << "no walk was needed yet";
  EXPECT_EQ(cgroups_.path(~0ull), std::nullopt);
  EXPECT_EQ(cgroups_.path(gone), std::nullopt);
}

TEST_F(CgroupsTree, CostNoSecondWalkWhenTheyWereNeverThere) {
  EXPECT_EQ(cgroups_.path(~0ull), std::nullopt);
  tree_.directory("cg/late.slice");
  const uint64_t late = tree_.inode("cg/late.slice");
  cgroups_.start_scrape();
  EXPECT_EQ(cgroups_.path(~0ull), std::nullopt);
  EXPECT_EQ(cgroups_.path(late), "/late.slice") << "the scrape's one walk must still be allowed";
}

}  // namespace
}  // namespace kernel_exporter
