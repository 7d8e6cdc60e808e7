// SPDX-License-Identifier: Apache-2.0
#include "ota/watch/kernel_events.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bpf/otafail.h"
#include "bpf/reboot.h"
#include "host/block_device.h"

namespace kernel_exporter {
namespace {

constexpr std::array<const char*, 5> kCommands = {"restart", "halt", "power_off", "kexec",
                                                  "suspend"};
constexpr int kMinorBits = 20;

// Events of the kernel side may be longer than what this knows of them, never shorter.
template <typename Event>
bool read_event(std::span<const std::byte> bytes, Event& event) {
  if (bytes.size() < sizeof event) return false;
  std::memcpy(&event, bytes.data(), sizeof event);
  return true;
}

template <size_t kSize>
std::string name_of_process(const char (&comm)[kSize], uint32_t pid) {
  return fmt::format("{} ({})", std::string(comm, strnlen(comm, kSize)), pid);
}

std::string signal_name(uint32_t number) {
  const char* name = sigabbrev_np(static_cast<int>(number));
  return name ? std::string("SIG") + name : fmt::format("signal {}", number);
}

OtaCause cause_of(uint32_t kind) {
  switch (kind) {
    case OTAFAIL_OOM_KILLED:
      return OtaCause::kOomKilled;
    case OTAFAIL_SIGNAL_KILLED:
      return OtaCause::kSignalKilled;
    case OTAFAIL_NO_SPACE:
      return OtaCause::kNoSpace;
    default:
      return OtaCause::kNone;
  }
}

std::string words_for(const otafail_event& event) {
  const std::string process = name_of_process(event.comm, event.pid);
  if (event.kind == OTAFAIL_NO_SPACE) return "ENOSPC to " + process;
  if (event.kind == OTAFAIL_OOM_KILLED) return "OOM-killed " + process;
  std::string words =
      signal_name(event.signal) + (event.caught ? " reached " : " ended ") + process;
  if (event.sender == 0 || event.sender == event.pid) return words;
  return words + ", sent by " + name_of_process(event.sender_comm, event.sender);
}

}  // namespace

OtaKernelEvents::OtaKernelEvents(std::shared_ptr<const Generation> generation, OtaTracker& tracker,
                                 HostPaths paths)
    : generation_(std::move(generation)), tracker_(tracker), paths_(std::move(paths)) {}

Result<std::unique_ptr<OtaKernelEvents>> OtaKernelEvents::create(
    std::shared_ptr<const Generation> generation, OtaTracker& tracker, HostPaths paths) {
  std::unique_ptr<OtaKernelEvents> events(
      new OtaKernelEvents(std::move(generation), tracker, std::move(paths)));
  Result<void> opened = events->open();
  if (!opened) return tl::unexpected(opened.error());
  return events;
}

Result<void> OtaKernelEvents::open() {
  const std::array<std::pair<const char*, RingReader::Handler>, 2> rings = {{
      {"otafail_events", [this](auto event) { process_failed(event); }},
      {"reboot_events", [this](auto event) { reboot_asked(event); }},
  }};
  const Lock lock(mutex_);
  for (const auto& [map, handler] : rings) {
    const int fd = generation_->map_fd(map);
    if (fd < 0) continue;
    Result<void> added = rings_.add(fd, handler);
    if (!added) return fail(added.error(), map);
  }
  const int ready = rings_.fd();
  if (ready < 0) return {};
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  if (!stop_) return fail_errno(errno, "an eventfd");
  thread_ = std::thread([this, ready] { run(ready); });
  return {};
}

OtaKernelEvents::~OtaKernelEvents() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void OtaKernelEvents::run(int rings) {
  std::array<pollfd, 2> waits = {{{rings, POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (::poll(waits.data(), waits.size(), -1) >= 0 || errno == EINTR) {
    if (waits[1].revents != 0) return;
    drain();
  }
}

void OtaKernelEvents::drain() {
  const Lock lock(mutex_);
  rings_.drain();
}

void OtaKernelEvents::process_failed(std::span<const std::byte> bytes) {
  otafail_event event = {};
  if (!read_event(bytes, event)) return;
  if (event.kind == OTAFAIL_SUCCESS) return tracker_.over(OtaCause::kNoSpace, event.transaction);
  OtaEvidence evidence;
  evidence.cause = cause_of(event.kind);
  evidence.status = words_for(event);
  evidence.sent =
      event.kind == OTAFAIL_SIGNAL_KILLED && event.sender != 0 && event.sender != event.pid;
  evidence.at_ns = static_cast<int64_t>(event.at_ns);
  if (event.device != 0) {
    const uint32_t minor = event.device & ((1U << kMinorBits) - 1);
    evidence.device = block_device_name(paths_, event.device >> kMinorBits, minor).value_or("");
  }
  tracker_.evidence(evidence, event.transaction);
}

// Suspending is no end, and what only ends a container does not end the machine.
void OtaKernelEvents::reboot_asked(std::span<const std::byte> bytes) {
  reboot_event event = {};
  if (!read_event(bytes, event) || event.machine == 0 || event.command >= REBOOT_SUSPEND) return;
  tracker_.reboot_asked(
      fmt::format("{} by {}", kCommands[event.command], name_of_process(event.comm, event.pid)));
}

}  // namespace kernel_exporter
