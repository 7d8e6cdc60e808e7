// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ota/model/transaction.h"

namespace kernel_exporter {

using OtaJson = nlohmann::ordered_json;

// On one line; bytes that are not UTF-8 become U+FFFD instead of an exception.
std::string json_text(const OtaJson& json);

OtaJson transaction_json(const OtaTransaction& transaction);
// Throws nlohmann's exceptions on what is no transaction.
OtaTransaction transaction_of(const OtaJson& json);

}  // namespace kernel_exporter
