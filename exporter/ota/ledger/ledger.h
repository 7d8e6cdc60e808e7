// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "ota/ledger/frame.h"

namespace kernel_exporter {

// The file of records on disk. What append() or replace() acknowledged is there after kill -9 and
// power loss. One thread at a time.
class Ledger {
 public:
  // fdatasync(2) or a stand-in that fails.
  using Sync = std::function<int(int fd)>;

  explicit Ledger(std::string path, Sync sync = {});

  // Locks PATH.lock, until this object ends or the file cannot be written: two exporters would
  // replace each other's records. When another has it, this fails, and so do all changes. Then
  // reads every whole record of the file; none when there is no file yet. A file that cannot be
  // read, or that holds bytes but not one record, is put aside (PATH.unreadable) by the next
  // replace().
  [[nodiscard]] Result<ScannedRecords> load();

  // True when append() has nothing to append to: no file, damage at its end, a failed write or sync
  // (after which the kernel may have dropped the pages: only a new file is safe), a deleted file.
  bool needs_replacement() const;

  // Both return once the bytes are on the medium.
  [[nodiscard]] Result<void> append(std::string_view payload);
  // Writes a new file beside the old one and renames it over. Frames of newer versions stay, the
  // latest 64 KiB of them.
  [[nodiscard]] Result<void> replace(std::span<const std::string> payloads);

  const std::string& path() const { return path_; }
  size_t size() const { return size_; }  // bytes of the file

 private:
  Result<void> lock();
  Result<void> write_replacement(std::span<const std::string> payloads);
  Result<UniqueFd> write_new_file(const std::string& path, std::string_view bytes) const;
  Result<void> make_folder() const;
  Result<void> sync_folder() const;

  std::string path_;
  Sync sync_;
  UniqueFd lock_;
  std::string in_use_;  // error that names the exporter holding the lock; "": no other does
  UniqueFd fd_;
  size_t size_ = 0;
  bool put_aside_ = false;
  std::vector<std::string> newer_frames_;
};

// An error when `path`, or a name beside it that a ledger uses, is a link, FIFO, device, socket or
// folder: a new ledger would take its place.
[[nodiscard]] Result<void> check_ledger_place(const std::string& path);

// The records of a ledger that another process may be writing; changes nothing.
[[nodiscard]] Result<ScannedRecords> read_ledger(const std::string& path);

}  // namespace kernel_exporter
