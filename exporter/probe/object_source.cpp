// SPDX-License-Identifier: Apache-2.0
#include "probe/object_source.h"

#include <utility>

#include "probe/embedded_object.h"
#include "probe/object_file.h"

namespace kernel_exporter {

ObjectSource ObjectSource::file(std::string path) { return {Kind::kFile, std::move(path)}; }

ObjectSource ObjectSource::generated(std::string name, std::vector<std::byte> image) {
  ObjectSource source(Kind::kGenerated, std::move(name));
  source.image_ = std::make_shared<const std::vector<std::byte>>(std::move(image));
  return source;
}

Result<ObjectImage> ObjectSource::read() const {
  if (is_embedded()) return ObjectImage{embedded_object(), nullptr};
  if (image_) return ObjectImage{*image_, image_};
  auto bytes = read_object_file(name_);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(*bytes));
  return ObjectImage{*owner, owner};
}

std::strong_ordering ObjectSource::operator<=>(const ObjectSource& other) const {
  if (const auto order = kind_ <=> other.kind_; std::is_neq(order)) return order;
  return name_.compare(other.name_) <=> 0;
}

}  // namespace kernel_exporter
