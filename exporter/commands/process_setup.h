// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kernel_exporter {

// What a process inherits from careless surroundings, put right; before anything else.

// Opens /dev/null where 0, 1 or 2 is closed: otherwise the next file that is opened gets that
// number, and with it all that is written to stderr.
void open_standard_files();

// A file at its limit is an error to be handled (EFBIG), not the end; a reader that went away
// (EPIPE) likewise.
void ignore_write_signals();

// As many open files as the hard limit allows; logs an error when these are few.
void raise_open_file_limit();

}  // namespace kernel_exporter
