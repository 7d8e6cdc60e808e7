// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "child_process.h"
#include "exporter_process.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

// A line of `kernel_exporter probes`.
struct Program {
  std::string role;
  std::string variant;
  std::string mechanism;
};

// Those of updates have tests of their own.
std::vector<std::string> rules() {
  return {full_rules("softirq"), full_rules("runqueue"), full_rules("netdrop"),
          full_rules("blockio")};
}

// The programs that are attached; `options` go to the command.
std::vector<Program> attached_programs(const std::vector<std::string>& options = {}) {
  std::vector<std::string> command = {KERNEL_EXPORTER_BINARY, "probes"};
  for (const std::string& file : rules()) command.insert(command.end(), {"--rules", file});
  command.insert(command.end(), options.begin(), options.end());
  std::vector<Program> attached;
  for (const std::string& line : lines(run_program(command))) {
    const std::vector<std::string> fields = words(line);
    if (fields.size() < 5 || fields[4] != "attached") continue;
    const size_t variant = fields[1].find("__");
    attached.push_back({fields[1].substr(0, variant),
                        variant == std::string::npos ? "" : fields[1].substr(variant + 2),
                        fields[2]});
  }
  return attached;
}

std::multiset<std::string> roles_of(const std::vector<Program>& programs) {
  std::multiset<std::string> roles;
  for (const Program& program : programs) roles.insert(program.role);
  return roles;
}

std::string variant_of(const std::vector<Program>& programs, const std::string& role) {
  const auto found = std::find_if(programs.begin(), programs.end(),
                                  [&](const Program& program) { return program.role == role; });
  return found == programs.end() ? "(none)" : found->variant;
}

const std::multiset<std::string> kRoles = {
    "blockio_bio_complete", "blockio_bio_queue", "blockio_bio_remap", "blockio_rq_complete",
    "netdrop_kfree_skb",    "runqueue_migrate",  "runqueue_switch",   "softirq_entry",
    "softirq_exit",         "softirq_raise"};

// The fields of an event as tracefs describes them, which is not where the exporter looks.
bool event_has(const std::string& event, const std::string& field) {
  const std::string format = read_text("/sys/kernel/tracing/events/" + event + "/format");
  return format.find(" " + field + ";") != std::string::npos;
}

std::string expected_netdrop_variant() {
  if (event_has("skb/kfree_skb", "rx_sk")) return "rx_sk";
  return event_has("skb/kfree_skb", "reason") ? "reason" : "plain";
}

// By role, of what is loaded now.
std::map<std::string, bpf_prog_info> loaded_programs() {
  std::map<std::string, bpf_prog_info> programs;
  for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    const int fd = bpf_prog_get_fd_by_id(id);
    bpf_prog_info info = {};
    uint32_t size = sizeof info;
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) programs[info.name] = info;
    if (fd >= 0) ::close(fd);
  }
  return programs;
}

TEST(Probes, AttachEveryRoleOnceByTheTracepointsBtf) {
  const std::vector<Program> attached = attached_programs();
  VERIFY_EQ(roles_of(attached), kRoles);
  VERIFY_TRUE(std::all_of(attached.begin(), attached.end(),
                          [](const Program& program) { return program.mechanism == "tp_btf"; }));
}

TEST(Probes, ChooseTheVariantThatFitsTheKernelsTracepoints) {
  const std::vector<Program> attached = attached_programs();
  VERIFY_EQ(variant_of(attached, "netdrop_kfree_skb"), expected_netdrop_variant());
  VERIFY_EQ(variant_of(attached, "runqueue_switch"), "sched_info");
  VERIFY_EQ(variant_of(attached, "softirq_raise"), "");
}

TEST(Probes, AttachTheFallbackWhereTheKernelLacksAField) {
  const std::vector<Program> attached =
      attached_programs({"--bpf.assume-missing", "field sched_info.last_queued"});
  std::multiset<std::string> roles = kRoles;
  roles.insert({"runqueue_wakeup", "runqueue_wakeup_new"});
  VERIFY_EQ(roles_of(attached), roles);
  VERIFY_EQ(variant_of(attached, "runqueue_switch"), "wakeup");
}

TEST(Probes, AreExportedAsAttached) {
  ExporterProcess exporter(rules());
  const Samples samples = exporter.scrape();
  constexpr char kAttached[] = "kernel_exporter_probe_attached";
  VERIFY_EQ(samples.count(kAttached), 4U);
  for (const char* probe : {"softirq", "runqueue", "netdrop", "blockio"}) {
    VERIFY_EQ(samples.sum(kAttached, {{"probe", probe}, {"program", ""}, {"mechanism", "tp_btf"}}),
              1);
  }
  VERIFY_EQ(exporter.stop(), 0);
}

// How long a start takes depends on how many instructions the verifier checks. Before 5.16 the
// kernel does not say how many these are, and the number is 0.
TEST(Probes, AreVerifiedInFewSteps) {
  const ExporterProcess exporter(rules());
  constexpr uint32_t kMost = 50'000;
  size_t ours = 0;
  std::string slow;
  for (const auto& [name, info] : loaded_programs()) {
    const auto role = std::find_if(kRoles.begin(), kRoles.end(), [&](const std::string& each) {
      return each.compare(0, sizeof info.name - 1, name) == 0;
    });
    if (role == kRoles.end()) continue;
    ++ours;
    if (info.verified_insns > kMost)
      slow += *role + ": " + std::to_string(info.verified_insns) + "; ";
  }
  VERIFY_EQ(ours, kRoles.size());
  VERIFY_EQ(slow, "");
}

}  // namespace
}  // namespace kernel_exporter
