// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

// A ledger is compacted far below this; a larger file is something else.
constexpr size_t kMaxFileBytes = 16 << 20;
constexpr size_t kMaxNewerBytes = 64 << 10;

// With the remedy, where there is one.
tl::unexpected<Error> fail_ledger(int error_number, const std::string& what) {
  const std::string message = "ledger " + what + ": " + errno_text(error_number);
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return fail(message + " (free space on its file system)");
    case EROFS:
      return fail(message +
                  " (mount its file system writable; under systemd, ReadWritePaths= must name it)");
    default:
      return fail(message);
  }
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_ledger(errno, path);
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

std::string fresh_name(const std::string& path) { return path + ".new"; }
std::string lock_name(const std::string& path) { return path + ".lock"; }
std::string aside_name(const std::string& path) { return path + ".unreadable"; }

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

}  // namespace

Ledger::Ledger(std::string path, Sync sync)
    : path_(std::move(path)),
      sync_(sync ? std::move(sync) : [](int fd) { return ::fdatasync(fd); }) {}

Result<void> check_ledger_place(const std::string& path) {
  for (const std::string& name : {path, fresh_name(path), aside_name(path), lock_name(path)}) {
    struct stat status = {};
    if (::lstat(name.c_str(), &status) != 0 || S_ISREG(status.st_mode)) continue;
    const char* const kind = S_ISLNK(status.st_mode) ? "a symbolic link" : "not a regular file";
    return fail("ledger " + name + ": is " + kind +
                " and will not be replaced; name another file with `ledger` in --ota.config");
  }
  return {};
}

Result<ScannedRecords> read_ledger(const std::string& path) {
  const auto bytes = read_regular_file(path, kMaxFileBytes);
  if (!bytes) return fail("ledger " + bytes.error().message);
  return scan_records(*bytes);
}

// Where no file can be made, none can be replaced either: what keeps others out is not needed.
Result<void> Ledger::lock() {
  const std::string path = lock_name(path_);
  if (!make_folder()) return {};
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
  // Left behind by another user: it can be locked, though not written.
  if (!fd) fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return {};
    std::array<char, 32> owner{};
    const ssize_t size = ::pread(fd.get(), owner.data(), owner.size(), 0);
    std::string who(owner.data(), static_cast<size_t>(std::max<ssize_t>(0, size)));
    if (who.empty() || who.find_first_not_of("0123456789") != std::string::npos) who = "unknown";
    in_use_ = "ledger " + path_ + ": in use by another exporter (process " + who +
              "); give each a `ledger` of its own, or stop that one and restart this";
    return fail(in_use_);
  }
  const std::string own = std::to_string(::getpid());
  // What the lock says is for people; without it, it locks all the same.
  (void)(::ftruncate(fd.get(), 0) == 0 && ::pwrite(fd.get(), own.data(), own.size(), 0) > 0);
  lock_ = std::move(fd);
  return {};
}

Result<ScannedRecords> Ledger::load() {
  if (auto place = check_ledger_place(path_); !place) return tl::unexpected(place.error());
  if (auto locked = lock(); !locked) return fail(locked.error().message);
  struct stat status = {};
  if (::stat(path_.c_str(), &status) != 0 && errno == ENOENT) return ScannedRecords{};
  auto records = read_ledger(path_);
  put_aside_ = !records ||
               (records->damaged > 0 && records->payloads.empty() && records->newer_frames.empty());
  if (!records) return records;
  newer_frames_ = records->newer_frames;
  if (records->damaged > 0) return records;
  fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  size_ = static_cast<size_t>(status.st_size);
  return records;
}

bool Ledger::needs_replacement() const {
  struct stat status = {};
  return !fd_ || ::fstat(fd_.get(), &status) != 0 || status.st_nlink == 0;
}

Result<void> Ledger::append(std::string_view payload) {
  if (!in_use_.empty()) return fail(in_use_);
  if (needs_replacement()) return fail("ledger " + path_ + ": no file to append to");
  const std::string frame = frame_record(payload);
  auto written = write_all(fd_.get(), frame, path_);
  if (written && sync_(fd_.get()) != 0) written = fail_ledger(errno, path_ + ": sync");
  if (!written) {
    fd_ = UniqueFd();
    return written;
  }
  size_ += frame.size();
  return {};
}

Result<void> Ledger::make_folder() const {
  std::error_code status;
  std::filesystem::create_directories(folder_of(path_), status);
  if (status) return fail_ledger(status.value(), path_);
  return {};
}

Result<void> Ledger::sync_folder() const {
  const std::string folder = folder_of(path_);
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_ledger(errno, "folder " + folder);
  if (::fsync(fd.get()) != 0) return fail_ledger(errno, "folder " + folder + ": sync");
  return {};
}

Result<UniqueFd> Ledger::write_new_file(const std::string& path, std::string_view bytes) const {
  ::unlink(path.c_str());
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) return fail_ledger(errno, path);
  auto written = write_all(fd.get(), bytes, path);
  if (written && sync_(fd.get()) != 0) written = fail_ledger(errno, path + ": sync");
  if (written) return fd;
  ::unlink(path.c_str());
  return fail(written.error().message);
}

Result<void> Ledger::replace(std::span<const std::string> payloads) {
  if (!in_use_.empty()) return fail(in_use_);
  if (!lock_) {
    if (auto locked = lock(); !locked) return locked;
  }
  auto replaced = write_replacement(payloads);
  // Keep no file open, so that the file system can be unmounted and mounted again.
  if (!replaced) lock_ = UniqueFd();
  return replaced;
}

Result<void> Ledger::write_replacement(std::span<const std::string> payloads) {
  std::string bytes;
  size_t newer_bytes = 0;
  for (auto frame = newer_frames_.rbegin(); frame != newer_frames_.rend(); ++frame) {
    newer_bytes += frame->size();
    if (newer_bytes > kMaxNewerBytes) break;
    bytes.insert(0, *frame);
  }
  for (const std::string& payload : payloads) bytes += frame_record(payload);
  fd_ = UniqueFd();
  if (auto place = check_ledger_place(path_); !place) return place;
  if (auto made = make_folder(); !made) return made;
  const std::string fresh = fresh_name(path_);
  auto fd = write_new_file(fresh, bytes);
  if (!fd) return fail(fd.error().message);
  const std::string aside = aside_name(path_);
  if (put_aside_ && ::rename(path_.c_str(), aside.c_str()) != 0 && errno != ENOENT) {
    return fail_ledger(errno, path_ + ": renaming it");
  }
  put_aside_ = false;
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return fail_ledger(errno, path_);
  if (auto synced = sync_folder(); !synced) return synced;
  fd_ = std::move(*fd);
  size_ = bytes.size();
  return {};
}

}  // namespace kernel_exporter
