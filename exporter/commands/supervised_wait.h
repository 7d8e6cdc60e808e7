// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <string>

#include "base/error.h"
#include "http/self_request.h"

namespace kernel_exporter {

// Blocks SIGTERM, SIGINT and SIGHUP, for wait_for_end to take one by one, in this thread and in all
// that it starts later; ignores SIGPIPE.
sigset_t block_signals();

// Tells the service manager that we serve at `where`, and returns on SIGTERM or SIGINT. Reloads on
// SIGHUP. Where a watchdog waits for us, `self` is asked before each sign of life: a server that no
// longer answers gets none, and is restarted.
void wait_for_end(const sigset_t& signals, const std::string& where, SelfRequest& self,
                  const std::function<Result<void>()>& reload);

}  // namespace kernel_exporter
