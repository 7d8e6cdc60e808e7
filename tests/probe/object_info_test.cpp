// SPDX-License-Identifier: Apache-2.0
#include "probe/object_info.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace kernel_exporter {
namespace {

class ObjectInfoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::byte> image = fixture("shapes");
    Result<ObjectInfo> inspected = inspect_object("shapes", image);
    ASSERT_TRUE(inspected) << inspected.error().message;
    info_ = std::move(*inspected);
  }
  ObjectInfo info_;
};

TEST_F(ObjectInfoTest, ListsMapsWithoutInternalOnes) {
  std::vector<std::string> names;
  for (const MapInfo& map : info_.maps) names.push_back(map.name);
  EXPECT_EQ(names, (std::vector<std::string>{"shapes", "shapes_scalar", "shapes_untyped",
                                             "shapes_array"}));
  const MapInfo* shapes = info_.map("shapes");
  ASSERT_NE(shapes, nullptr);
  EXPECT_TRUE(shapes->per_cpu);
  EXPECT_EQ(shapes->max_entries, 100u);
  EXPECT_EQ(shapes->value_size, 28u * 8);
  EXPECT_EQ(shapes->bytes(4), 100u * (shapes->key_size + 4 * 28 * 8));
  EXPECT_FALSE(info_.map("shapes_scalar")->per_cpu);
  EXPECT_EQ(info_.map("shapes_untyped")->bytes(4), 7u * (4 + 12));
  EXPECT_EQ(info_.map("no_such_map"), nullptr);
}

TEST_F(ObjectInfoTest, KnowsWhichMapsGrowWithTheDisks) {
  EXPECT_EQ(info_.map("shapes")->entries_per_disk, 3u);
  EXPECT_EQ(info_.map("shapes_scalar")->entries_per_disk, 0u);
}

TEST_F(ObjectInfoTest, LaysOutEveryKindOfField) {
  struct Row {
    const char* path;
    uint32_t offset;
    uint32_t size;
    FieldKind kind;
    uint32_t element_size;
    uint32_t count;
    const char* type_name;
  };
  const Row rows[] = {
      {"id", 0, 8, FieldKind::kUnsigned, 0, 0, ""},
      {"device", 8, 8, FieldKind::kStruct, 0, 0, "device"},
      {"device.major", 8, 4, FieldKind::kUnsigned, 0, 0, ""},
      {"device.minor", 12, 4, FieldKind::kUnsigned, 0, 0, ""},
      {"name", 16, 16, FieldKind::kText, 1, 16, ""},
      {"color", 32, 4, FieldKind::kEnum, 0, 0, "color"},
      {"mood", 36, 4, FieldKind::kEnum, 0, 0, "signed_color"},
      {"port", 40, 2, FieldKind::kUnsigned, 0, 0, ""},
      {"small", 42, 1, FieldKind::kSigned, 0, 0, ""},
      {"flag", 43, 1, FieldKind::kUnsigned, 0, 0, ""},
      {"v4", 44, 4, FieldKind::kUnsigned, 0, 0, ""},
      {"bytes", 44, 4, FieldKind::kArray, 1, 4, ""},
      {"inner", 48, 4, FieldKind::kSigned, 0, 0, ""},
      {"outer_tail", 52, 4, FieldKind::kUnsigned, 0, 0, ""},
      {"either", 64, 8, FieldKind::kBytes, 0, 0, ""},
      {"pair", 72, 16, FieldKind::kBytes, 0, 0, ""},
      {"pointer", 88, 8, FieldKind::kUnsigned, 0, 0, ""},
      {"deltas", 96, 8, FieldKind::kArray, 2, 4, ""},
  };
  const Layout& key = info_.map("shapes")->key;
  EXPECT_EQ(key.type_name, "shapes_key");
  EXPECT_EQ(key.size, 104u);
  EXPECT_EQ(key.fields.size(), std::size(rows)) << "bit fields are left out";
  for (const Row& row : rows) {
    const Field* field = key.find(row.path);
    ASSERT_NE(field, nullptr) << row.path;
    EXPECT_EQ(field->offset, row.offset) << row.path;
    EXPECT_EQ(field->size, row.size) << row.path;
    EXPECT_EQ(field->kind, row.kind) << row.path;
    EXPECT_EQ(field->element_size, row.element_size) << row.path;
    EXPECT_EQ(field->count, row.count) << row.path;
    EXPECT_EQ(field->type_name, row.type_name) << row.path;
  }
  for (const char* absent : {"low_bits", "high_bits", "either.a", "key", ""}) {
    EXPECT_EQ(key.find(absent), nullptr) << absent;
  }
}

TEST_F(ObjectInfoTest, NamesEnumerators) {
  const std::map<int64_t, std::string> expected = {{0, "RED"}, {5, "GREEN"}, {9, "BLUE"}};
  EXPECT_EQ(info_.map("shapes")->key.find("color")->enumerators, expected);
  EXPECT_EQ(info_.enums.at("color"), expected);
  EXPECT_EQ(info_.enums.at("signed_color").at(-1), "NONE");
}

TEST_F(ObjectInfoTest, NamesTheOnlyFieldOfAScalar) {
  const MapInfo* scalar = info_.map("shapes_scalar");
  ASSERT_EQ(scalar->key.fields.size(), 1u);
  EXPECT_EQ(scalar->key.fields[0].path, "key");
  EXPECT_EQ(scalar->key.type_name, "");
  ASSERT_NE(scalar->value.find("value"), nullptr);
  EXPECT_EQ(scalar->value.find("value")->size, 8u);

  const MapInfo* array = info_.map("shapes_array");
  EXPECT_EQ(array->key.find("key")->kind, FieldKind::kEnum);
  EXPECT_EQ(array->value.find("value")->kind, FieldKind::kArray);
  EXPECT_EQ(array->value.find("value")->count, 8u);

  const Field* buckets = info_.map("shapes")->value.find("buckets");
  ASSERT_NE(buckets, nullptr);
  EXPECT_EQ(buckets->element_size, 8u);
  EXPECT_EQ(buckets->count, 27u);
}

TEST_F(ObjectInfoTest, HasNoLayoutWithoutTypes) {
  const MapInfo* untyped = info_.map("shapes_untyped");
  EXPECT_EQ(untyped->key.size, 0u);
  EXPECT_TRUE(untyped->value.fields.empty());
  EXPECT_EQ(untyped->value_size, 12u);
}

TEST_F(ObjectInfoTest, ListsConstantsAndPrograms) {
  EXPECT_EQ(info_.constants,
            (std::map<std::string, uint32_t>{{"shapes_limit", 8}, {"shapes_table", 16}}));
  ASSERT_EQ(info_.programs.size(), 2u);
  const ObjectInfo::Program& first = info_.programs[0];
  EXPECT_EQ(first.name, "shapes_switch");
  EXPECT_EQ(first.section, "tp_btf/sched_switch");
  EXPECT_EQ(first.needs, (std::vector<std::string>{"args sched_switch 3", "field task_struct.pid",
                                                   "!field task_struct.nonsense"}));
  EXPECT_TRUE(first.autoload);
  EXPECT_EQ(info_.programs[1].section, "raw_tp/sched_wakeup");
  EXPECT_FALSE(info_.programs[1].autoload);
  EXPECT_TRUE(info_.programs[1].needs.empty());
}

// shapes is used by a function in .text, which either program might call.
TEST_F(ObjectInfoTest, KnowsWhichMapsAProgramUses) {
  EXPECT_EQ(info_.programs[0].maps, (std::set<std::string>{"shapes"}));
  EXPECT_EQ(info_.programs[1].maps, (std::set<std::string>{"shapes_scalar"}));
}

TEST(InspectObject, NamesTheObjectWhenItIsNone) {
  struct Row {
    const char* name;
    std::string content;
    const char* message;
  };
  const Row rows[] = {
      {"empty", "", "not an ELF file"},
      {"text", "probe: softirq\nmetrics: []\n", "not an ELF file"},
      {"magic only",
       std::string("\x7f"
                   "ELF"),
       "not an ELF file"},
      {"zeros", std::string(5000, '\0'), "not an ELF file"},
      {"32 bit",
       std::string("\x7f"
                   "ELF\x01\x01\x01") +
           std::string(200, '\0'),
       "64-bit"},
      {"foreign machine",
       std::string("\x7f"
                   "ELF\x02\x01\x01") +
           std::string(200, '\0'),
       "not a BPF object file"},
  };
  for (const Row& row : rows) {
    const auto inspected = inspect_object("some.bpf.o", std::as_bytes(std::span(row.content)));
    ASSERT_FALSE(inspected) << row.name;
    EXPECT_NE(inspected.error().message.find(row.message), std::string::npos)
        << inspected.error().message;
    EXPECT_TRUE(inspected.error().message.starts_with("some.bpf.o: ")) << inspected.error().message;
    EXPECT_EQ(inspected.error().message.find('\n'), std::string::npos);
  }
}

TEST(InspectObject, RefusesProgramsOfThisMachine) {
  const auto inspected = inspect_object("exe", read_bytes("/proc/self/exe"));
  ASSERT_FALSE(inspected);
  EXPECT_NE(inspected.error().message.find("not a BPF object file"), std::string::npos);
}

TEST(InspectObject, RefusesEveryTruncation) {
  const std::vector<std::byte> image = fixture("shapes");
  ASSERT_TRUE(inspect_object("whole", image));
  for (size_t size = 0; size < image.size(); size += 61) {
    const std::vector<std::byte> cut(image.begin(), image.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(inspect_object("cut", cut)) << size;
  }
}

// Whatever one damaged byte does to an object, the answer is a description or an error.
TEST(InspectObject, SurvivesDamagedBytes) {
  const std::vector<std::byte> image = fixture("shapes");
  size_t refused = 0;
  for (size_t at = 0; at < image.size(); at += 7) {
    for (const std::byte damage : {std::byte{0xff}, std::byte{0x80}, std::byte{0x01}}) {
      std::vector<std::byte> damaged = image;
      damaged[at] ^= damage;
      if (!inspect_object("damaged", damaged)) ++refused;
    }
  }
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace kernel_exporter
