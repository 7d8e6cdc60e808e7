// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace kernel_exporter {

// Asks our own server over the network stack whether it still answers. Keeps one TCP socket for all
// requests: a new one could not be had once system calls are limited. One thread at a time.
class SelfRequest {
 public:
  // `listen_address` as in HttpOptions, with the port that was picked.
  [[nodiscard]] static Result<SelfRequest> create(const std::string& listen_address, int port);

  // GET /-/healthy. The error says what was not answered in time.
  [[nodiscard]] Result<void> ask(std::chrono::milliseconds patience);

 private:
  SelfRequest(UniqueFd socket, sockaddr_in address)
      : socket_(std::move(socket)), address_(address) {}
  Result<void> exchange(std::chrono::milliseconds patience);

  UniqueFd socket_;
  sockaddr_in address_;
};

}  // namespace kernel_exporter
