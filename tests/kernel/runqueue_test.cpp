// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <unistd.h>

#include <cstdio>

#include "busy_processes.h"
#include "cgroup_directory.h"
#include "exporter_process.h"
#include "schedstat.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

using std::chrono::milliseconds;

constexpr char kSum[] = "kernel_runqueue_latency_seconds_sum";
constexpr char kCount[] = "kernel_runqueue_latency_seconds_count";
constexpr char kMigrations[] = "kernel_runqueue_queued_migrations_total";
constexpr char kCgroupSum[] = "kernel_runqueue_cgroup_latency_seconds_sum";
constexpr char kCgroupCount[] = "kernel_runqueue_cgroup_latency_seconds_count";

// The bar of the project, for tasks that are not migrated while they wait.
constexpr double kTolerance = 0.02;

// Both ways to the same numbers: the kernel's enqueue times, and wakeups where there are none.
struct Mechanism {
  const char* name;
  std::vector<std::string> options;
  // Seconds by which a single wait may differ: the wakeup variant reads a clock of its own, some
  // time after the scheduler read its one. An emulated machine needs a good part of a millisecond
  // for that; long waits must be equal all the same.
  double clock_difference;
};
void PrintTo(const Mechanism& mechanism, std::ostream* stream) { *stream << mechanism.name; }

class Runqueue : public testing::TestWithParam<Mechanism> {};

std::string unique_name(const std::string& name) {
  return "/kernel_tests." + std::to_string(::getpid()) + "." + name;
}

double growth(const Samples& before, const Samples& after, const std::string& name,
              const Samples::Labels& labels = {}) {
  return after.sum(name, labels) - before.sum(name, labels);
}

void report(const char* what, double exported, double truth, double migrations) {
  std::printf("  %s: exported %.3f s, schedstat %.3f s, error %+.2f %%, queued migrations %.0f\n",
              what, exported, truth, 100 * (exported / truth - 1), migrations);
}

// So many that what the rest of the machine waits, and loses with tasks that end, is little.
constexpr int kManyProcesses = 100;

// The rest of the machine goes on waiting while we read, so the truth is read on both sides of a
// scrape: the exported sum lies between what was added in between and what was added around.
TEST_P(Runqueue, SumsUpWhatSchedstatSumsUpOnTheHost) {
  const ExporterProcess exporter({default_rules("runqueue")}, GetParam().options);
  BusyProcesses busy(kManyProcesses, last_cpu());
  const double own_before = busy.run_delay();
  const RunDelays outer_before = all_run_delays();
  const Samples before = exporter.scrape();
  const RunDelays inner_before = all_run_delays();
  busy.start(milliseconds(2000));
  busy.wait_until_done();
  const RunDelays inner_after = all_run_delays();
  const Samples after = exporter.scrape();
  const double outer = increase(outer_before, all_run_delays());
  const double inner = increase(inner_before, inner_after);
  const double own = busy.run_delay() - own_before;
  const double exported = growth(before, after, kSum);
  report("host, pinned", exported, (inner + outer) / 2, growth(before, after, kMigrations));
  VERIFY_GE(exported, inner * (1 - kTolerance));
  VERIFY_LE(exported, outer * (1 + kTolerance));
  VERIFY_GE(growth(before, after, kCount), kManyProcesses);
  // The comparison can fail: without our processes' wait it does.
  VERIFY_GT(exported, (outer - own) * (1 + kTolerance));
}

struct Expected {
  double exported;
  double truth;
  double waits;
  double mean() const { return exported / waits; }
};

// What a cgroup waited between two scrapes, and what its processes did, which are all that were in
// it.
Expected waited(const Samples& before, const Samples& after, const CgroupDirectory& cgroup,
                const BusyProcesses& processes, double run_delay_before) {
  const Samples::Labels labels = {{"cgroup", cgroup.path()}};
  return {growth(before, after, kCgroupSum, labels), processes.run_delay() - run_delay_before,
          growth(before, after, kCgroupCount, labels)};
}

void verify_equal(const char* what, const Expected& expected, double clock_difference) {
  report(what, expected.exported, expected.truth, 0);
  VERIFY_NEAR(expected.exported, expected.truth,
              kTolerance * expected.truth + clock_difference * expected.waits);
}

// One cgroup has 32 processes for one CPU, the other one that the scheduler prefers to any of them.
TEST_P(Runqueue, ChargesACgroupWithWhatItsOwnTasksWaited) {
  const CgroupDirectory starved(unique_name("starved"));
  const CgroupDirectory served(unique_name("served"));
  const ExporterProcess exporter({full_rules("runqueue")}, GetParam().options);
  BusyProcesses crowd(32, last_cpu(), starved.processes_file());
  BusyProcesses single(1, last_cpu(), served.processes_file(), Pace::kShortTurns);
  exporter.scrape();  // selects the cgroups
  const double crowd_before = crowd.run_delay();
  const double single_before = single.run_delay();
  const Samples before = exporter.scrape();
  for (BusyProcesses* busy : {&crowd, &single}) busy->start(milliseconds(1500));
  for (BusyProcesses* busy : {&crowd, &single}) busy->wait_until_done();
  const Samples after = exporter.scrape();
  const Expected starving = waited(before, after, starved, crowd, crowd_before);
  const Expected preferred = waited(before, after, served, single, single_before);
  verify_equal("starved cgroup", starving, 0);
  verify_equal("served cgroup", preferred, GetParam().clock_difference);
  VERIFY_GE(preferred.waits, 50);
  VERIFY_GT(starving.mean(), 10 * preferred.mean());
}

// The full profile selects two levels.
TEST_P(Runqueue, LeavesOutCgroupsThatNoRuleSelects) {
  const CgroupDirectory upper(unique_name("upper"));
  const CgroupDirectory selected(upper.path() + "/selected");
  const CgroupDirectory deep(selected.path() + "/deep");
  const ExporterProcess exporter({full_rules("runqueue")}, GetParam().options);
  BusyProcesses busy(4, last_cpu(), deep.processes_file());
  const double busy_before = busy.run_delay();
  exporter.scrape();
  const Samples before = exporter.scrape();
  busy.start(milliseconds(300));
  busy.wait_until_done();
  const Samples after = exporter.scrape();
  VERIFY_GT(busy.run_delay() - busy_before, 0.3);
  VERIFY_EQ(after.count(kCgroupCount, {{"cgroup", upper.path()}}), 1u);
  VERIFY_EQ(after.count(kCgroupCount, {{"cgroup", selected.path()}}), 1u);
  VERIFY_EQ(after.count(kCgroupCount, {{"cgroup", deep.path()}}), 0u);
  VERIFY_EQ(growth(before, after, kCgroupCount, {{"cgroup", upper.path()}}), 0);
  VERIFY_EQ(growth(before, after, kCgroupCount, {{"cgroup", selected.path()}}), 0);
}

// It was there when cgroups were selected, and is not when they are counted.
TEST_P(Runqueue, NamesACgroupThatIsGone) {
  const std::string path = unique_name("brief");
  const ExporterProcess exporter({full_rules("runqueue")}, GetParam().options);
  {
    const CgroupDirectory brief(path);
    exporter.scrape();  // selects it
    BusyProcesses busy(4, last_cpu(), brief.processes_file());
    busy.start(milliseconds(100));
    busy.wait_until_done();
  }
  const Samples after = exporter.scrape();
  VERIFY_GT(after.sum(kCgroupCount, {{"cgroup", path}}), 0);
  VERIFY_EQ(after.count(kCgroupCount, {{"cgroup", "unknown"}}), 0u);
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, Runqueue,
                         testing::Values(Mechanism{"EnqueueTime", {}, 0},
                                         Mechanism{"Wakeup",
                                                   {"--bpf.assume-missing",
                                                    "field sched_info.last_queued"},
                                                   500e-6}),
                         [](const auto& mechanism) { return std::string(mechanism.param.name); });

void move_to(pid_t process, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  checked(::sched_setaffinity(process, sizeof cpus, &cpus), "affinity");
}

// Queued on one CPU, sent to the other, over and over. Many moves hit a task that runs, or that
// already is on the way.
constexpr int kMoves = 400;

TEST(Runqueue, CountsMigrationsOfQueuedTasks) {
  REQUIRE_TRUE(first_cpu() != last_cpu());
  const ExporterProcess exporter({default_rules("runqueue")});
  BusyProcesses busy(8, last_cpu());
  busy.start(milliseconds(3000));
  const Samples before = exporter.scrape();
  for (int i = 0; i < kMoves; ++i) {
    const bool away = (i / busy.count()) % 2 == 0;
    move_to(busy.pid(i % busy.count()), away ? first_cpu() : last_cpu());
  }
  const Samples after = exporter.scrape();
  busy.wait_until_done();
  std::printf("  %d moves: %.0f queued migrations\n", kMoves, growth(before, after, kMigrations));
  VERIFY_GE(growth(before, after, kMigrations), kMoves / 10);
}

// No bar: how much is lost depends on how often the scheduler moves tasks that wait. The kernel
// forgets their first wait and invents none, so the exporter cannot have more.
TEST(Runqueue, LosesWaitOnlyOfTasksThatMoveWhileTheyWait) {
  const CgroupDirectory cgroup(unique_name("roaming"));
  const ExporterProcess exporter({full_rules("runqueue")});
  BusyProcesses busy(9, BusyProcesses::kAnyCpu, cgroup.processes_file());
  exporter.scrape();
  const double busy_before = busy.run_delay();
  const Samples before = exporter.scrape();
  busy.start(milliseconds(1500));
  busy.wait_until_done();
  const Samples after = exporter.scrape();
  const Expected roaming = waited(before, after, cgroup, busy, busy_before);
  report("roaming cgroup", roaming.exported, roaming.truth, growth(before, after, kMigrations));
  VERIFY_LE(roaming.exported, roaming.truth * (1 + kTolerance));
  VERIFY_GE(roaming.exported, roaming.truth * 0.5);
}

}  // namespace
}  // namespace kernel_exporter
