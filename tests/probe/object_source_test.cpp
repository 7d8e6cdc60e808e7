// SPDX-License-Identifier: Apache-2.0
#include "probe/object_source.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fixture.h"
#include "probe/embedded_object.h"

namespace kernel_exporter {
namespace {

TEST(ObjectSource, IsTheEmbeddedObjectByDefault) {
  const ObjectSource source;
  EXPECT_TRUE(source.is_embedded());
  EXPECT_TRUE(source.follows_conventions());
  const auto image = source.read();
  ASSERT_TRUE(image);
  EXPECT_EQ(image->bytes.data(), embedded_object().data());
  EXPECT_EQ(image->bytes.size(), embedded_object().size());
}

TEST(ObjectSource, ReadsAFile) {
  const ObjectSource source = ObjectSource::file(fixture_path("foreign"));
  EXPECT_FALSE(source.is_embedded());
  EXPECT_FALSE(source.follows_conventions());
  const auto image = source.read();
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(std::ranges::equal(image->bytes, fixture("foreign")));
}

TEST(ObjectSource, NamesAFileThatCannotBeRead) {
  const auto image = ObjectSource::file("/nonexistent/x.bpf.o").read();
  ASSERT_FALSE(image);
  EXPECT_NE(image.error().message.find("/nonexistent/x.bpf.o"), std::string::npos);
}

TEST(ObjectSource, KeepsTheBytesOfAGeneratedObject) {
  const std::vector<std::byte> bytes = fixture("loads");
  Result<ObjectImage> image;
  const std::byte* shared = nullptr;
  {
    const ObjectSource source = ObjectSource::generated("rules", bytes);
    const ObjectSource copy = source;
    EXPECT_TRUE(source.follows_conventions());
    EXPECT_EQ(copy, source);
    shared = source.read()->bytes.data();
    image = copy.read();
  }
  ASSERT_TRUE(image);
  EXPECT_EQ(image->bytes.data(), shared);
  EXPECT_TRUE(std::ranges::equal(image->bytes, bytes));
}

TEST(ObjectSource, IsToldApartByKindAndName) {
  const ObjectSource sources[] = {
      {}, ObjectSource::file("x"), ObjectSource::file("y"), ObjectSource::generated("x", {})};
  for (size_t i = 0; i < std::size(sources); ++i) {
    for (size_t j = 0; j < std::size(sources); ++j) {
      EXPECT_EQ(sources[i] == sources[j], i == j) << i << " " << j;
    }
  }
  EXPECT_EQ(ObjectSource::file("x"), ObjectSource::file("x"));
}

}  // namespace
}  // namespace kernel_exporter
