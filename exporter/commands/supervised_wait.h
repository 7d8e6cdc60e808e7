// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <string>

#include "base/error.h"
#include "http/server.h"

namespace kernel_exporter {

// SIGTERM and SIGINT end the process at once, with exit code 0: for a start that may take long and
// has nothing to tidy up yet. SIGHUP waits.
void end_on_signals();

// Blocks SIGTERM, SIGINT and SIGHUP, for wait_for_end to take one by one, in this thread and in all
// that it starts later.
sigset_t block_signals();

// Tells the service manager that we serve at `where`, and returns on SIGTERM or SIGINT; what then
// is not tidied up within seconds ends with the process. Reloads on SIGHUP, in a thread of its own;
// what comes meanwhile is one more reload. Where a watchdog waits for us, `server` is checked
// before each sign of life: one that no longer answers gets none, and is restarted.
void wait_for_end(const sigset_t& signals, const std::string& where, HttpServer& server,
                  const std::function<Result<void>()>& reload);

}  // namespace kernel_exporter
