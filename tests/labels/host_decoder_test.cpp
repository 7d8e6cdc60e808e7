// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/host/temporary_tree.h"
#include "tests/labels/values.h"

namespace kernel_exporter {
namespace {

constexpr uint32_t kSda1 = 8u << 20 | 1;

class HostDecoder : public ::testing::Test {
 protected:
  HostDecoder() {
    tree_.link("sys/dev/block/8:1", "../../block/sda/sda1");
    tree_.link("proc/self/ns/net", "/proc/self/ns/net");
    tree_.file("proc/kallsyms", "ffffffff81000000 T _text\n");
    tree_.file("proc/self/mountinfo", "1 2 0:3 / /cg rw - cgroup2 none rw\n");
    tree_.directory("cg/a.slice");
    host_.emplace(tree_.paths());
    context_.host = &*host_;
    // A key of two integers: the value's own field and, behind it, "other".
    context_.key_field = [](std::string_view name) -> std::optional<DecoderContext::IntegerReader> {
      if (name != "other") return std::nullopt;
      return [](std::span<const std::byte> key) {
        uint32_t number = 0;
        std::memcpy(&number, key.data() + sizeof number, sizeof number);
        return uint64_t{number};
      };
    };
  }

  Value decode(const std::string& step, Value value, uint32_t other = 0) {
    const auto decoder = make(step, context_);
    EXPECT_TRUE(decoder) << decoder.error().message;
    const uint32_t key[] = {0, other};
    if (decoder) (*decoder)->decode(value, std::as_bytes(std::span(key)));
    return value;
  }
  void expect(const Value& value, const std::string& text, bool cacheable) {
    EXPECT_EQ(value.text, text);
    EXPECT_EQ(value.cacheable, cacheable);
    EXPECT_EQ(value.number, std::nullopt);
  }

  TemporaryTree tree_;
  std::optional<HostTables> host_;
  DecoderContext context_;
};

TEST_F(HostDecoder, NamesCgroups) {
  expect(decode("cgroup", integer_value(tree_.inode("cg/a.slice"))), "/a.slice", true);
  expect(decode("cgroup", integer_value<uint64_t>(1)), "unknown", false);
}

TEST_F(HostDecoder, AsksAgainAfterAScrapeBegins) {
  expect(decode("cgroup", integer_value<uint64_t>(1)), "unknown", false);
  tree_.directory("cg/late.slice");
  const Value late = integer_value(tree_.inode("cg/late.slice"));
  expect(decode("cgroup", late), "unknown", false);
  host_->start_scrape();
  expect(decode("cgroup", late), "/late.slice", true);
}

TEST_F(HostDecoder, NamesBlockDevices) {
  expect(decode("device", integer_value(kSda1)), "sda1", true);
  expect(decode("device", integer_value<uint64_t>(kSda1)), "sda1", true);
  expect(decode("device", integer_value<uint32_t>(8u << 20 | 16)), "8:16", false);
  expect(decode("device", integer_value<uint32_t>(0xffffffff)), "4095:1048575", false);
  expect(decode("device: {minor: other}", integer_value<uint32_t>(8), 1), "sda1", true);
  expect(decode("device: {minor: other}", integer_value<uint32_t>(8), 16), "8:16", false);
}

TEST_F(HostDecoder, NamesNetworkDevicesButNeverForGood) {
  const uint32_t own = host_->netdevs.own_namespace();
  ASSERT_NE(own, 0u);
  expect(decode("ifname", integer_value<uint32_t>(1)), "lo", false);
  expect(decode("ifname", integer_value<uint32_t>(0)), "unknown", false);
  expect(decode("ifname: {netns: other}", integer_value<uint32_t>(1), own), "lo", false);
  expect(decode("ifname: {netns: other}", integer_value<uint32_t>(1), own + 1), "other_netns",
         false);
  expect(decode("ifname: {netns: other}", integer_value<uint32_t>(1), 0), "unknown", false);
  expect(decode("ifname: {ifindex: other}", text_value("before"), 1), "lo", false);
  expect(decode("ifname: {ifindex: other}", text_value("gone"), 0xfffffff0), "gone", false);
  expect(decode("ifname: {ifindex: other, netns: other}", text_value("there"), 1), "there", false);
}

TEST_F(HostDecoder, NamesKernelFunctions) {
  expect(decode("ksym", integer_value<uint64_t>(0xffffffff81000010)), "_text", true);
  expect(decode("ksym", integer_value<uint64_t>(0xff)), "0xff", true);
}

TEST_F(HostDecoder, GoesWithoutAHost) {
  context_.host = nullptr;
  expect(decode("cgroup", integer_value<uint64_t>(1)), "unknown", false);
  expect(decode("ifname", integer_value<uint32_t>(1)), "unknown", false);
  expect(decode("device", integer_value(kSda1)), "8:1", false);
  expect(decode("ksym", integer_value<uint64_t>(0xffffffff81000010)), "0xffffffff81000010", true);
}

}  // namespace
}  // namespace kernel_exporter
