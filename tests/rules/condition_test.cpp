// SPDX-License-Identifier: Apache-2.0
#include "rules/condition.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kernel_exporter {
namespace {

struct Key {
  uint64_t large;
  int32_t small;
  uint32_t color;
};

// Labels device and operation; fields large (u64), small (s32), color (enum with a negative name).
class ConditionTest : public ::testing::Test {
 protected:
  ConditionTest() {
    fields_[0] = field("large", offsetof(Key, large), 8, FieldKind::kUnsigned);
    fields_[1] = field("small", offsetof(Key, small), 4, FieldKind::kSigned);
    fields_[2] = field("color", offsetof(Key, color), 4, FieldKind::kEnum);
    fields_[2].enumerators = {{-1, "NONE"}, {2, "RED"}};
    scope_.label = [](std::string_view name) -> std::optional<size_t> {
      if (name == "device") return 0;
      if (name == "operation") return 1;
      return {};
    };
    scope_.field = [this](std::string_view name) -> const Field* {
      for (const Field& field : fields_) {
        if (field.path == name) return &field;
      }
      return nullptr;
    };
  }

  static Field field(const char* path, size_t offset, uint32_t size, FieldKind kind) {
    Field result;
    result.path = path;
    result.offset = static_cast<uint32_t>(offset);
    result.size = size;
    result.kind = kind;
    return result;
  }

  bool matches(std::string_view text, const std::vector<std::string>& labels, const Key& key) {
    const auto condition = parse_condition(text, scope_);
    EXPECT_TRUE(condition) << text << ": " << condition.error().message;
    return condition && (*condition)->matches({labels, std::as_bytes(std::span(&key, 1))});
  }

  Field fields_[3];
  ConditionScope scope_;
};

TEST_F(ConditionTest, ComparesTexts) {
  const std::pair<const char*, bool> rows[] = {
      {R"(device == "eth0")", true},      {R"(device == 'eth0')", true},
      {R"(device != "eth0")", false},     {R"(device < "eth1")", true},
      {R"(device <= "eth0")", true},      {R"(device > "eth0")", false},
      {R"(device >= "eth")", true},       {R"(device == "")", false},
      {R"(device =~ "eth[0-9]+")", true}, {R"(device =~ "eth")", false},
      {R"(device =~ "th0")", false},      {R"(device =~ "x)|(eth")", false},
      {R"(device !~ "lo|wlan.*")", true}, {R"(device =~ "(?i)ETH0")", true},
      {R"(operation =~ "a.b")", true},    {R"(operation =~ "(?-s)a.b")", false},
  };
  for (const auto& [text, expected] : rows) {
    if (std::string_view(text).find("x)|(eth") != std::string_view::npos) {
      EXPECT_FALSE(parse_condition(text, scope_)) << "half a group is no expression";
      continue;
    }
    EXPECT_EQ(matches(text, {"eth0", "a\nb"}, {}), expected) << text;
  }
}

TEST_F(ConditionTest, ComparesNumbersOfEverySign) {
  const Key key = {UINT64_MAX, -5, UINT32_MAX};
  const std::pair<const char*, bool> rows[] = {
      {"large == 18446744073709551615", true},
      {"large > 9223372036854775807", true},
      {"large > -1", true},
      {"large == -1", false},
      {"large <= -9223372036854775808", false},
      {"small == -5", true},
      {"small < 0", true},
      {"small >= -4", false},
      {"small < 18446744073709551615", true},
      {"color == -1", true},
      {"color < 2", true},
  };
  for (const auto& [text, expected] : rows) {
    EXPECT_EQ(matches(text, {"", ""}, key), expected) << text;
  }
}

TEST_F(ConditionTest, BindsNotBeforeAndBeforeOr) {
  const char* forms[] = {
      R"(device == "t" or operation == "t" and large == 1)",
      R"(device == "t" || operation == "t" && large == 1)",
      R"(device == "t" or (operation == "t" and large == 1))",
      R"(not (device != "t") or not operation != "t" and !(large != 1))",
  };
  for (int bits = 0; bits < 8; ++bits) {
    const bool a = bits & 1;
    const bool b = bits & 2;
    const bool c = bits & 4;
    const Key key = {c ? 1u : 0u, 0, 0};
    for (const char* form : forms) {
      EXPECT_EQ(matches(form, {a ? "t" : "f", b ? "t" : "f"}, key), a || (b && c)) << form << bits;
    }
    EXPECT_EQ(matches(R"((device == "t" or operation == "t") and large == 1)",
                      {a ? "t" : "f", b ? "t" : "f"}, key),
              (a || b) && c);
  }
}

TEST_F(ConditionTest, NamesTheColumnOfWhatIsWrong) {
  struct Row {
    std::string text;
    const char* message;
  };
  const Row rows[] = {
      {"", "column 1: expected the name of a label"},
      {"   ", "column 4: expected the name of a label"},
      {"device", "column 7: expected one of =="},
      {"device = \"x\"", "column 8: expected one of =="},
      {"device ==", "column 10: expected a whole number of 64 bits or a quoted text"},
      {"device == eth0", "column 11: expected a whole number of 64 bits or a quoted text"},
      {"device == \"eth0", "column 11: expected a closing quote"},
      {"device == \"a\" device == \"b\"", "column 15: expected \"and\", \"or\" or the end"},
      {"device == \"a\" and", "column 18: expected the name"},
      {"(device == \"a\"", "column 15: expected \")\""},
      {"device == \"a\")", "column 14: expected \"and\", \"or\" or the end"},
      {"large == 1 or port == 2", "column 15: the key has no integer field \"port\""},
      {"large == 1 and who == \"x\"", "column 16: no label \"who\""},
      {"device == 5", "column 1: the key has no integer field \"device\""},
      {"large == \"5\"", "column 1: no label \"large\""},
      {"device =~ \"(\"", "column 11: not a regular expression: missing )"},
      {"device =~ \"" + std::string(300, '(') + "a{1000}", "column 11: expected a closing quote"},
      {"device =~ \"((a{1000}){1000}){1000}\"", "column 11: not a regular expression"},
      {"large =~ 5", "column 10: expected a quoted text after =~"},
      {"large == 18446744073709551616", "column 10: expected a whole number"},
      {"large == 0x10", "column 11: expected \"and\""},
      {"large == 10us", "column 12: expected \"and\""},
      {"large == --1", "column 10: expected a whole number"},
      {std::string(1000, '('), "expected fewer nested"},
      {std::string(1000, '!'), "expected fewer nested"},
      {std::string("device == \xff", 11), "column 11: expected"},
  };
  for (const Row& row : rows) {
    const auto condition = parse_condition(row.text, scope_);
    ASSERT_FALSE(condition) << row.text;
    EXPECT_NE(condition.error().message.find(row.message), std::string::npos)
        << row.text << "\n"
        << condition.error().message;
    EXPECT_TRUE(condition.error().message.starts_with("where: column "));
  }
}

}  // namespace
}  // namespace kernel_exporter
