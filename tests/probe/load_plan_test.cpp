// SPDX-License-Identifier: Apache-2.0
#include "probe/load_plan.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

ObjectInfo object_with(std::vector<ObjectInfo::Program> programs) {
  ObjectInfo info;
  info.programs = std::move(programs);
  return info;
}

ObjectInfo::Program program(const std::string& name, std::vector<std::string> needs = {}) {
  ObjectInfo::Program program;
  program.name = name;
  program.section = "raw_tp/sched_switch";
  program.needs = std::move(needs);
  return program;
}

std::vector<std::string> chosen_names(const LoadPlan& plan) {
  std::vector<std::string> names;
  for (const size_t index : plan.chosen()) names.push_back(plan.program(index).name);
  return names;
}

using Names = std::vector<std::string>;

const ObjectSource kFile = ObjectSource::file("foreign.bpf.o");

TEST(LoadPlan, TakesTheProgramsOfAProbeByPrefix) {
  const ObjectInfo object = object_with(
      {program("net_rx"), program("netdrop_skb"), program("netdrop"), program("other_net_rx")});
  const ProbeRequest probes[] = {{"netdrop", {}}};
  const ObjectSettings settings;
  const LoadPlan plan(object, probes, {}, settings, nullptr);
  EXPECT_EQ(chosen_names(plan), (Names{"netdrop_skb", "netdrop"}));
}

TEST(LoadPlan, TakesOnlyTheProgramsThatTheRequestNames) {
  const ObjectInfo object =
      object_with({program("a_one"), program("a_two__x"), program("a_two__y")});
  const ProbeRequest probes[] = {{"a", {"a_two"}}};
  const ObjectSettings settings;
  const LoadPlan plan(object, probes, {}, settings, nullptr);
  EXPECT_EQ(chosen_names(plan), (Names{"a_two__x"}));
  EXPECT_EQ(plan.statuses().size(), 2u);
}

TEST(LoadPlan, GoesToTheNextVariantWhenOneIsRejected) {
  const ObjectInfo object = object_with({program("a_x__one"), program("a_x__two"), program("a_y")});
  const ProbeRequest probes[] = {{"a", {}}};
  const ObjectSettings settings;
  LoadPlan plan(object, probes, {}, settings, nullptr);
  ASSERT_EQ(chosen_names(plan), (Names{"a_x__one", "a_y"}));
  EXPECT_TRUE(plan.reject(0, {AttachState::kFailed, "because"}));
  ASSERT_EQ(chosen_names(plan), (Names{"a_x__two", "a_y"}));
  EXPECT_FALSE(plan.reject(2, {AttachState::kFailed, "too"}));
  ASSERT_EQ(chosen_names(plan), (Names{"a_x__two"}));
  plan.accept(1, 17);
  EXPECT_EQ(plan.statuses()[0].reason, "because");
  EXPECT_EQ(plan.statuses()[1].state, AttachState::kAttached);
  EXPECT_EQ(plan.statuses()[1].fd, 17);
}

TEST(LoadPlan, MarksLaterVariantsAsNotNeeded) {
  const ObjectInfo object = object_with({program("a_x__one"), program("a_x__two")});
  const ProbeRequest probes[] = {{"a", {}}};
  const ObjectSettings settings;
  LoadPlan plan(object, probes, {}, settings, nullptr);
  plan.accept(0, 3);
  EXPECT_EQ(plan.statuses()[1].state, AttachState::kNotNeeded);
  EXPECT_EQ(plan.statuses()[1].reason, "variant one is used");
  EXPECT_EQ(plan.statuses()[1].fd, -1);
}

TEST(LoadPlan, DoesNotNeedAnUnsupportedVariantOnceAnotherDoesTheWork) {
  const ObjectInfo object = object_with({program("a_x__one"), program("a_x__two")});
  const ProbeRequest probes[] = {{"a", {}}};
  const ObjectSettings settings;
  LoadPlan plan(object, probes, {}, settings, nullptr);
  EXPECT_TRUE(plan.reject(0, {AttachState::kUnsupported, "no such event"}));
  EXPECT_EQ(plan.statuses()[0].state, AttachState::kUnsupported);
  plan.accept(1, 3);
  EXPECT_EQ(plan.statuses()[0].state, AttachState::kNotNeeded);
  EXPECT_EQ(plan.statuses()[0].reason, "variant two is used; no such event");
}

TEST(LoadPlan, LeavesOutVariantsWithUnmetNeeds) {
  const Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  const ObjectInfo object = object_with({program("a_x__new", {"field task_struct.no_such_member"}),
                                         program("a_x__old", {"field task_struct.pid"})});
  const ProbeRequest probes[] = {{"a", {}}};
  ObjectSettings settings;
  EXPECT_EQ(chosen_names(LoadPlan(object, probes, {}, settings, &*kernel)), (Names{"a_x__old"}));
  settings.assume_missing = {"field task_struct.pid"};
  const LoadPlan plan(object, probes, {}, settings, &*kernel);
  EXPECT_EQ(chosen_names(plan), Names{});
  EXPECT_EQ(plan.statuses()[1].state, AttachState::kUnsupported);
  EXPECT_NE(plan.statuses()[1].reason, "");
}

TEST(LoadPlan, ForeignObjectsHaveVariantsOnlyWithNeeds) {
  const ProbeRequest probes[] = {{"peer", {}}};
  const ObjectSettings settings;
  const ObjectInfo plain = object_with({program("kprobe__one"), program("kprobe__two")});
  EXPECT_EQ(chosen_names(LoadPlan(plain, probes, kFile, settings, nullptr)),
            (Names{"kprobe__one", "kprobe__two"}));
  const ObjectInfo ours = object_with({program("x__one"), program("x__two", {"args y 1"})});
  EXPECT_EQ(chosen_names(LoadPlan(ours, probes, kFile, settings, nullptr)), (Names{"x__one"}));
}

TEST(LoadPlan, LeavesForeignProgramsAloneThatAskForIt) {
  ObjectInfo object = object_with({program("one"), program("two")});
  object.programs[0].autoload = false;
  const ProbeRequest all[] = {{"peer", {}}};
  const ProbeRequest named[] = {{"peer", {"one"}}};
  const ObjectSettings settings;
  EXPECT_EQ(chosen_names(LoadPlan(object, all, kFile, settings, nullptr)), (Names{"two"}));
  EXPECT_EQ(chosen_names(LoadPlan(object, named, kFile, settings, nullptr)), (Names{"one"}));
}

}  // namespace
}  // namespace kernel_exporter
