// SPDX-License-Identifier: Apache-2.0
#include "privileges/capabilities.h"

#include <linux/bpf.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

struct Kept {
  cap_value_t capability;
  const char* reason;
};

struct CapFree {
  void operator()(void* data) const { ::cap_free(data); }
};
using CapSet = std::unique_ptr<std::remove_pointer_t<cap_t>, CapFree>;

std::string name_of(cap_value_t capability) {
  const std::unique_ptr<char, CapFree> name(::cap_to_name(capability));
  std::string text = name ? name.get() : "capability " + std::to_string(capability);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool permitted(cap_t set, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return ::cap_get_flag(set, capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

// A lookup on no map: EPERM comes before the kernel looks for the map.
bool lookup_is_refused() {
  bpf_attr attributes = {};
  attributes.map_fd = static_cast<uint32_t>(-1);
  return ::syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof attributes) != 0 &&
         errno == EPERM;
}

// Until c8644cd0efe7 ("bpf: refine kernel.unprivileged_bpf_disabled behaviour", 5.19) every bpf()
// call failed without CAP_BPF, unless the sysctl was 0. It can change while the exporter runs, so 0
// now does not prove that it will stay 0.
bool lookups_need_privilege(cap_t current, const HostPaths& paths) {
  const auto setting = read_text_file(paths.procfs + "/sys/kernel/unprivileged_bpf_disabled", 16);
  if (!setting || setting->starts_with('0')) return true;
  const CapSet none(::cap_dup(current));
  if (!none || ::cap_clear_flag(none.get(), CAP_EFFECTIVE) != 0) return true;
  if (::cap_set_proc(none.get()) != 0) return true;
  const bool refused = lookup_is_refused();
  (void)::cap_set_proc(current);  // what was effective is permitted still
  return refused;
}

// Debian's and Android's kernels know a level 3, at which CAP_PERFMON is not enough.
bool perf_events_need_admin(const HostPaths& paths) {
  const auto level = read_text_file(paths.procfs + "/sys/kernel/perf_event_paranoid", 16);
  return level && level->starts_with('3');
}

std::vector<Kept> wanted(const PrivilegeNeeds& needs, cap_t current, const HostPaths& paths) {
  std::vector<Kept> kept;
  if (lookups_need_privilege(current, paths)) {
    // Container runtimes that do not know CAP_BPF yet give CAP_SYS_ADMIN, which contains it.
    const bool split = permitted(current, CAP_BPF);
    kept.push_back({split ? CAP_BPF : CAP_SYS_ADMIN, "map lookups on this kernel"});
  }
  if (needs.kernel_symbols) kept.push_back({CAP_SYSLOG, "addresses of kernel symbols"});
  if (needs.perf_events) {
    kept.push_back({perf_events_need_admin(paths) ? CAP_SYS_ADMIN : CAP_PERFMON,
                    "attaching programs while an update runs"});
  }
  if (needs.low_port) kept.push_back({CAP_NET_BIND_SERVICE, "listening below port 1024"});
  std::erase_if(kept, [&](const Kept& entry) { return !permitted(current, entry.capability); });
  return kept;
}

// Dropping from the bounding set takes CAP_SETPCAP, so it goes first; without that capability the
// set stays, which no_new_privs makes meaningless.
void limit_bounding_set(const std::vector<Kept>& kept) {
  for (cap_value_t capability = 0; capability < ::cap_max_bits(); ++capability) {
    bool stays = false;
    for (const Kept& entry : kept) stays = stays || entry.capability == capability;
    if (!stays) (void)::cap_drop_bound(capability);
  }
}

// Clearing the inheritable set clears the ambient one too.
Result<void> limit_own_sets(const std::vector<Kept>& kept) {
  const CapSet limited(::cap_init());
  bool done = limited != nullptr;
  for (const Kept& entry : kept) {
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      done = done && ::cap_set_flag(limited.get(), flag, 1, &entry.capability, CAP_SET) == 0;
    }
  }
  if (!done || ::cap_set_proc(limited.get()) != 0) return fail_errno(errno, "capset");
  return {};
}

}  // namespace

Result<std::string> limit_capabilities(const PrivilegeNeeds& needs, const HostPaths& paths) {
  const CapSet current(::cap_get_proc());
  if (!current) return fail_errno(errno, "capget");
  const std::vector<Kept> kept = wanted(needs, current.get(), paths);
  limit_bounding_set(kept);
  if (const auto limited = limit_own_sets(kept); !limited) return fail(limited.error().message);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "no_new_privs");
  std::string names;
  for (const Kept& entry : kept) {
    names += (names.empty() ? "" : ", ") + name_of(entry.capability) + " (" + entry.reason + ")";
  }
  return names.empty() ? "none" : names;
}

}  // namespace kernel_exporter
