// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "ota/model/transaction.h"

namespace kernel_exporter {

using OtaJson = nlohmann::ordered_json;

// On one line; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string json_text(const OtaJson& json);

// The whole number of a key. Throws where there is none or it does not fit: get() would convert it.
template <typename Number>
Number whole_number(const OtaJson& object, const std::string& key) {
  const OtaJson& json = object.at(key);
  const bool fits = json.is_number_unsigned()
                        ? std::in_range<Number>(json.get<uint64_t>())
                        : json.is_number_integer() && std::in_range<Number>(json.get<int64_t>());
  if (!fits) throw std::invalid_argument("\"" + key + "\" is no whole number that fits");
  return json.get<Number>();
}

template <typename Number>
Number whole_number_or(const OtaJson& object, const std::string& key, Number missing) {
  return object.contains(key) ? whole_number<Number>(object, key) : missing;
}

OtaJson transaction_json(const OtaTransaction& transaction);
// Throws on what is no transaction.
OtaTransaction transaction_of(const OtaJson& json);

}  // namespace kernel_exporter
