// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "ota/agent/agent.h"

namespace kernel_exporter {

struct OtaServerSettings {
  std::string path;
  std::vector<uid_t> allowed_uids;
  std::vector<gid_t> allowed_gids;
};

// The thread behind the agent socket. Users that the settings do not name hear why and are closed;
// a client that does not read its answers is closed. Beyond four clients of one user, or 16 of all,
// the one that was silent for longest makes way for the new one: of the same user, or of the user
// who has the most.
class OtaServer {
 public:
  // `each_second` runs in the same thread.
  [[nodiscard]] static Result<std::unique_ptr<OtaServer>> start(OtaServerSettings settings,
                                                                OtaAgent& agent,
                                                                std::function<void()> each_second);
  ~OtaServer();

 private:
  OtaServer(OtaServerSettings settings, OtaAgent& agent, std::function<void()> each_second,
            UniqueFd listener, UniqueFd wake);
  void run(const std::stop_token& stop);
  void welcome();
  void make_room(uid_t newcomer);
  // The user, when it may speak.
  std::optional<uid_t> allowed(int client) const;
  bool serve(int client);  // false: the client is to be closed

  struct Client {
    UniqueFd socket;
    uid_t user;
    std::chrono::steady_clock::time_point spoke;  // or connected
  };

  const OtaServerSettings settings_;
  OtaAgent& agent_;
  const std::function<void()> each_second_;
  UniqueFd listener_;
  UniqueFd wake_;  // an eventfd
  std::vector<Client> clients_;
  bool pausing_ = false;  // no new clients until the next second
  std::jthread thread_;
};

}  // namespace kernel_exporter
