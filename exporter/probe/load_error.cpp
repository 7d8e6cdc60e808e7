// SPDX-License-Identifier: Apache-2.0
#include "probe/load_error.h"

#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kLogBegin = "-- BEGIN PROG LOAD LOG --\n";
constexpr std::string_view kLogEnd = "-- END PROG LOAD LOG --";

// What the verifier says after its verdict.
constexpr std::array<std::string_view, 5> kStatistics = {
    "processed ", "verification time ", "stack depth ", "peak_states", "max_states"};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end != 0) lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

// An instruction, the state of registers or a line of source: how the verifier got there.
bool is_trace(std::string_view line) {
  static constexpr std::array<std::string_view, 9> kStarts = {
      "; ", " ", "from ", "func#", "last_idx", "regs=", "mark_precise", "R1=", "arg#"};
  for (const std::string_view start : kStarts) {
    if (line.starts_with(start)) return true;
  }
  return line.find_first_not_of("0123456789") == line.find(':') && line.find(':') > 0;
}

bool is_statistics(std::string_view line) {
  for (const std::string_view start : kStatistics) {
    if (line.starts_with(start)) return true;
  }
  return false;
}

uint64_t effective_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data = {};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return data[0].effective | (uint64_t{data[1].effective} << 32);
}

bool has_bpf_capability() {
  return effective_capabilities() & ((uint64_t{1} << CAP_SYS_ADMIN) | (uint64_t{1} << CAP_BPF));
}

// Kernels charge maps to the memory cgroup instead of RLIMIT_MEMLOCK since 5.11; libbpf, too, knows
// them by ktime_get_coarse_ns, which came with the same release.
bool maps_are_locked_memory() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  const int recent =
      libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, nullptr);
  return recent == 0;
}

std::string last_complaint(std::string_view log) {
  std::string_view last;
  for (std::string_view line : lines_of(log)) {
    if (!line.starts_with("libbpf: ")) continue;
    line.remove_prefix(8);
    // These follow every refusal and say less than what came before.
    const bool vague = line.starts_with("failed to load object") || line.ends_with(kLogEnd) ||
                       line.find("failed to load: -") != std::string_view::npos;
    if (!vague) last = line;
  }
  return std::string(last);
}

// As "none integrity [confidentiality]"; "" without lockdown, or without securityfs.
std::string lockdown_modes() {
  std::ifstream file("/sys/kernel/security/lockdown");
  std::string modes;
  std::getline(file, modes);
  return modes;
}

}  // namespace

std::string verifier_verdict(std::string_view log) {
  const size_t begin = log.rfind(kLogBegin);
  if (begin == std::string_view::npos) return {};
  log.remove_prefix(begin + kLogBegin.size());
  log = log.substr(0, log.find(kLogEnd));
  const std::vector<std::string_view> lines = lines_of(log);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (is_statistics(*line)) continue;
    // Newer verifiers say in two lines what was wrong and with which register.
    const auto before = std::next(line);
    if (is_trace(*line) || before == lines.rend() || is_trace(*before)) return std::string(*line);
    return std::string(*before) + "; " + std::string(*line);
  }
  return {};
}

// The kernel then has no such helper, which is all that the verifier says.
std::string lockdown_refusal(std::string_view verdict, std::string_view lockdown) {
  const bool reads = verdict.find("helper bpf_probe_read") != std::string_view::npos ||
                     verdict.find("unknown func bpf_probe_read") != std::string_view::npos;
  if (!reads || lockdown.find("[confidentiality]") == std::string_view::npos) return {};
  return "not permitted: kernel lockdown is in confidentiality mode, in which programs may not "
         "read "
         "kernel memory";
}

bool is_policy(int error_number, std::string_view log) {
  if (!lockdown_refusal(verifier_verdict(log), lockdown_modes()).empty()) return true;
  constexpr uint64_t kBoth = (uint64_t{1} << CAP_BPF) | (uint64_t{1} << CAP_PERFMON);
  const uint64_t effective = effective_capabilities();
  const bool privileged =
      (effective & kBoth) == kBoth || (effective & (uint64_t{1} << CAP_SYS_ADMIN));
  return std::abs(error_number) == EPERM && privileged && verifier_verdict(log).empty() &&
         !maps_are_locked_memory();
}

std::string explain_policy(std::string_view log) {
  const std::string lockdown = lockdown_refusal(verifier_verdict(log), lockdown_modes());
  return lockdown.empty() ? std::string(kPolicyRefusal) : lockdown;
}

std::string explain_refusal(int error_number, std::string_view log) {
  const int number = std::abs(error_number);
  const std::string verdict = verifier_verdict(log);
  if (number == EPERM && !has_bpf_capability()) {
    return "not permitted: needs CAP_BPF and CAP_PERFMON, or root";
  }
  if ((number == EPERM || number == ENOMEM) && verdict.empty() && maps_are_locked_memory()) {
    return "RLIMIT_MEMLOCK is too small for the maps on this kernel: raise it (ulimit -l "
           "unlimited, or LimitMEMLOCK=infinity in the service)";
  }
  if (!verdict.empty()) return "rejected by the verifier: " + verdict;
  if (number == EPERM) return "not permitted: needs CAP_BPF and CAP_PERFMON, or root";
  const std::string complaint = last_complaint(log);
  // libbpf cannot name this number.
  if (number == kKernelNotSupported) return errno_text(number);
  return complaint.empty() ? errno_text(number) : complaint;
}

}  // namespace kernel_exporter
