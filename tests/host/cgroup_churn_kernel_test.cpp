// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "host/cgroup.h"
#include "host/cgroup_mount.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

// A cgroup of the test's own below the real hierarchy, with one child that stays.
class ChurnedCgroup {
 public:
  explicit ChurnedCgroup(const UniqueFd& root)
      : root_(root), name_("kernel_exporter_test_" + std::to_string(::getpid())) {
    EXPECT_EQ(::mkdirat(root_.get(), name_.c_str(), 0755), 0) << "this test needs root";
    EXPECT_EQ(::mkdirat(root_.get(), (name_ + "/stays").c_str(), 0755), 0);
  }
  ~ChurnedCgroup() {
    ::unlinkat(root_.get(), (name_ + "/stays").c_str(), AT_REMOVEDIR);
    ::unlinkat(root_.get(), name_.c_str(), AT_REMOVEDIR);
  }

  std::string path() const { return "/" + name_; }
  uint64_t id_of_child() const {
    struct stat status = {};
    EXPECT_EQ(::fstatat(root_.get(), (name_ + "/stays").c_str(), &status, 0), 0);
    return status.st_ino;
  }

  // Creates and removes nested cgroups at 1,000 a second until asked to stop; returns how many.
  int churn(const std::stop_token& stop) const {
    int count = 0;
    for (auto next = Clock::now(); !stop.stop_requested(); next += std::chrono::milliseconds(2)) {
      const std::string outer = name_ + "/c" + std::to_string(count);
      const std::string inner = outer + "/inner";
      if (::mkdirat(root_.get(), outer.c_str(), 0755) == 0) ++count;
      if (::mkdirat(root_.get(), inner.c_str(), 0755) == 0) ++count;
      ::unlinkat(root_.get(), inner.c_str(), AT_REMOVEDIR);
      ::unlinkat(root_.get(), outer.c_str(), AT_REMOVEDIR);
      std::this_thread::sleep_until(next);
    }
    return count;
  }

 private:
  const UniqueFd& root_;
  std::string name_;
};

TEST(CgroupChurn, LosesNoCgroupThatStays) {
  const Result<UniqueFd> root = open_cgroup_root(HostPaths());
  ASSERT_TRUE(root) << root.error().message;
  const ChurnedCgroup churned(*root);
  const uint64_t id = churned.id_of_child();
  const std::string expected = churned.path() + "/stays";

  std::atomic<int> created = 0;
  std::jthread churner([&](const std::stop_token& stop) { created = churned.churn(stop); });
  Cgroups cgroups{HostPaths()};
  int walks = 0;
  const auto end = Clock::now() + std::chrono::seconds(3);
  for (; Clock::now() < end; ++walks) {
    const auto found = cgroups.match({churned.path() + "/**"});
    ASSERT_TRUE(found) << found.error().message;
    std::set<uint64_t> ids;
    for (const Cgroup& cgroup : *found) EXPECT_TRUE(ids.insert(cgroup.id).second) << cgroup.path;
    ASSERT_TRUE(ids.contains(id));
    cgroups.start_scrape();
    ASSERT_EQ(cgroups.path(~static_cast<uint64_t>(walks)), std::nullopt);
    ASSERT_EQ(cgroups.path(id), expected);
  }
  churner.request_stop();
  churner.join();
  EXPECT_GE(created, 2000) << "the churn was too slow to prove anything";
  EXPECT_GE(walks, 10);
}

// The negative control: what is removed for good is no longer found.
TEST(CgroupChurn, ForgetsACgroupThatIsRemoved) {
  const Result<UniqueFd> root = open_cgroup_root(HostPaths());
  ASSERT_TRUE(root) << root.error().message;
  uint64_t id = 0;
  {
    const ChurnedCgroup cgroup(*root);
    id = cgroup.id_of_child();
    EXPECT_EQ(Cgroups(HostPaths()).path(id), cgroup.path() + "/stays");
  }
  EXPECT_EQ(Cgroups(HostPaths()).path(id), std::nullopt);
}

}  // namespace
}  // namespace kernel_exporter
