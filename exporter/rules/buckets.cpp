// SPDX-License-Identifier: Apache-2.0
#include "rules/buckets.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/number.h"
#include "bpf/histogram.h"

namespace kernel_exporter {
namespace {

std::vector<std::byte> as_bytes(const histogram_buckets& config) {
  std::vector<std::byte> bytes(sizeof config);
  std::memcpy(bytes.data(), &config, sizeof config);
  return bytes;
}

tl::unexpected<Error> too_many() {
  return fail("more than " + std::to_string(HISTOGRAM_BOUNDS) + " bounds");
}

BucketKind kind_of(const histogram_buckets& config) {
  switch (config.kind) {
    case HISTOGRAM_LINEAR:
      return BucketKind::kLinear;
    case HISTOGRAM_EXPONENTIAL:
      return BucketKind::kExponential;
    default:
      return BucketKind::kListed;
  }
}

Result<Buckets> finish(const histogram_buckets& config, std::vector<uint64_t> bounds) {
  return Buckets{kind_of(config), std::move(bounds), as_bytes(config)};
}

Result<Buckets> zones(const BucketRule& rule, const Unit& unit) {
  histogram_buckets config{};
  config.kind = HISTOGRAM_ZONES;
  std::vector<uint64_t> bounds;
  if (rule.bounds.size() > HISTOGRAM_BOUNDS) return too_many();
  for (const std::string& text : rule.bounds) {
    const auto bound = parse_quantity(text, unit);
    if (!bound) return fail(bound.error().message);
    if (!bounds.empty() && *bound <= bounds.back()) {
      return fail("bound \"" + text + "\" is not greater than the previous one");
    }
    config.bounds[bounds.size()] = *bound;
    bounds.push_back(*bound);
  }
  config.count = static_cast<uint32_t>(bounds.size());
  if (bounds.empty()) config.kind = HISTOGRAM_NONE;
  return finish(config, std::move(bounds));
}

Result<Buckets> linear(const BucketRule& rule, const Unit& unit) {
  const auto from = parse_quantity(rule.from, unit);
  if (!from) return fail(from.error().message);
  const auto width = parse_quantity(rule.width, unit);
  if (!width) return fail(width.error().message);
  if (*from == 0 || *width == 0) return fail("from and width must be above 0");
  if (rule.count == 0) return fail("linear buckets need a count of at least 1");
  if (rule.count > HISTOGRAM_BOUNDS) return too_many();
  histogram_buckets config{};
  config.kind = HISTOGRAM_LINEAR;
  config.count = static_cast<uint32_t>(rule.count);
  config.from = *from;
  config.width = *width;
  std::vector<uint64_t> bounds;
  for (uint64_t i = 0; i < rule.count; ++i) {
    if (i > 0 && *width > UINT64_MAX - bounds.back()) return fail("the last bound is too large");
    bounds.push_back(i == 0 ? *from : bounds.back() + *width);
  }
  return finish(config, std::move(bounds));
}

Result<Buckets> exponential(const BucketRule& rule, const Unit& unit) {
  const auto from = parse_quantity(rule.from, unit);
  if (!from) return fail(from.error().message);
  const auto to = parse_quantity(rule.to, unit);
  if (!to) return fail(to.error().message);
  if (*from == 0 || *to <= *from) return fail("from must be above 0 and below to");
  if (rule.factor < 2 || rule.factor > 1024 || !std::has_single_bit(rule.factor)) {
    return fail("factor must be a power of two from 2 to 1024");
  }
  histogram_buckets config{};
  config.kind = HISTOGRAM_EXPONENTIAL;
  config.from = *from;
  config.shift = static_cast<uint64_t>(std::countr_zero(rule.factor));
  std::vector<uint64_t> bounds = {*from};
  while (bounds.back() < *to) {
    if (bounds.size() == HISTOGRAM_BOUNDS) return too_many();
    if (bounds.back() > (UINT64_MAX >> config.shift))
      return fail("\"" + rule.to + "\" is too large");
    bounds.push_back(bounds.back() << config.shift);
  }
  config.count = static_cast<uint32_t>(bounds.size());
  return finish(config, std::move(bounds));
}

Result<Buckets> make_config(const BucketRule& rule, const Unit& unit) {
  switch (rule.kind) {
    case BucketRule::Kind::kZones:
      return zones(rule, unit);
    case BucketRule::Kind::kLinear:
      return linear(rule, unit);
    case BucketRule::Kind::kExponential:
      return exponential(rule, unit);
  }
  return fail("unknown kind of buckets");
}

}  // namespace

Result<Buckets> make_buckets(const BucketRule& rule, const Unit& unit) {
  auto buckets = make_config(rule, unit);
  if (!buckets) return buckets;
  // Exported bounds are doubles: beyond 53 bits two of them can read the same.
  const std::vector<double> bounds = bucket_layout(*buckets, unit).bounds;
  const auto same = std::ranges::adjacent_find(bounds);
  if (same != bounds.end()) {
    return fail("two bounds have the same le=\"" + canonical_bound(*same) + "\"");
  }
  return buckets;
}

std::vector<std::byte> no_buckets() {
  histogram_buckets config{};
  config.kind = HISTOGRAM_NONE;
  return as_bytes(config);
}

BucketLayout bucket_layout(const Buckets& buckets, const Unit& unit) {
  BucketLayout layout{buckets.kind, {}};
  for (const uint64_t bound : buckets.bounds) {
    layout.bounds.push_back(unit.to_base(static_cast<double>(bound)));
  }
  return layout;
}

}  // namespace kernel_exporter
