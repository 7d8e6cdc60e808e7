// SPDX-License-Identifier: Apache-2.0
#include "metrics/family_state.h"

#include <algorithm>

namespace kernel_exporter {

FamilyState::FamilyState(std::vector<std::string> label_names, size_t width, uint64_t series_limit,
                         bool gauge)
    : label_names_(std::move(label_names)),
      width_(width),
      series_limit_(series_limit),
      gauge_(gauge) {}

uint32_t FamilyState::find_or_add(std::string_view packed) {
  const auto found = index_.find(packed);
  if (found != index_.end()) return found->second;
  return own() < series_limit_ || make_room() ? add(packed) : kNone;
}

size_t FamilyState::own() const { return index_.size() - (other_ == kNone ? 0 : 1); }

bool FamilyState::may_have_room() const { return own() < series_limit_ || !unheld_.empty(); }

uint32_t FamilyState::other() {
  if (other_ == kNone) {
    std::string packed;
    for (size_t i = 0; i < label_names_.size(); ++i) append_packed(packed, "other");
    const auto same = index_.find(packed);
    other_ = same == index_.end() ? add(packed) : same->second;
  }
  return other_;
}

uint32_t FamilyState::add(std::string_view packed) {
  auto series = static_cast<uint32_t>(packed_.size());
  if (free_.empty()) {
    packed_.push_back(nullptr);
    encoded_.emplace_back();
    starts_.emplace_back();
    holders_.push_back(0);
    in_unheld_.push_back(false);
    live_.resize(live_.size() + width_);
    retired_.resize(retired_.size() + width_);
  } else {
    series = free_.back();
    free_.pop_back();
  }
  packed_[series] = &index_.emplace(packed, series).first->first;
  encoded_[series] = {};
  starts_[series] = start_;
  return series;
}

Labels FamilyState::labels(uint32_t series) const {
  return {label_names_, *packed_[series], encoded_[series]};
}

void FamilyState::release(uint32_t series) {
  if (--holders_[series] > 0) return;
  if (gauge_) {
    erase(series);
  } else if (series != other_ && !in_unheld_[series]) {
    unheld_.push_back(series);
    in_unheld_[series] = true;
  }
}

void FamilyState::erase(uint32_t series) {
  index_.erase(*packed_[series]);
  packed_[series] = nullptr;
  if (series == other_) other_ = kNone;
  const auto at = static_cast<ptrdiff_t>(series * width_);
  std::fill_n(live_.begin() + at, width_, 0);
  std::fill_n(retired_.begin() + at, width_, 0);
  free_.push_back(series);
}

bool FamilyState::make_room() {
  while (!unheld_.empty()) {
    const uint32_t series = unheld_.front();
    unheld_.pop_front();
    in_unheld_[series] = false;
    if (packed_[series] == nullptr || holders_[series] > 0) continue;
    const uint32_t rest = other();
    if (series == rest) continue;
    for (size_t i = 0; i < width_; ++i) {
      retired_[rest * width_ + i] += retired_[series * width_ + i];
    }
    erase(series);
    return true;
  }
  return false;
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
