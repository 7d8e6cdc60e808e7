// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/starvation.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/log.h"
#include "host/cgroup_mount.h"

namespace kernel_exporter {
namespace {

constexpr int64_t kMicrosecondNs = 1000;
constexpr size_t kFileBytes = 512;

// The whole of an open file of kernfs, "" when it cannot be read any more.
std::string content_of(int file) {
  std::array<char, kFileBytes> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : "";
}

Result<UniqueFd> open_pressure(const HostPaths& paths, const std::string& cgroup) {
  const Result<UniqueFd> root = open_cgroup_root(paths);
  if (!root) return tl::unexpected(root.error());
  const std::string path = "." + cgroup + "/cpu.pressure";
  UniqueFd file(::openat(root->get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "cpu.pressure of cgroup " + cgroup);
  if (cpu_waited_ns(content_of(file.get())) < 0) {
    return fail("cpu.pressure of cgroup " + cgroup +
                ": pressure stall information is disabled (boot with psi=1)");
  }
  return file;
}

}  // namespace

int64_t cpu_waited_ns(std::string_view pressure) {
  constexpr std::string_view kTotal = "total=";
  const size_t full = pressure.find("full ");
  const size_t total = pressure.find(kTotal, full == std::string_view::npos ? 0 : full);
  if (total == std::string_view::npos) return -1;
  const std::string_view number = pressure.substr(total + kTotal.size());
  int64_t microseconds = -1;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), microseconds);
  return error == std::errc() ? microseconds * kMicrosecondNs : -1;
}

OtaStarvation::OtaStarvation(HostPaths paths, int64_t limit_ns)
    : paths_(std::move(paths)), limit_ns_(limit_ns) {}

void OtaStarvation::watch(uint64_t transaction, const std::string& cgroup) {
  if (limit_ns_ <= 0) return;
  Result<UniqueFd> file = open_pressure(paths_, cgroup);
  if (file) {
    watched_[transaction] = {std::move(*file), {}, false};
  } else {
    spdlog::warn("updates: CPU starvation is not detected: {}", file.error().message);
  }
}

std::vector<std::pair<uint64_t, OtaEvidence>> OtaStarvation::look(int64_t boottime_ns) {
  std::vector<std::pair<uint64_t, OtaEvidence>> found;
  for (auto& [transaction, watched] : watched_) {
    const int64_t waited_ns = cpu_waited_ns(content_of(watched.pressure.get()));
    if (waited_ns < 0) continue;
    const bool before = watched.starved;
    watched.starved = is_starved(watched, {boottime_ns, waited_ns});
    if (before == watched.starved) continue;
    OtaEvidence evidence;
    evidence.cause = OtaCause::kStarved;
    evidence.at_ns = boottime_ns;
    if (before) {
      evidence.ended_ns = boottime_ns;
      found.emplace_back(transaction, std::move(evidence));
      continue;
    }
    evidence.began_ns = watched.past.front().at_ns;
    evidence.status = fmt::format("no CPU for {:.1f} of the last {:.1f} s",
                                  double(waited_ns - watched.past.front().waited_ns) / 1e9,
                                  double(boottime_ns - watched.past.front().at_ns) / 1e9);
    found.emplace_back(transaction, std::move(evidence));
  }
  return found;
}

bool OtaStarvation::is_starved(Watched& watched, Waited now) const {
  watched.past.push_back(now);
  while (now.at_ns - watched.past.front().at_ns > 2 * limit_ns_) watched.past.pop_front();
  return now.waited_ns - watched.past.front().waited_ns > limit_ns_;
}

}  // namespace kernel_exporter
