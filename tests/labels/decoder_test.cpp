// SPDX-License-Identifier: Apache-2.0
#include "labels/decoder.h"

#include <asm/unistd.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/labels/values.h"

namespace kernel_exporter {
namespace {

DecoderContext context_with_enums() {
  DecoderContext context;
  context.field_enum = EnumNames{{0, "OP_READ"}, {1, "OP_WRITE"}, {-1, "OP_NONE"}, {7, "OP_"}};
  context.enum_names = [](std::string_view name) -> std::optional<EnumNames> {
    if (name == "skb_drop_reason_subsys") {
      return EnumNames{{0, "SKB_DROP_REASON_SUBSYS_CORE"},
                       {3, "SKB_DROP_REASON_SUBSYS_OPENVSWITCH"}};
    }
    if (name != "skb_drop_reason") return std::nullopt;
    return EnumNames{{2, "SKB_DROP_REASON_NOT_SPECIFIED"},
                     {3, "SKB_DROP_REASON_NO_SOCKET"},
                     {0xfffffffe, "LAST"}};
  };
  return context;
}

struct Row {
  const char* step;
  Value in;
  const char* text;
  std::optional<int64_t> number = std::nullopt;
};

void expect_rows(std::span<const Row> rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.step) + " of \"" + row.in.text + "\"");
    const auto decoder = make(row.step, context_with_enums());
    ASSERT_TRUE(decoder) << decoder.error().message;
    Value value = row.in;
    (*decoder)->decode(value, {});
    EXPECT_EQ(value.text, row.text);
    EXPECT_EQ(value.number, row.number);
    EXPECT_EQ(value.bytes, row.in.bytes);
    EXPECT_TRUE(value.cacheable);
  }
}

TEST(Decoder, ReadsTexts) {
  Value renamed = text_value("vcan0");
  renamed.text = "other";
  const Row rows[] = {
      {"string", text_value("bash"), "bash"},
      {"string", text_value(""), ""},
      {"string", text_value("exactly_16_bytes"), "exactly_16_bytes"},
      {"string", bytes_value(std::string("ab\0cd", 5)), "ab"},
      {"string", bytes_value("\xff\xfe"), "\xff\xfe"},
      {"string: {}", text_value("bash"), "bash"},
      {"string", renamed, "vcan0"},
      {"lower", text_value("BaSH_09\xc3\x84"), "bash_09\xc3\x84"},
      {"lower", integer_value<uint32_t>(5), "5", 5},
      {"strip_prefix: {prefix: REQ_}", text_value("REQ_READ"), "READ"},
      {"strip_prefix: REQ_", text_value("REQ_READ"), "READ"},
      {"strip_prefix: REQ_", text_value("READ_REQ_"), "READ_REQ_"},
      {"strip_prefix: REQ_", text_value("REQ_"), ""},
      {"strip_prefix: 1", integer_value<uint32_t>(12), "2"},
      {"prefix_split: {sep: '.', keep: 2}", text_value("com.example.app"), "com.example"},
      {"prefix_split: {sep: '.', keep: 1}", text_value("com.example.app"), "com"},
      {"prefix_split: {sep: '.', keep: 3}", text_value("com.example.app"), "com.example.app"},
      {"prefix_split: {sep: '.', keep: 9}", text_value("com.example.app"), "com.example.app"},
      {"prefix_split: {sep: '::', keep: 1}", text_value("a:b::c::d"), "a:b"},
      {"prefix_split: {sep: '/', keep: 1}", text_value("/a/b"), ""},
      {"prefix_split: {sep: '/', keep: 2}", text_value("kworker/0:1-ev"), "kworker/0:1-ev"},
      {"prefix_split: {sep: '/', keep: 1}", text_value(""), ""},
      {"prefix_split: {sep: '.', keep: 18446744073709551615}", text_value("a.b"), "a.b"},
  };
  expect_rows(rows);
}

TEST(Decoder, ReadsIntegers) {
  const Row rows[] = {
      {"uint", integer_value<uint8_t>(255), "255", 255},
      {"uint", integer_value<int8_t>(-1), "255", 255},
      {"uint", integer_value<int32_t>(-1), "4294967295", 4294967295},
      {"uint", integer_value<int64_t>(-1), "18446744073709551615", -1},
      {"uint", text_value("42"), "42", 42},
      {"uint", text_value("no"), "no"},
      {"uint", bytes_value("\x01"), "1", 1},
      {"uint", bytes_value("abc"), ""},
      {"int", integer_value<uint8_t>(255), "-1", -1},
      {"int", integer_value<uint16_t>(0x8000), "-32768", -32768},
      {"int", integer_value<uint32_t>(0x7fffffff), "2147483647", 2147483647},
      {"int", integer_value<uint64_t>(~0ull), "-1", -1},
      {"int", text_value("-42"), "-42", -42},
      {"int", text_value("12 "), "12 "},
      {"hex", integer_value<uint32_t>(31), "0x1f"},
      {"hex", integer_value<uint32_t>(0), "0x0"},
      {"hex", integer_value<int32_t>(-1), "0xffffffff"},
      {"hex", integer_value<int64_t>(-1), "0xffffffffffffffff"},
      {"hex", text_value("255"), "0xff"},
      {"hex", text_value("name"), "name"},
      {"hex_to_int", text_value("0x1f"), "31", 31},
      {"hex_to_int", text_value("1F"), "31", 31},
      {"hex_to_int", text_value("0X1f"), "31", 31},
      {"hex_to_int", text_value("1e848"), "125000", 125000},
      {"hex_to_int", text_value("ffffffffffffffff", 17), "18446744073709551615", -1},
      {"hex_to_int", text_value("1ffffffffffffffff", 18), "1ffffffffffffffff"},
      {"hex_to_int", text_value("0x"), "0x"},
      {"hex_to_int", text_value("-1f"), "-1f"},
      {"hex_to_int", text_value("0x1g"), "0x1g"},
      {"hex_to_int", text_value(""), ""},
      {"hex_to_int", integer_value<uint32_t>(10), "10", 10},
  };
  expect_rows(rows);
}

TEST(Decoder, MapsValues) {
  constexpr char kMap[] = "static_map: {map: {0: read, 0x1: write, -1: none, zero: nil}}";
  constexpr char kDefault[] = "static_map: {map: {1: one, name: text}, default: other}";
  const Row rows[] = {
      {kMap, integer_value<uint32_t>(0), "read"},
      {kMap, integer_value<uint32_t>(1), "write"},
      {kMap, integer_value<int32_t>(-1), "none"},
      {kMap, integer_value<uint32_t>(9), "9", 9},
      {kMap, text_value("zero"), "nil"},
      {kMap, text_value("0x1"), "write"},
      {kMap, text_value("one"), "one"},
      {kDefault, integer_value<uint32_t>(2), "other"},
      {kDefault, text_value("name"), "text"},
      {kDefault, text_value("Name"), "other"},
      {kDefault, text_value("\xff"), "other"},
      {"static_map: {map: {1: ''}, default: ''}", integer_value<uint32_t>(1), ""},
      {"static_map: {map: {1: ''}, default: ''}", integer_value<uint32_t>(2), ""},
  };
  expect_rows(rows);
}

TEST(Decoder, NamesEnumerators) {
  constexpr char kReason[] = "enum: {enum: skb_drop_reason, strip: SKB_DROP_REASON_}";
  const Row rows[] = {
      {"enum", integer_value<uint32_t>(0), "op_read"},
      {"enum: {strip: OP_}", integer_value<uint32_t>(1), "write"},
      {"enum: {strip: OP_, lower: false}", integer_value<uint32_t>(1), "WRITE"},
      {"enum: {strip: OP_}", integer_value<uint32_t>(7), "op_"},
      {"enum: {strip: OTHER_}", integer_value<uint32_t>(1), "op_write"},
      {"enum", integer_value<uint32_t>(0xffffffff), "op_none"},
      {"enum", integer_value<int32_t>(-1), "op_none"},
      {"enum", integer_value<uint32_t>(99), "unknown"},
      {"enum: {unknown: new}", integer_value<uint32_t>(99), "new"},
      {"enum", text_value("text"), "unknown"},
      {kReason, integer_value<uint32_t>(3), "no_socket"},
      {kReason, integer_value<uint32_t>(1), "unknown"},
      {kReason, integer_value<int32_t>(-2), "last"},
      {"enum: skb_drop_reason", integer_value<uint32_t>(3), "skb_drop_reason_no_socket"},
      {"enum: {enum: absent, optional: true}", integer_value<uint32_t>(3), "unknown"},
      {"enum: {enum: skb_drop_reason, optional: true, lower: false}", integer_value<uint32_t>(3),
       "SKB_DROP_REASON_NO_SOCKET"},
  };
  expect_rows(rows);
}

TEST(Decoder, NamesEnumeratorsOfSubsystems) {
  constexpr char kReason[] =
      "enum: {enum: skb_drop_reason, strip: SKB_DROP_REASON_, subsystems: skb_drop_reason_subsys}";
  constexpr char kAbsent[] = "enum: {enum: skb_drop_reason, subsystems: absent}";
  const Row rows[] = {
      {kReason, integer_value<uint32_t>(3), "no_socket"},
      {kReason, integer_value<uint32_t>(3 << 16 | 5), "openvswitch/5"},
      {kReason, integer_value<uint32_t>(3 << 16), "openvswitch/0"},
      {kReason, integer_value<uint32_t>(4 << 16 | 5), "unknown"},
      {kReason, integer_value<uint32_t>(99), "unknown"},
      {kReason, integer_value<uint32_t>(0xffffffff), "unknown"},
      {kAbsent, integer_value<uint32_t>(3 << 16 | 5), "unknown"},
  };
  expect_rows(rows);
}

TEST(Decoder, NamesWhatTheKernelNumbers) {
  const Row rows[] = {
      {"softirq", integer_value<uint32_t>(0), "hi"},
      {"softirq", integer_value<uint32_t>(3), "net_rx"},
      {"softirq", integer_value<uint32_t>(9), "rcu"},
      {"softirq", integer_value<uint32_t>(10), "10", 10},
      {"softirq", integer_value<uint64_t>(~0ull), "18446744073709551615", -1},
      {"softirq", text_value("x"), "x"},
      {"errno", integer_value<int32_t>(5), "EIO"},
      {"errno", integer_value<int32_t>(-5), "EIO"},
      {"errno", integer_value<uint32_t>(static_cast<uint32_t>(-28)), "ENOSPC"},
      {"errno", integer_value<uint8_t>(static_cast<uint8_t>(-5)), "EIO"},
      {"errno", integer_value<int64_t>(-524), "ENOTSUPP"},
      {"errno", integer_value<int32_t>(-512), "ERESTARTSYS"},
      {"errno", integer_value<int32_t>(0), "0", 0},
      {"errno", integer_value<int32_t>(4000), "4000", 4000},
      {"errno", integer_value<int64_t>(INT64_MIN), "-9223372036854775808", INT64_MIN},
      {"errno", integer_value<int64_t>(0x100000005), "4294967301", 0x100000005},
      {"syscall", integer_value<uint32_t>(__NR_read), "read"},
      {"syscall", integer_value<int64_t>(__NR_execve), "execve"},
      {"syscall", integer_value<int64_t>(__NR_openat), "openat"},
      {"syscall", integer_value<uint32_t>(99999), "99999", 99999},
      {"syscall", integer_value<int64_t>(-1), "-1", -1},
  };
  expect_rows(rows);
}

TEST(Decoder, WritesAddresses) {
  const std::string v6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const Row rows[] = {
      {"inet", bytes_value("\x7f\x02\x03\x01"), "127.2.3.1"},
      {"inet", bytes_value(v6), "2001:db8::1"},
      {"inet", bytes_value(std::string(16, '\0')), "::"},
      {"inet", bytes_value("abc"), ""},
      {"inet", integer_value<uint64_t>(7), "7", 7},
  };
  expect_rows(rows);
}

TEST(Decoder, RewritesByRegularExpression) {
  const std::string hostile(30, 'a');
  const Row rows[] = {
      {"regexp: {pattern: '[0-9]+', replace: N}", text_value("kworker/12:3"), "kworker/N:N"},
      {"regexp: {pattern: '^([a-z]+)[0-9]+$', replace: '\\1'}", text_value("eth10"), "eth"},
      {"regexp: {pattern: '^([a-z]+)[0-9]+$', replace: '\\1'}", text_value("eth10.5"), "eth10.5"},
      {"regexp: {pattern: x, replace: ''}", text_value("axbx"), "ab"},
      {"regexp: {pattern: '^.', replace: '-'}",
       text_value("\xff"
                  "ab"),
       "-ab"},
      {"regexp: {pattern: z, replace: y}", text_value("\xff"), "\xff"},
      {"regexp: {pattern: '(a*)*b', replace: y}", text_value(hostile, 31), hostile.c_str()},
      {"regexp: {pattern: '^1', replace: x}", integer_value<uint32_t>(12), "x2"},
      {"regexp: {pattern: '^2', replace: x}", integer_value<uint32_t>(12), "12", 12},
  };
  expect_rows(rows);
}

TEST(Decoder, BoundsWhatARegularExpressionProduces) {
  const auto decoder = make("regexp: {pattern: a, replace: '" + std::string(1000, 'x') + "'}");
  ASSERT_TRUE(decoder) << decoder.error().message;
  Value value = text_value(std::string(200, 'a'), 200);
  (*decoder)->decode(value, {});
  EXPECT_EQ(value.text.size(), 4096u);
}

TEST(Decoder, ListsItsNamesInOrder) {
  const auto names = decoder_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(std::count(names.begin(), names.end(), "prefix_split"), 1);
}

// Whatever a decoder is handed, it answers with some text.
TEST(Decoder, CopesWithAnyBytes) {
  const std::string steps[] = {
      "cgroup",
      "device",
      "enum",
      "errno",
      "hex",
      "hex_to_int",
      "ifname",
      "inet",
      "int",
      "ksym",
      "lower",
      "prefix_split: {sep: x, keep: 1}",
      "regexp: {pattern: '.', replace: y}",
      "softirq",
      "static_map: {map: {a: b}}",
      "string",
      "strip_prefix: x",
      "syscall",
      "uint",
  };
  ASSERT_EQ(std::size(steps), decoder_names().size()) << "a decoder is missing in this test";
  for (const std::string& step : steps) {
    const auto decoder = make(step, context_with_enums());
    ASSERT_TRUE(decoder) << decoder.error().message;
    for (size_t size = 0; size <= 33; ++size) {
      for (const char fill : {'\0', '\xff', '\x80', '0', '-', 'x'}) {
        Value raw = bytes_value(std::string(size, fill));
        (*decoder)->decode(raw, {});
        Value text = text_value(std::string(size, fill), size);
        (*decoder)->decode(text, {});
      }
    }
    for (const int64_t number : {INT64_MIN + 1, int64_t{-1}, int64_t{1}, INT64_MAX}) {
      Value value = integer_value(number);
      (*decoder)->decode(value, {});
      EXPECT_FALSE(value.text.empty()) << step;
    }
  }
}

}  // namespace
}  // namespace kernel_exporter
