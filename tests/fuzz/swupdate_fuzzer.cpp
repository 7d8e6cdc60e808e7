// SPDX-License-Identifier: Apache-2.0
// Any bytes as what SWUpdate sends over its two sockets. The messages do not depend on the portions
// in which they arrive, and become events.
#include <cstdlib>

#include "ota/engine/swupdate/swupdate_message.h"
#include "ota/engine/swupdate/swupdate_words.h"

namespace kernel_exporter {
namespace {

// All messages up to an error, and whether there was one.
template <typename Reader>
auto messages_of(std::string_view bytes, size_t portion) {
  Reader reader;
  auto messages = *reader.read("");
  bool failed = false;
  while (!bytes.empty() && !failed) {
    const auto more = reader.read(bytes.substr(0, portion));
    bytes.remove_prefix(std::min(portion, bytes.size()));
    failed = !more;
    if (more) messages.insert(messages.end(), more->begin(), more->end());
  }
  return std::pair(std::move(messages), failed);
}

template <typename Reader>
void check(std::string_view bytes, size_t portion) {
  const auto [messages, failed] = messages_of<Reader>(bytes, portion);
  const auto [at_once, failed_at_once] = messages_of<Reader>(bytes, bytes.size());
  // A portion with an error says nothing of the messages before it.
  if (failed != failed_at_once || (!failed && messages != at_once)) abort();
  SwupdateWords words("swupdate");
  words.connected(1);
  for (const auto& message : messages) {
    (void)words.heard(message);
    if (words.ending()) (void)words.finish();
  }
  (void)words.gone();
}

void run(std::string_view bytes) {
  const size_t portion = bytes.size() % 256 + 1;
  check<SwupdateProgressReader>(bytes, portion);
  check<SwupdateNoticeReader>(bytes, portion);
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
