// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/diagnostics.h"

namespace kernel_exporter {

OtaFields::OtaFields(const OtaJson& object, std::string what)
    : object_(object), what_(std::move(what)) {
  if (!object_.is_object()) {
    refuse(OtaRefusalReason::kInvalidValue, what_ + " must be a JSON object");
  }
}

std::string OtaFields::of_what(std::string_view key) const {
  return fmt::format("\"{}\" of {}", key, what_);
}

void OtaFields::refuse(OtaRefusalReason reason, std::string text) {
  if (!refusal_) refusal_ = {reason, std::move(text)};
}

void OtaFields::refuse_word(std::string_view key, const std::string& name,
                            const std::vector<std::string_view>& known) {
  refuse(OtaRefusalReason::kInvalidValue, fmt::format("{}: unknown \"{}\", expected one of {}",
                                                      of_what(key), name, quoted_list(known)));
}

const OtaJson* OtaFields::take(std::string_view key) {
  known_.emplace(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(std::string(key));
  return found == object_.end() ? nullptr : &*found;
}

std::string OtaFields::text(std::string_view key, size_t limit, Presence presence) {
  const OtaJson* value = take(key);
  const bool required = presence == Presence::kRequired;
  if (!value) {
    if (required)
      refuse(OtaRefusalReason::kInvalidValue, what_ + fmt::format(" has no \"{}\"", key));
    return "";
  }
  const auto* text = value->get_ptr<const OtaJson::string_t*>();
  const bool fits = text && text->size() <= limit && (!required || !text->empty()) &&
                    std::none_of(text->begin(), text->end(), [](char c) {
                      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                    });
  if (fits) return *text;
  refuse(OtaRefusalReason::kInvalidValue,
         fmt::format("{} must be a text of {} to {} bytes without control characters", of_what(key),
                     required ? 1 : 0, limit));
  return "";
}

std::optional<uint64_t> OtaFields::whole_number(std::string_view key) {
  const OtaJson* value = take(key);
  if (!value) return {};
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  refuse(OtaRefusalReason::kInvalidValue, of_what(key) + " must be a whole number of at least 0");
  return {};
}

std::optional<bool> OtaFields::flag(std::string_view key) {
  const OtaJson* value = take(key);
  if (!value) return {};
  if (value->is_boolean()) return value->get<bool>();
  refuse(OtaRefusalReason::kInvalidValue, of_what(key) + " must be true or false");
  return {};
}

std::optional<double> OtaFields::number(std::string_view key, double least, double most) {
  const OtaJson* value = take(key);
  if (!value) return {};
  const double number = value->is_number() ? value->get<double>() : least - 1;
  if (number >= least && number <= most) return number;
  refuse(OtaRefusalReason::kInvalidValue,
         fmt::format("{} must be a number from {} to {}", of_what(key), least, most));
  return {};
}

void OtaFields::finish() {
  if (!object_.is_object()) return;
  for (const auto& [key, value] : object_.items()) {
    if (known_.contains(key)) continue;
    refuse(OtaRefusalReason::kUnknownKey,
           fmt::format("unknown key \"{}\" in {}, expected one of {}", key.substr(0, 64), what_,
                       quoted_list(known_)));
  }
}

}  // namespace kernel_exporter
