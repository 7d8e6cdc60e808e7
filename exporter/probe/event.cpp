// SPDX-License-Identifier: Apache-2.0
#include "probe/event.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/unique_fd.h"
#include "probe/load_error.h"

namespace kernel_exporter {
namespace {

// The two places where libbpf looks.
constexpr std::array kTraceDirectories = {"/sys/kernel/debug/tracing", "/sys/kernel/tracing"};
constexpr const char* kKprobes = "/sys/bus/event_source/devices/kprobe/type";
constexpr const char* kParanoid = "/proc/sys/kernel/perf_event_paranoid";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Refusal unsupported(std::string reason) { return {AttachState::kUnsupported, std::move(reason)}; }

// A program that does nothing, loaded for the function and dropped: the kernel's own answer, which
// lockdown and security policies give only then. To find out by a program of ours would take
// another load of everything.
std::optional<Refusal> refuse_by_policy(std::string_view kind, uint32_t function) {
  constexpr std::array kReturnZero = {bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                                      bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = kind == "fentry" ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
  options.attach_btf_id = function;
  const int loaded = bpf_prog_load(BPF_PROG_TYPE_TRACING, nullptr, "GPL", kReturnZero.data(),
                                   kReturnZero.size(), &options);
  const UniqueFd program(loaded);
  if (program || !is_policy(loaded, "")) return std::nullopt;
  return unsupported(std::string(kPolicyRefusal));
}

std::optional<Refusal> refuse_function(const Event& event, const KernelBtf& kernel) {
  if (const auto function = kernel.function_id(event.target)) {
    const bool asks = event.mechanism == "fentry" || event.mechanism == "fexit";
    return asks ? refuse_by_policy(event.mechanism, *function) : std::nullopt;
  }
  if (kernel.module_has_function(event.target)) return std::nullopt;
  return unsupported(
      "kernel BTF has no function " + event.target +
      ": it may be in a module that is not loaded, or that has no BTF (before 5.11)");
}

// Programs that attach to a type of the kernel's.
std::optional<Refusal> refuse_tracing(const Event& event, const KernelBtf* kernel) {
  if (!kernel) {
    return unsupported(event.mechanism + " needs kernel BTF (CONFIG_DEBUG_INFO_BTF)");
  }
  if (event.mechanism != "tp_btf") return refuse_function(event, *kernel);
  if (kernel->tracepoint_id(event.target)) return std::nullopt;
  return unsupported("this kernel has no tracepoint " + event.target);
}

std::optional<Refusal> refuse_tracepoint(const Event& event) {
  std::string path = event.target;
  std::replace(path.begin(), path.end(), ':', '/');
  bool mounted = false;
  for (const std::string directory : kTraceDirectories) {
    if (exists(directory + "/events/" + path)) return std::nullopt;
    mounted = mounted || exists(directory + "/events");
  }
  if (mounted) return unsupported("this kernel has no tracepoint " + event.target);
  return Refusal{AttachState::kFailed,
                 "tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing"};
}

std::optional<uint32_t> kprobe_type() {
  std::ifstream file(kKprobes);
  uint32_t type = 0;
  if (!(file >> type)) return std::nullopt;
  return type;
}

// Debian's kernels have a level 3, at which CAP_PERFMON is not enough.
Refusal forbidden_kprobe(int error) {
  std::string reason = "kprobes are refused: ";
  reason += std::strerror(error);
  std::ifstream file(kParanoid);
  int level = 0;
  if (file >> level && level > 2) {
    reason += " (kernel.perf_event_paranoid is " + std::to_string(level) +
              "; at 2 CAP_PERFMON is enough, and root may always)";
  }
  return unsupported(std::move(reason));
}

// A probe that nobody listens to, set and removed: the kernel's own answer. BTF leaves out
// functions that a kprobe can reach, kallsyms is not always readable, and to find out by a failed
// attach would take another load of everything.
std::optional<Refusal> refuse_kprobe(const std::string& function) {
  const std::optional<uint32_t> type = kprobe_type();
  if (!type) return unsupported("this kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
  const std::string name = function.substr(0, function.find('+'));
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = *type;
  attributes.kprobe_func = reinterpret_cast<uintptr_t>(name.c_str());
  const UniqueFd probe(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (probe) return std::nullopt;
  if (errno == EACCES || errno == EPERM) return forbidden_kprobe(errno);
  if (errno != ENOENT) return std::nullopt;
  return unsupported("this kernel has no function " + name +
                     " now: it may be in a module that is not loaded");
}

}  // namespace

Event event_of_section(std::string_view section) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kLongNames = {
      {{"tp", "tracepoint"}, {"raw_tracepoint", "raw_tp"}, {"raw_tracepoint.w", "raw_tp.w"}}};
  const size_t slash = section.find('/');
  std::string_view mechanism = section.substr(0, slash);
  for (const auto& [from, to] : kLongNames) {
    if (mechanism == from) mechanism = to;
  }
  Event event{std::string(mechanism), ""};
  if (slash != std::string_view::npos) event.target = section.substr(slash + 1);
  if (mechanism == "tracepoint") std::replace(event.target.begin(), event.target.end(), '/', ':');
  return event;
}

std::optional<Refusal> refuse_event(const Event& event, const KernelBtf* kernel) {
  const std::string& mechanism = event.mechanism;
  const std::string kind = mechanism.substr(0, mechanism.find('.'));
  if (mechanism == "tp_btf" || kind == "fentry" || kind == "fexit" || kind == "fmod_ret") {
    return refuse_tracing(event, kernel);
  }
  if (mechanism == "tracepoint") return refuse_tracepoint(event);
  if (mechanism == "kprobe" || mechanism == "kretprobe") return refuse_kprobe(event.target);
  if (kind == "raw_tp" && kernel && !kernel->tracepoint_id(event.target)) {
    return unsupported("this kernel has no tracepoint " + event.target);
  }
  return std::nullopt;
}

}  // namespace kernel_exporter
