// SPDX-License-Identifier: Apache-2.0
#include "metrics/labels.h"

#include <cstdint>
#include <cstring>

namespace kernel_exporter {
namespace {

using Length = uint32_t;

std::string_view take_packed(std::string_view& packed) {
  Length length = 0;
  std::memcpy(&length, packed.data(), sizeof length);
  const auto value = packed.substr(sizeof length, length);
  packed.remove_prefix(sizeof length + length);
  return value;
}

}  // namespace

void append_packed(std::string& packed, std::string_view value) {
  const auto length = static_cast<Length>(value.size());
  packed.append(reinterpret_cast<const char*>(&length), sizeof length).append(value);
}

std::vector<Label> Labels::pairs() const {
  std::vector<Label> pairs(pairs_.begin(), pairs_.end());
  std::string_view rest = packed_;
  for (const std::string& name : names_) pairs.push_back({name, take_packed(rest)});
  return pairs;
}

std::string_view Labels::encoded(LabelEncoder encoder, std::string& scratch) const {
  if (kept_ == nullptr) {
    scratch.clear();
    encoder(pairs_, scratch);
    return scratch;
  }
  if (kept_->encoder != encoder) {
    kept_->text.clear();
    encoder(pairs(), kept_->text);
    kept_->text.shrink_to_fit();
    kept_->encoder = encoder;
  }
  return kept_->text;
}

}  // namespace kernel_exporter
