// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/retry_log.h"
#include "base/unique_fd.h"
#include "ota/engine/engine_socket.h"
#include "ota/engine/engine_type.h"
#include "ota/engine/swupdate/swupdate_message.h"
#include "ota/engine/swupdate/swupdate_words.h"

namespace kernel_exporter {

struct SwupdateSockets {
  std::string progress;
  std::string control;
};

struct SwupdateConfig {
  std::string progress_socket = "/tmp/swupdateprog";
  std::string control_socket = "/tmp/sockinstctrl";
  // Tried if no process listens there: the defaults since 2026.05. Only if none is configured.
  std::optional<SwupdateSockets> otherwise = {};
};

// Follows SWUpdate over its sockets, in a thread of its own. The engine waits for those who listen:
// everything is read at once, whatever becomes of it. The control socket, which is only listened
// to, says why an installation failed.
class SwupdateAdapter : public EngineAdapter {
 public:
  SwupdateAdapter(SwupdateConfig config, EngineHost host);
  ~SwupdateAdapter() override;

  // Refused is, once each, a process of the engine whose messages have an unknown layout.
  std::optional<AdapterStatus> status() const override {
    return {{"swupdate", connected_, refused_}};
  }

 private:
  struct Connection;

  void run(const std::stop_token& stop);
  void wait_for_engine(const std::stop_token& stop);
  void follow(const std::stop_token& stop, UniqueFd progress);
  std::chrono::milliseconds subscribe(Connection& connection);
  bool serve(Connection& connection);  // false: it has ended
  void hear_notices(Connection& connection, std::string_view bytes);
  bool refuse(Connection& connection, const Error& error);
  void tell(const std::vector<EngineEvent>& events);

  const SwupdateConfig config_;
  const EngineHost host_;
  const int64_t started_ns_;
  SwupdateWords words_;
  RetryLog socket_log_;
  EngineProcess last_;  // that we were connected to
  std::chrono::milliseconds pause_;
  UniqueFd wake_;            // an eventfd
  SwupdateSockets sockets_;  // that the engine listens at, as far as is known
  std::atomic<bool> connected_ = false;
  std::atomic<uint64_t> refused_ = 0;
  std::jthread thread_;  // last: joined before anything else goes
};

}  // namespace kernel_exporter
