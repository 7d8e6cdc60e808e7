// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/labels/values.h"

namespace kernel_exporter {
namespace {

struct BadRow {
  const char* step;
  const char* culprit;   // the decoder or argument
  const char* expected;  // what should have been there
};

constexpr char kDecoder[] = "expected the name of a decoder";

class DecoderArguments : public ::testing::Test {
 protected:
  static void expect_refused(std::span<const BadRow> rows) {
    for (const BadRow& row : rows) {
      SCOPED_TRACE(row.step);
      const auto decoder = make(row.step);
      ASSERT_FALSE(decoder);
      const std::string& message = decoder.error().message;
      EXPECT_NE(message.find(row.culprit), std::string::npos) << message;
      EXPECT_NE(message.find(row.expected), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
};

TEST_F(DecoderArguments, RefusesWhatIsNoDecoder) {
  const BadRow rows[] = {
      {"", kDecoder, "name"},
      {"~", kDecoder, "name"},
      {"[string]", kDecoder, "name"},
      {"{}", kDecoder, "name"},
      {"{string: , lower: }", kDecoder, "name"},
      {"{[a]: b}", kDecoder, "name"},
      {"sofirq", "\"sofirq\"", "known are cgroup, device, enum, errno, hex"},
      {"''", "unknown decoder \"\"", "uint"},
      {"Softirq", "\"Softirq\"", "softirq"},
      {"nothing: {a: b}", "\"nothing\"", "known are"},
  };
  expect_refused(rows);
  EXPECT_FALSE(make_decoder(YAML::Node()["absent"]["too"], {}));
}

TEST_F(DecoderArguments, RefusesArgumentsWhereThereAreNone) {
  for (const char* name : {"cgroup", "errno", "hex", "hex_to_int", "inet", "int", "ksym", "lower",
                           "softirq", "string", "syscall", "uint"}) {
    SCOPED_TRACE(name);
    const BadRow rows[] = {{"{width: 3}", "unknown argument \"width\"", "the decoder takes none"},
                           {"text", name, "the decoder takes none"},
                           {"[a]", name, "the decoder takes none"}};
    for (const BadRow& row : rows) {
      const auto decoder = make(std::string(name) + ": " + row.step);
      ASSERT_FALSE(decoder);
      EXPECT_NE(decoder.error().message.find(row.culprit), std::string::npos);
      EXPECT_NE(decoder.error().message.find(row.expected), std::string::npos);
    }
    EXPECT_TRUE(make(name));
    EXPECT_TRUE(make(std::string(name) + ": {}"));
    EXPECT_TRUE(make(std::string(name) + ":"));
  }
}

TEST_F(DecoderArguments, RefusesWrongOnesOfTextDecoders) {
  const BadRow rows[] = {
      {"prefix_split", "\"sep\"", "missing; expected a text"},
      {"prefix_split: x", "prefix_split", "a map of names to values; known are sep, keep"},
      {"prefix_split: {sep: .}", "\"keep\"", "missing; expected a whole number"},
      {"prefix_split: {sep: ., keep: 0}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: ., keep: -1}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: ., keep: 1.5}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: ., keep: two}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: ., keep: [1]}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: ., keep: 99999999999999999999}", "\"keep\"", "of at least 1"},
      {"prefix_split: {sep: '', keep: 1}", "\"sep\"", "empty"},
      {"prefix_split: {sep: [.], keep: 1}", "\"sep\"", "expected a text"},
      {"prefix_split: {sep: ., kep: 1}", "unknown argument \"kep\"", "known are sep, keep"},
      {"prefix_split: {sep: ., keep: 1, sep: x}", "\"sep\"", "given twice"},
      {"prefix_split: {[sep]: .}", "prefix_split", "must be a text"},
      {"strip_prefix", "\"prefix\"", "missing"},
      {"strip_prefix: ''", "\"prefix\"", "empty"},
      {"strip_prefix: {prefix: {a: b}}", "\"prefix\"", "expected a text"},
      {"strip_prefix: [a]", "strip_prefix", "a map of names"},
      {"regexp", "\"pattern\"", "missing"},
      {"regexp: {pattern: a}", "\"replace\"", "missing"},
      {"regexp: {pattern: '', replace: a}", "\"pattern\"", "empty"},
      {"regexp: {pattern: '(', replace: a}", "\"pattern\"", "missing )"},
      {"regexp: {pattern: '(a)\\1', replace: a}", "\"pattern\"", "invalid escape"},
      {"regexp: {pattern: '(((a{100}){100}){100})', replace: a}", "\"pattern\"", ""},
      {"regexp: {pattern: a, replace: '\\1'}", "\"replace\"", "1"},
      {"regexp: {pattern: a, replace: '\\x'}", "\"replace\"", "must be followed by"},
      {"regexp: {pattern: a, replace: {b: c}}", "\"replace\"", "expected a text"},
  };
  expect_refused(rows);
}

TEST_F(DecoderArguments, RefusesWrongOnesOfMaps) {
  const BadRow rows[] = {
      {"static_map", "\"map\"", "missing; expected a map"},
      {"static_map: {map: {}}", "\"map\"", "expected a map"},
      {"static_map: {map: [a, b]}", "\"map\"", "expected a map"},
      {"static_map: {map: {a: [b]}}", "\"map\"", "expected a map"},
      {"static_map: {map: {a: ~}}", "\"map\"", "expected a map"},
      {"static_map: {map: {[a]: b}}", "\"map\"", "expected a map"},
      {"static_map: {map: {a: b, a: c}}", "\"map\"", "\"a\" appears twice"},
      {"static_map: {map: {1: b, 0x1: c}}", "\"map\"", "appears twice"},
      {"static_map: {map: {a: b}, default: [c]}", "\"default\"", "expected a text"},
      {"static_map: {map: {a: b}, default: ~}", "\"default\"", "expected a text"},
      {"static_map: {a: b}", "unknown argument \"a\"", "known are map, default"},
  };
  expect_refused(rows);
}

TEST_F(DecoderArguments, RefusesEnumsThatNobodyHas) {
  const BadRow rows[] = {
      {"enum", "\"enum\"", "the field is not an enum"},
      {"enum: {strip: A}", "\"enum\"", "the field is not an enum"},
      {"enum: {enum: absent}", "\"absent\"", "optional: true"},
      {"enum: absent", "\"absent\"", "neither the object nor this kernel"},
      {"enum: {enum: absent, optional: maybe}", "\"optional\"", "true or false"},
      {"enum: {enum: absent, lower: 1}", "\"lower\"", "true or false"},
      {"enum: {enum: absent, strip: [a]}", "\"strip\"", "expected a text"},
      {"enum: {enum: absent, unknown: {}}", "\"unknown\"", "expected a text"},
      {"enum: {enum: [a]}", "\"enum\"", "expected a text"},
      {"enum: {enum: absent, optional: true, subsystems: [a]}", "\"subsystems\"",
       "expected a text"},
      {"enum: {name: a}", "unknown argument \"name\"", "known are enum, strip, lower, unknown"},
  };
  expect_refused(rows);
}

TEST_F(DecoderArguments, RefusesKeyFieldsThatAreNot) {
  const BadRow rows[] = {
      {"ifname: {netns: inum}", "\"netns\"", "the key has no integer field \"inum\""},
      {"ifname: {netns: [a]}", "\"netns\"", "expected a text"},
      {"ifname: {field: a}", "unknown argument \"field\"", "known are netns, ifindex"},
      {"ifname: a", "ifname", "a map of names"},
      {"device: {minor: m}", "\"minor\"", "the key has no integer field \"m\""},
      {"device: {major: m}", "unknown argument \"major\"", "known are minor"},
  };
  expect_refused(rows);
}

}  // namespace
}  // namespace kernel_exporter
