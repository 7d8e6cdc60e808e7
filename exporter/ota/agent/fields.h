// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ota/agent/message.h"
#include "ota/ledger/json_text.h"

namespace kernel_exporter {

// The keys of one JSON object, taken one by one, then finish(). The first thing that is wrong is
// kept; what is taken after it is empty.
class OtaFields {
 public:
  // `what` names the object in refusals.
  OtaFields(const OtaJson& object, std::string what);

  // Null when absent.
  const OtaJson* take(std::string_view key);

  enum class Presence { kOptional, kRequired };
  // Without control characters, at most `limit` bytes; "" when absent.
  std::string text(std::string_view key, size_t limit, Presence presence = Presence::kOptional);
  std::optional<uint64_t> whole_number(std::string_view key);
  std::optional<bool> flag(std::string_view key);
  std::optional<double> number(std::string_view key, double least, double most);

  template <typename Word, size_t kCount>
  std::optional<Word> word(std::string_view key, const std::array<std::string_view, kCount>& names,
                           Presence presence = Presence::kOptional) {
    const std::string name = text(key, 64, presence);
    if (name.empty()) return {};
    const auto found = word_of<Word>(names, name);
    if (!found) refuse_word(key, name, {names.begin(), names.end()});
    return found;
  }

  void refuse(OtaRefusalReason reason, std::string text);
  void refuse_word(std::string_view key, const std::string& name,
                   const std::vector<std::string_view>& known);
  void finish();  // refuses keys that nobody took

  const std::optional<OtaRefusal>& refusal() const { return refusal_; }

 private:
  std::string of_what(std::string_view key) const;

  const OtaJson& object_;
  std::string what_;
  std::set<std::string, std::less<>> known_;
  std::optional<OtaRefusal> refusal_;
};

}  // namespace kernel_exporter
