// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "child_process.h"
#include "exporter_process.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kCount[] = "kernel_runqueue_latency_seconds_count";

// What every thread of a process shows in its status for one field.
std::set<std::string> over_threads(pid_t pid, const std::string& field) {
  std::set<std::string> values;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    for (const std::string& line : lines(read_text(task.path() / "status"))) {
      if (line.starts_with(field + ":")) values.insert(words(line).at(1));
    }
  }
  return values;
}

// Whether this kernel refuses a lookup to a process without any capability, by trying. 5.10 does so
// before it looks for the map, so that none is needed.
bool lookups_are_refused() {
  ChildProcess bare([] {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    bpf_attr attributes = {};
    attributes.map_fd = static_cast<uint32_t>(-1);
    if (::syscall(SYS_capset, &header, none) != 0) ::_exit(2);
    ::syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof attributes);
    ::_exit(errno == EPERM ? 1 : 0);
  });
  const int answer = bare.wait();
  if (answer != 0 && answer != 1) give_up_plainly("cannot give up capabilities");
  return answer == 1;
}

// The mask of CAP_BPF as procfs prints it, or none.
std::set<std::string> expected_capabilities() {
  return {lookups_are_refused() ? "0000008000000000" : "0000000000000000"};
}

// A process that waits for the CPU at least once.
void be_scheduled() { run_program({"/bin/true"}); }

TEST(Privileges, AreGivenUpInEveryThreadAndScrapesGoOn) {
  // Many threads, so that one which keeps a privilege is not missed.
  ExporterProcess exporter({default_rules("runqueue"), default_rules("softirq")},
                           {"--web.threads", "8"});
  const double before = exporter.scrape().sum(kCount);
  be_scheduled();
  const Samples after =
      exporter.scrape_until([&](const Samples& samples) { return samples.sum(kCount) > before; });
  VERIFY_GT(after.sum(kCount), before);
  VERIFY_GT(over_threads(exporter.pid(), "Pid").size(), 8U);
  for (const char* field : {"CapEff", "CapPrm", "CapBnd"}) {
    VERIFY_EQ(over_threads(exporter.pid(), field), expected_capabilities()) << field;
  }
  VERIFY_EQ(over_threads(exporter.pid(), "CapInh"), std::set<std::string>{"0000000000000000"});
  VERIFY_EQ(over_threads(exporter.pid(), "CapAmb"), std::set<std::string>{"0000000000000000"});
  VERIFY_EQ(over_threads(exporter.pid(), "NoNewPrivs"), std::set<std::string>{"1"});
  VERIFY_EQ(over_threads(exporter.pid(), "Seccomp"), std::set<std::string>{"2"});
  VERIFY_EQ(exporter.stop(), 0);
}

TEST(Privileges, AreKeptForDebuggingWhenAsked) {
  ExporterProcess exporter({default_rules("runqueue")}, {"--privileges.keep-all"});
  const std::set<std::string> own = over_threads(::getpid(), "CapEff");
  VERIFY_EQ(over_threads(exporter.pid(), "CapEff"), own);
  VERIFY_NE(own, expected_capabilities());
  VERIFY_EQ(over_threads(exporter.pid(), "NoNewPrivs"), std::set<std::string>{"0"});
  VERIFY_EQ(over_threads(exporter.pid(), "Seccomp"), std::set<std::string>{"0"});
  VERIFY_EQ(exporter.stop(), 0);
}

}  // namespace
}  // namespace kernel_exporter
