// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstring>

#include "fixture.h"
#include "probe/embedded_object.h"
#include "probe/loader.h"
#include "probe/snapshot.h"

namespace kernel_exporter {
namespace {

class LoaderKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<KernelBtf> kernel = KernelBtf::load("/sys");
    ASSERT_TRUE(kernel) << kernel.error().message;
    kernel_ = std::make_unique<KernelBtf>(std::move(*kernel));
  }

  void load(const ObjectSource& source, const std::vector<ProbeRequest>& probes) {
    object_.reset();
    auto loaded = load_object(source, probes, settings_, kernel_.get());
    ASSERT_TRUE(loaded) << loaded.error().message;
    object_ = std::move(*loaded);
  }

  ProgramStatus status(const std::string& program, const std::string& variant = "") {
    for (const ProgramStatus& status : object_->programs()) {
      if (status.program == program && status.variant == variant) return status;
    }
    ADD_FAILURE() << "no status of " << program << " " << variant;
    return {};
  }

  // Slot 0 or key 7 of a map, all CPUs added; -1 without the map.
  int64_t count(const std::string& map) {
    auto reader = MapReader::create(object_->map_fd(map), map);
    if (!reader) return -1;
    Snapshot snapshot;
    const auto read =
        reader->read(snapshot, std::chrono::steady_clock::now() + std::chrono::seconds(5));
    EXPECT_TRUE(read);
    int64_t sum = 0;
    for (size_t entry = 0; entry < snapshot.entries; ++entry) {
      for (uint32_t cpu = 0; cpu < snapshot.cpus; ++cpu) {
        uint64_t value;
        std::memcpy(&value, snapshot.value(entry, cpu).data(), sizeof value);
        sum += static_cast<int64_t>(value);
      }
    }
    return sum;
  }

  // Waits for a context switch that `map` has counted.
  bool counts(const std::string& map) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    const int64_t before = count(map);
    while (std::chrono::steady_clock::now() < deadline) {
      sched_yield();
      if (count(map) > before) return true;
    }
    return false;
  }

  // Whether 100 context switches come to pass that `map` does not count; first a run that was under
  // way when its program was detached may end.
  bool stands_still(const std::string& map) {
    EXPECT_TRUE(counts("good_switches"));
    const int64_t before = count(map);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(counts("good_switches"));
    return count(map) == before;
  }

  ObjectSettings settings_;
  std::unique_ptr<KernelBtf> kernel_;
  std::unique_ptr<LoadedObject> object_;
};

TEST_F(LoaderKernelTest, LoadsAttachesAndCounts) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"good", {}}});
  const ProgramStatus& good = status("good_switch");
  EXPECT_EQ(good.state, AttachState::kAttached) << good.reason;
  EXPECT_EQ(good.reason, "");
  EXPECT_EQ(good.probe, "good");
  EXPECT_EQ(good.mechanism, "tp_btf");
  EXPECT_EQ(good.target, "sched_switch");
  EXPECT_GE(good.fd, 0);
  EXPECT_TRUE(counts("good_switches"));
  EXPECT_EQ(object_->programs().size(), 1u);
  EXPECT_EQ(object_->map("good_switches")->max_entries, 4u);
}

TEST_F(LoaderKernelTest, CreatesNoMapThatNoProgramUses) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"good", {}}});
  EXPECT_GE(object_->map_fd("good_switches"), 0);
  EXPECT_EQ(object_->map_fd("bad_map"), -1);
  EXPECT_EQ(object_->map_fd("pick_first"), -1);
  EXPECT_EQ(object_->map_fd("no_such_map"), -1);
}

TEST_F(LoaderKernelTest, CreatesAMapThatDependsOnAConstantOnlyWhereThatIsSet) {
  const ObjectSource source = ObjectSource::generated("calls", fixture("calls"));
  load(source, {{"uses", {}}});
  EXPECT_EQ(status("uses_optional").state, AttachState::kAttached)
      << status("uses_optional").reason;
  EXPECT_GE(object_->map_fd("direct"), 0);
  EXPECT_EQ(object_->map_fd("optional"), -1);
  settings_.constants["with_optional"] = {std::byte{1}};
  load(source, {{"uses", {}}});
  EXPECT_EQ(status("uses_optional").state, AttachState::kAttached)
      << status("uses_optional").reason;
  EXPECT_GE(object_->map_fd("optional"), 0);
  EXPECT_TRUE(counts("optional"));
}

// Functions are linked into every object; their maps are created for the programs that call them.
TEST_F(LoaderKernelTest, CreatesTheMapsOfFunctionsThatAreCalledOnly) {
  load(ObjectSource::generated("calls", fixture("calls")), {{"calls", {"calls_outer"}}});
  EXPECT_EQ(status("calls_outer").state, AttachState::kAttached) << status("calls_outer").reason;
  EXPECT_GE(object_->map_fd("inner"), 0);
  EXPECT_GE(object_->map_fd("outer"), 0);
  for (const char* map : {"global", "direct", "callback", "uncalled"}) {
    EXPECT_EQ(object_->map_fd(map), -1) << map;
  }
}

TEST_F(LoaderKernelTest, TakesTheFirstVariantWhoseNeedsAreMet) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"pick", {}}});
  EXPECT_EQ(status("pick_switch", "first").state, AttachState::kAttached);
  EXPECT_EQ(status("pick_switch", "second").state, AttachState::kNotNeeded);
  EXPECT_EQ(object_->map_fd("pick_second"), -1);
  EXPECT_TRUE(counts("pick_first"));
}

TEST_F(LoaderKernelTest, FallsBackWhenANeedIsAssumedMissing) {
  settings_.assume_missing = {"args sched_switch 3"};
  load(ObjectSource::generated("loads", fixture("loads")), {{"pick", {}}});
  EXPECT_EQ(status("pick_switch", "first").state, AttachState::kNotNeeded);
  EXPECT_EQ(status("pick_switch", "second").state, AttachState::kAttached);
  EXPECT_EQ(status("pick_switch", "second").mechanism, "raw_tp");
  EXPECT_TRUE(counts("pick_second"));
}

TEST_F(LoaderKernelTest, FallsBackWhenTheVerifierRefuses) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"fall", {}}});
  EXPECT_EQ(status("fall_switch", "broken").state, AttachState::kFailed);
  EXPECT_NE(status("fall_switch", "broken").reason.find("rejected by the verifier: "),
            std::string::npos)
      << status("fall_switch", "broken").reason;
  EXPECT_EQ(status("fall_switch", "sound").state, AttachState::kAttached);
}

TEST_F(LoaderKernelTest, FallsBackWhenTheAttachFails) {
  kernel_.reset();
  load(ObjectSource::generated("loads", fixture("loads")),
       {{"late", {}}, {"pick", {"no_such_program"}}});
  EXPECT_EQ(status("late_event", "missing").state, AttachState::kNotNeeded);
  EXPECT_NE(status("late_event", "missing").reason.find("no_such_tracepoint"), std::string::npos)
      << status("late_event", "missing").reason;
  EXPECT_EQ(status("late_event", "there").state, AttachState::kAttached);
}

TEST_F(LoaderKernelTest, AProgramThatCannotLoadStopsNoOther) {
  load(ObjectSource::generated("loads", fixture("loads")),
       {{"good", {}}, {"bad", {}}, {"pick", {}}});
  EXPECT_EQ(status("good_switch").state, AttachState::kAttached);
  EXPECT_EQ(status("pick_switch", "first").state, AttachState::kAttached);
  EXPECT_EQ(status("bad_neighbour").state, AttachState::kAttached);
  for (const char* program : {"bad_access", "bad_field"}) {
    EXPECT_EQ(status(program).state, AttachState::kFailed) << program;
    EXPECT_NE(status(program).reason, "") << program;
    EXPECT_EQ(status(program).reason.find('\n'), std::string::npos) << status(program).reason;
    EXPECT_EQ(status(program).fd, -1) << program;
  }
  EXPECT_NE(status("bad_access").reason.find("rejected by the verifier: "), std::string::npos)
      << status("bad_access").reason;
  EXPECT_NE(status("bad_field").reason.find("no_such_struct"), std::string::npos)
      << status("bad_field").reason;
  EXPECT_TRUE(counts("good_switches"));
}

TEST_F(LoaderKernelTest, AMissingEventOrFieldIsUnsupportedNotFailed) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"old", {}}, {"good", {}}});
  EXPECT_EQ(status("old_event").state, AttachState::kUnsupported);
  EXPECT_EQ(status("old_event").reason, "this kernel has no tracepoint no_such_tracepoint");
  EXPECT_EQ(status("old_field").state, AttachState::kUnsupported);
  EXPECT_EQ(status("good_switch").state, AttachState::kAttached);
}

TEST_F(LoaderKernelTest, LivesWithNothingToLoad) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"old", {}}});
  EXPECT_EQ(object_->map_fd("good_switches"), -1);
  EXPECT_EQ(status("old_event").state, AttachState::kUnsupported);
}

TEST_F(LoaderKernelTest, SetsConstantsAndMapSizes) {
  const uint64_t step = 1'000'000;
  std::vector<std::byte> bytes(sizeof step);
  std::memcpy(bytes.data(), &step, sizeof step);
  settings_.constants["good_step"] = bytes;
  settings_.max_entries["good_switches"] = 2;
  load(ObjectSource::generated("loads", fixture("loads")), {{"good", {}}});
  ASSERT_TRUE(counts("good_switches"));
  EXPECT_EQ(count("good_switches") % static_cast<int64_t>(step), 0);
  EXPECT_EQ(MapReader::create(object_->map_fd("good_switches"), "x")->max_entries(), 2u);
}

TEST_F(LoaderKernelTest, RefusesSettingsThatTheObjectDoesNotHave) {
  struct Row {
    ObjectSettings settings;
    const char* message;
  };
  const Row rows[] = {
      {{.constants = {{"no_such", {std::byte{1}}}}, .max_entries = {}, .assume_missing = {}},
       "loads: no constant \"no_such\""},
      {{.constants = {{"good_step", {std::byte{1}}}}, .max_entries = {}, .assume_missing = {}},
       "loads: constant \"good_step\" has 8 bytes, got 1"},
      {{.constants = {}, .max_entries = {{"no_such", 1}}, .assume_missing = {}},
       "loads: no map \"no_such\""},
  };
  const ObjectSource source = ObjectSource::generated("loads", fixture("loads"));
  const ProbeRequest probes[] = {{"good", {}}};
  for (const Row& row : rows) {
    const auto loaded = load_object(source, probes, row.settings, kernel_.get());
    ASSERT_FALSE(loaded) << row.message;
    EXPECT_NE(loaded.error().message.find(row.message), std::string::npos)
        << loaded.error().message;
  }
}

// What the project ships loads in one go: nothing of it is refused on a kernel with BTF, and each
// probe has something attached.
TEST_F(LoaderKernelTest, LoadsTheEmbeddedObject) {
  const Result<ObjectInfo> info = inspect_object("embedded", embedded_object());
  ASSERT_TRUE(info) << info.error().message;
  std::set<std::string> names;
  for (const ObjectInfo::Program& program : info->programs) {
    names.insert(program.name.substr(0, program.name.find('_')));
  }
  ASSERT_EQ(names.count("firmware") + names.count("mtd"), 2u);
  std::vector<ProbeRequest> probes;
  probes.reserve(names.size());
  for (const std::string& name : names) probes.push_back({name, {}});
  auto loaded = load_object({}, probes, settings_, kernel_.get());
  ASSERT_TRUE(loaded) << loaded.error().message;
  // These hook functions, of modules even: not every kernel has them, or lets anybody.
  std::set<std::string> usable = {"firmware", "mtd"};
  for (const ProgramStatus& program : (*loaded)->programs()) {
    EXPECT_NE(program.state, AttachState::kFailed)
        << program.program << "__" << program.variant << ": " << program.reason;
    const bool runs = program.state == AttachState::kAttached;
    if (runs || program.state == AttachState::kIdle) usable.insert(program.probe);
  }
  EXPECT_EQ(usable, names);
  EXPECT_EQ((*loaded)->programs().size(), info->programs.size());
}

TEST_F(LoaderKernelTest, LoadsAForeignObject) {
  load(ObjectSource::file(fixture_path("foreign")), {{"peer", {}}});
  EXPECT_EQ(status("raw_tp__sched_switch").state, AttachState::kAttached);
  EXPECT_EQ(status("raw_tp__sched_wakeup").state, AttachState::kAttached);
  EXPECT_EQ(status("raw_tp__sched_switch").probe, "peer");
  EXPECT_EQ(status("passes_packets").state, AttachState::kFailed);
  EXPECT_NE(status("passes_packets").reason.find("xdp"), std::string::npos)
      << status("passes_packets").reason;
  EXPECT_TRUE(counts("counts"));
  EXPECT_GE(object_->map_fd("unused"), 0);
}

TEST_F(LoaderKernelTest, LoadsOnlyTheNamedProgramsOfAForeignObject) {
  load(ObjectSource::file(fixture_path("foreign")), {{"peer", {"raw_tp__sched_wakeup"}}});
  EXPECT_EQ(object_->programs().size(), 1u);
  EXPECT_EQ(status("raw_tp__sched_wakeup").state, AttachState::kAttached);
}

TEST_F(LoaderKernelTest, AttachesOnRequestOnly) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"wait", {}}, {"good", {}}});
  EXPECT_EQ(status("wait_switch").state, AttachState::kIdle);
  EXPECT_NE(status("wait_switch").reason, "");
  EXPECT_TRUE(stands_still("wait_switches"));
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(object_->attach_requested(true));
    ASSERT_TRUE(object_->attach_requested(true));
    EXPECT_EQ(status("wait_switch").state, AttachState::kAttached);
    EXPECT_EQ(status("wait_switch").reason, "");
    EXPECT_TRUE(counts("wait_switches"));
    ASSERT_TRUE(object_->attach_requested(false));
    EXPECT_EQ(status("wait_switch").state, AttachState::kIdle);
    EXPECT_EQ(status("good_switch").state, AttachState::kAttached);
    EXPECT_TRUE(stands_still("wait_switches"));
  }
}

TEST_F(LoaderKernelTest, DestructionDetaches) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"good", {}}});
  std::vector<ProgramStatus> programs = object_->programs();
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  ASSERT_EQ(bpf_obj_get_info_by_fd(programs[0].fd, &info, &size), 0);
  object_.reset();
  // The kernel frees a program after an RCU grace period.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int fd = 0;
  while ((fd = bpf_prog_get_fd_by_id(info.id)) >= 0 &&
         std::chrono::steady_clock::now() < deadline) {
    UniqueFd closed(fd);
  }
  EXPECT_EQ(fd, -ENOENT);
}

TEST_F(LoaderKernelTest, CountsRunsWhileAskedTo) {
  load(ObjectSource::generated("loads", fixture("loads")), {{"good", {}}});
  const Result<UniqueFd> counting = enable_run_stats();
  ASSERT_TRUE(counting) << counting.error().message;
  ASSERT_TRUE(counts("good_switches"));
  std::vector<ProgramStatus> programs = object_->programs();
  read_run_stats(programs);
  EXPECT_GT(programs[0].run_count, 0u);
  EXPECT_GT(programs[0].run_time_ns, 0u);
}

}  // namespace
}  // namespace kernel_exporter
