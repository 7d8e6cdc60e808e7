// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kernel_exporter {

// All tuning of this process's memory. A start needs much more memory than what follows, and runs
// code that is never run again: both should go back to the kernel. Scrapes, in turn, allocate and
// free the same blocks again and again: these should stay. Measured by the row "resident memory" of
// tests/bench. The settings are those of glibc's malloc; another one ignores them.

// Before the first thread.
void tune_memory_for_loading();

// Once everything is loaded and all threads run.
void tune_memory_for_serving();

// After work that is rare and large, such as a reload.
void return_freed_memory();

}  // namespace kernel_exporter
