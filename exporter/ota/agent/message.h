// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>

#include "ota/model/request.h"

namespace kernel_exporter {

// A datagram of the agent socket, and of its answer as far as an agent may rely on it.
constexpr size_t kMaxOtaMessageBytes = 4096;

// Why a message was refused: the label `reason` of a metric.
enum class OtaRefusalReason {
  kOversized,
  kMalformed,
  kUnknownKind,
  kUnknownKey,
  kInvalidValue,
  kNotPossible,
  kNotAllowed,
  kTooManyClients,
};
constexpr std::array<std::string_view, 8> kOtaRefusalNames = {
    "oversized",     "malformed",    "unknown_kind", "unknown_key",
    "invalid_value", "not_possible", "not_allowed",  "too_many_clients"};

struct OtaRefusal {
  OtaRefusalReason reason = OtaRefusalReason::kMalformed;
  std::string text;
};

struct OtaStatusRequest {};
struct OtaHistoryRequest {
  std::string engine;    // "": all
  uint64_t limit = 100;  // the last so many
};

using OtaMessage = std::variant<OtaBegin, OtaSet, OtaEnd, OtaStatusRequest, OtaHistoryRequest>;

// Reads one JSON object with a "kind" and that kind's keys; docs/ota.md lists them. Every key must
// be known and every value in range. Devices without a role get it from `roles`.
tl::expected<OtaMessage, OtaRefusal> parse_ota_message(std::string_view text,
                                                       const std::map<std::string, OtaRole>& roles);

}  // namespace kernel_exporter
