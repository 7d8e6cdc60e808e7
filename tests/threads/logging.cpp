// SPDX-License-Identifier: Apache-2.0
// Makes spdlog's logger before there are threads, as the exporter does. Made by the first thread
// that logs, it would be guarded by a variable that ThreadSanitizer does not see in a library that
// was built without it.
#include "base/log.h"

namespace {
[[maybe_unused]] const spdlog::logger* const logger = spdlog::default_logger_raw();
}
