// SPDX-License-Identifier: Apache-2.0
#include "privileges/system_calls.h"

#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "privileges/system_call_table.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kInt = 0xffffffff;

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

// Builds the filter; the first rule that libseccomp refuses becomes the error.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (!context_) error_ = "no memory";
  }

  void add(uint32_t action, const char* name, const std::vector<scmp_arg_cmp>& conditions = {}) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (!error_.empty() || number == __NR_SCMP_ERROR) return;
    const int code =
        ::seccomp_rule_add_array(context_.get(), action, number,
                                 static_cast<unsigned int>(conditions.size()), conditions.data());
    if (code != 0) error_ = std::string(name) + ": " + errno_text(code);
  }

  void allow(const AllowedCall& call) {
    if (call.mask == 0) return add(SCMP_ACT_ALLOW, call.name);
    allow(call.name, {masked(call.argument, call.mask, call.value)});
  }

  void allow(const char* name, const std::vector<scmp_arg_cmp>& conditions) {
    add(SCMP_ACT_ALLOW, name, conditions);
  }

  static scmp_arg_cmp masked(unsigned int argument, uint64_t mask, uint64_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
  }

  // In all threads at once. Our branches are no secret from ourselves: without the second attribute
  // kernels before 5.16 would slow every thread down against speculation.
  Result<void> load() {
    if (error_.empty()) {
      set(SCMP_FLTATR_CTL_TSYNC, 1);
      set(SCMP_FLTATR_CTL_SSB, 1);
      set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree: a list would cost every read 60 comparisons
    }
    if (!error_.empty()) return fail("seccomp filter: " + error_);
    const int code = ::seccomp_load(context_.get());
    if (code != 0) return fail_errno(code, "seccomp filter (needs CONFIG_SECCOMP_FILTER)");
    return {};
  }

 private:
  void set(scmp_filter_attr attribute, uint32_t value) {
    const int code = ::seccomp_attr_set(context_.get(), attribute, value);
    if (code != 0 && error_.empty()) error_ = "attribute: " + errno_text(code);
  }

  std::unique_ptr<void, Release> context_;
  std::string error_;
};

}  // namespace

Result<void> limit_system_calls(const PrivilegeNeeds& needs) {
  Filter filter;
  for (const AllowedCall& call : allowed_calls()) filter.allow(call);
  filter.allow("socket",
               {Filter::masked(0, kInt, AF_NETLINK), Filter::masked(2, kInt, NETLINK_ROUTE)});
  filter.allow("tgkill", {Filter::masked(0, kInt, static_cast<uint64_t>(::getpid()))});
  // Asking for a limit of our own, not setting one.
  filter.allow("prlimit64", {Filter::masked(0, kInt, 0), {2, SCMP_CMP_EQ, 0, 0}});
  if (needs.perf_events) {
    filter.add(SCMP_ACT_ALLOW, "perf_event_open");
    for (const uint64_t request :
         {uint64_t{PERF_EVENT_IOC_SET_BPF}, uint64_t{PERF_EVENT_IOC_ENABLE},
          uint64_t{PERF_EVENT_IOC_DISABLE}}) {
      filter.allow("ioctl", {Filter::masked(1, kInt, request)});
    }
  }
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  return filter.load();
}

}  // namespace kernel_exporter
