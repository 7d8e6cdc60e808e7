// SPDX-License-Identifier: Apache-2.0
#include "host/process.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "host/directory.h"
#include "host/text_file.h"

namespace kernel_exporter {
namespace {

// The line that begins with the label, without it; nullopt: none does.
std::optional<std::string_view> line_of(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (text.starts_with(label)) return text.substr(label.size(), end - label.size());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

Result<double> boot_time(const HostPaths& paths) {
  const std::string path = paths.procfs + "/stat";
  const Result<std::string> text = read_text_file(path);
  if (!text) return tl::unexpected(text.error());
  const auto seconds = words_of(line_of(*text, "btime ").value_or(""));
  const auto value = seconds.empty() ? std::nullopt : number(seconds[0]);
  if (!value) return fail(path + ": no boot time (btime)");
  return static_cast<double>(*value);
}

constexpr size_t kStartTime = 22;  // field of proc(5)

// The numbers in procfs/PID/stat, by proc(5)'s number of the field. They are counted behind the
// command's name, which may hold blanks and parentheses.
class StatLine {
 public:
  explicit StatLine(const std::string& text) {
    const size_t after_name = text.rfind(')');
    if (after_name != std::string::npos)
      fields_ = words_of(std::string_view(text).substr(after_name + 1));
  }
  std::optional<uint64_t> field(size_t n) const {
    return n - 3 < fields_.size() ? number(fields_[n - 3]) : std::nullopt;
  }

 private:
  std::vector<std::string_view> fields_;
};

// The number of open files as the kernel counts it: procfs gives the size of the directory fd as
// the number of open files from 6.2 on (f1f1f2569901, "proc: report open files as size in stat()
// for /proc/pid/fd"), 0 before. Listing them costs 15 us for 80.
std::optional<uint64_t> counted_descriptors(const std::string& path) {
  struct statfs file_system;
  struct stat status;
  if (::statfs(path.c_str(), &file_system) != 0 || file_system.f_type != PROC_SUPER_MAGIC) {
    return std::nullopt;
  }
  if (::stat(path.c_str(), &status) != 0 || status.st_size <= 0) return std::nullopt;
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace

std::optional<uint64_t> process_start(const HostPaths& paths, pid_t pid) {
  const auto text = read_text_file(paths.procfs + "/" + std::to_string(pid) + "/stat");
  return text ? StatLine(*text).field(kStartTime) : std::nullopt;
}

bool sees_kernel_process_ids(const HostPaths& paths) {
  constexpr std::string_view kInitial = "pid:[4026531836]";
  std::array<char, 32> name{};
  const std::string path = paths.procfs + "/self/ns/pid";
  const ssize_t size = ::readlink(path.c_str(), name.data(), name.size());
  return size > 0 && std::string_view(name.data(), static_cast<size_t>(size)) == kInitial;
}

Result<ProcessStats> OwnProcess::read() {
  ProcessStats stats;
  Result<void> done = read_stat(stats);
  if (done) done = count_descriptors(stats);
  if (!done) return fail(done.error(), "statistics of this process");
  return stats;
}

Result<void> OwnProcess::read_stat(ProcessStats& stats) {
  const std::string path = paths_.procfs + "/self/stat";
  const Result<std::string> text = read_text_file(path);
  if (!text) return tl::unexpected(text.error());
  const StatLine line(*text);
  const auto user = line.field(14), system = line.field(15), start = line.field(kStartTime),
             resident_pages = line.field(24);
  if (!user || !system || !start || !resident_pages) {
    return fail(path + ": unexpected format, see proc(5)");
  }
  if (!boot_time_) {
    const Result<double> booted = boot_time(paths_);
    if (!booted) return tl::unexpected(booted.error());
    boot_time_ = *booted;
  }
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = static_cast<double>(*user + *system) / ticks;
  stats.start_time_seconds = *boot_time_ + static_cast<double>(*start) / ticks;
  stats.resident_bytes = *resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return {};
}

Result<void> OwnProcess::count_descriptors(ProcessStats& stats) const {
  const std::string path = paths_.procfs + "/self/fd";
  if (const auto counted = counted_descriptors(path)) {
    stats.open_fds = *counted;
    return {};
  }
  const Directory directory(::opendir(path.c_str()));
  if (!directory) return fail_errno(errno, path);
  const std::string own = std::to_string(::dirfd(directory.get()));
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.' && entry->d_name != own) ++stats.open_fds;
  }
  return {};
}

}  // namespace kernel_exporter
