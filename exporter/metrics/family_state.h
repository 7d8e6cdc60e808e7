// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "metrics/labels.h"
#include "metrics/sample_sink.h"

namespace kernel_exporter {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// The series of one family: label values -> `width` numbers in map units. What a series
// shows is what its live keys hold now plus what keys that are gone had counted (the retired part),
// so a counter never goes backwards. All arithmetic wraps modulo 2^64.
// Used under the scrape lock.
class FamilyState {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Series of a gauge hold nothing retired and are forgotten with their last key.
  FamilyState(std::vector<std::string> label_names, size_t width, uint64_t series_limit,
              bool gauge);

  // Series point into their index: moved, never copied.
  FamilyState(FamilyState&&) = default;
  FamilyState& operator=(FamilyState&&) = default;

  // The series with these values of the labels (append_packed, in the order of the names); a new
  // one while the limit allows, else kNone. At the limit, series that no key holds any more make
  // room, the oldest first: what they counted goes to `other`.
  uint32_t find_or_add(std::string_view packed);
  // The one series for keys that found none of their own: each of its labels says "other".
  uint32_t other();
  // For series that are made from now on: when they still stood at 0.
  void set_start(std::optional<SystemTime> start) { start_ = start; }

  // Keys hold the series they count for.
  void hold(uint32_t series) { ++holders_[series]; }
  void release(uint32_t series);

  void start_scrape();  // forgets the live part
  void add_live(uint32_t series, std::span<const uint64_t> numbers);
  void retire(uint32_t series, std::span<const uint64_t> numbers);
  void unretire(uint32_t series, std::span<const uint64_t> numbers);

  size_t size() const { return packed_.size(); }
  bool exists(uint32_t series) const {
    return packed_[series] != nullptr && (!gauge_ || holders_[series] > 0);
  }
  // Valid until the next call that is not const.
  Labels labels(uint32_t series) const;
  std::optional<SystemTime> start(uint32_t series) const { return starts_[series]; }
  // Live plus retired.
  void read(uint32_t series, std::span<uint64_t> out) const;

  bool is_other(uint32_t series) const { return series == other_; }
  // Whether a key in `other` may find a series of its own now.
  bool may_have_room() const;
  // Keys that came to stand in the series `other`.
  void count_overflow() { ++overflows_; }
  uint64_t overflows() const { return overflows_; }
  void set_limit(uint64_t series_limit) { series_limit_ = series_limit; }

 private:
  uint32_t add(std::string_view packed);
  size_t own() const;  // series without `other`
  void erase(uint32_t series);
  bool make_room();

  std::vector<std::string> label_names_;
  size_t width_;
  uint64_t series_limit_;
  bool gauge_;
  std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> index_;
  std::vector<const std::string*> packed_;  // keys of index_, whose nodes stay where they are
  mutable std::vector<EncodedLabels> encoded_;
  std::optional<SystemTime> start_;
  std::vector<std::optional<SystemTime>> starts_;
  std::vector<uint32_t> holders_;
  std::vector<uint32_t> free_;
  std::deque<uint32_t>
      unheld_;  // counters in the order in which their last key left, or held again
  std::vector<bool> in_unheld_;
  std::vector<uint64_t> live_;
  std::vector<uint64_t> retired_;
  uint32_t other_ = kNone;
  uint64_t overflows_ = 0;
};

}  // namespace kernel_exporter
