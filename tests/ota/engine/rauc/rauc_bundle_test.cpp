// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_bundle.h"

#include <gtest/gtest.h>

#include "../../../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

TEST(RaucManifest, NamesTheVersionOfTheUpdate) {
  const std::pair<const char*, const char*> rows[] = {
      {"[update]\ncompatible=car\nversion=2.0\n[image.rootfs]\nfilename=x\n", "2.0"},
      {"[bundle]\nversion=9\n\n  [update]  \r\n version = 2.0 beta \r\n", "2.0 beta"},
      {"[update]\nversion=a=b", "a=b"},
      {"[update]\nversion=\n", ""},
      {"[update]\n#version=1\ncompatible=car\n", ""},
      {"[update]\ncompatible=car\n[image.rootfs]\nversion=3\n", ""},
      {"version=1\n", ""},
      {"[update]\nversion", ""},
      {"", ""},
  };
  for (const auto& [manifest, version] : rows) {
    EXPECT_EQ(version_in_manifest(manifest), version) << manifest;
  }
}

class RaucBundle : public testing::Test {
 protected:
  void mounted(const std::string& type, const std::string& mount_point) const {
    tree_.file("proc/42/mountinfo",
               "22 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n"
               "72 22 7:4 / " +
                   mount_point + " ro,nosuid - " + type + " /dev/loop4 ro\n");
  }
  std::string version() const { return mounted_bundle_version(tree_.paths(), 42); }

  const TemporaryTree tree_;
  const std::string manifest_ = "[update]\nversion=2.0\n";
};

TEST_F(RaucBundle, IsReadWhereTheServiceHasMountedIt) {
  tree_.file("proc/42/root/mnt/my rauc/bundle/manifest.raucm", manifest_);
  mounted("squashfs", "/mnt/my\\040rauc/bundle");
  EXPECT_EQ(version(), "2.0");
}

TEST_F(RaucBundle, IsUnknownWhereNothingElseCanBeSaid) {
  EXPECT_EQ(version(), "");  // no such process
  mounted("squashfs", "/mnt/rauc/bundle");
  EXPECT_EQ(version(), "");  // a root that we may not enter
  tree_.file("proc/42/root/mnt/rauc/bundle/manifest.raucm", manifest_);
  EXPECT_EQ(version(), "2.0");
  mounted("ext4", "/mnt/rauc/bundle");
  EXPECT_EQ(version(), "");
  mounted("squashfs", "/mnt/rauc/bundles");
  EXPECT_EQ(version(), "");
  tree_.file("proc/42/mountinfo", "72 22 7:4 / /mnt/rauc/bundle\nnonsense\n");
  EXPECT_EQ(version(), "");
}

}  // namespace
}  // namespace kernel_exporter
