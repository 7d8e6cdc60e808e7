// SPDX-License-Identifier: Apache-2.0
#include "metrics/family_state.h"

#include <algorithm>

namespace kernel_exporter {

FamilyState::FamilyState(size_t width, uint64_t series_limit, bool gauge)
    : width_(width), series_limit_(series_limit), gauge_(gauge) {}

uint32_t FamilyState::find_or_add(std::string_view block) {
  const auto found = index_.find(block);
  if (found != index_.end()) return found->second;
  const size_t own = index_.size() - (other_ == kNone ? 0 : 1);
  return own < series_limit_ ? add(block) : kNone;
}

uint32_t FamilyState::other(std::string_view other_block) {
  if (other_ == kNone) {
    const auto same = index_.find(other_block);
    other_ = same == index_.end() ? add(other_block) : same->second;
  }
  return other_;
}

uint32_t FamilyState::add(std::string_view block) {
  if (!free_.empty()) {
    const uint32_t series = free_.back();
    free_.pop_back();
    blocks_[series] = block;
    index_.emplace(block, series);
    return series;
  }
  const auto series = static_cast<uint32_t>(blocks_.size());
  blocks_.emplace_back(block);
  holders_.push_back(0);
  index_.emplace(block, series);
  live_.resize(live_.size() + width_);
  retired_.resize(retired_.size() + width_);
  return series;
}

void FamilyState::release(uint32_t series) {
  if (--holders_[series] > 0 || !gauge_) return;
  index_.erase(blocks_[series]);
  if (series == other_) other_ = kNone;
  std::fill_n(live_.begin() + static_cast<ptrdiff_t>(series * width_), width_, 0);
  free_.push_back(series);
}

void FamilyState::start_scrape() { std::fill(live_.begin(), live_.end(), 0); }

void FamilyState::add_live(uint32_t series, std::span<const uint64_t> numbers) {
  for (size_t i = 0; i < width_; ++i) live_[series * width_ + i] += numbers[i];
}

void FamilyState::retire(uint32_t series, std::span<const uint64_t> numbers) {
  for (size_t i = 0; i < width_; ++i) retired_[series * width_ + i] += numbers[i];
}

void FamilyState::unretire(uint32_t series, std::span<const uint64_t> numbers) {
  for (size_t i = 0; i < width_; ++i) retired_[series * width_ + i] -= numbers[i];
}

void FamilyState::read(uint32_t series, std::span<uint64_t> out) const {
  for (size_t i = 0; i < width_; ++i) {
    out[i] = live_[series * width_ + i] + retired_[series * width_ + i];
  }
}

}  // namespace kernel_exporter
