// SPDX-License-Identifier: Apache-2.0
#include "rules/compile.h"

#include <filesystem>
#include <fstream>

#include "compiled.h"

namespace kernel_exporter {
namespace {

struct Row {
  std::string text;
  int line;
  const char* message;
};

void expect_refused(const Row& row) {
  const std::string faults = faults_of(row.text);
  EXPECT_TRUE(faults.starts_with("test.yaml:" + std::to_string(row.line) + ": "))
      << "expected line " << row.line << " of\n"
      << row.text << "\n"
      << faults;
  EXPECT_NE(faults.find(row.message), std::string::npos) << row.message << "\n" << faults;
}

std::string file(const std::string& probe, const std::string& metric) {
  return "probe: " + probe + "\nmetrics:\n" + metric;  // metrics from line 3
}

std::string counter(const std::string& name, const std::string& rest) {
  return "  - name: " + name + "\n    help: x\n    type: counter\n" + rest;  // rest from line 6
}

std::string latency(const std::string& buckets) {
  return "  - name: kernel_runqueue_latency_seconds\n    help: x\n    type: histogram\n"
         "    map: runqueue\n    value: latency\n    unit: nanoseconds\n    buckets: " +
         buckets + "\n";
}

const std::string kPackets = counter("a_total", "    map: netdrop\n    value: packets\n");

const SourcePlan& source(const Plan& plan, const std::string& family) {
  for (const ObjectPlan& object : plan.objects) {
    for (const SourcePlan& rule : object.sources) {
      if (plan.families[rule.family].header.name == family) return rule;
    }
  }
  throw std::runtime_error("no source of " + family);
}

TEST(CompileRules, RefusesWhatTheObjectDoesNotHave) {
  const Row rows[] = {
      {file("netdrip", kPackets), 1,
       "no probe \"netdrip\" in the exporter's own BPF object, expected one of"},
      {"probe: netdrop\nprograms: [netdrop_kfree]\nmetrics:\n" + kPackets, 2,
       "no program \"netdrop_kfree\" in probe \"netdrop\", expected one of \"netdrop_kfree_skb\""},
      {"probe: netdrop\nconstants:\n  netdrop_limit: 1\nmetrics:\n" + kPackets, 3,
       "no integer constant \"netdrop_limit\""},
      {"probe: netdrop\nconstants:\n  blockio_split: 1\nmetrics:\n" + kPackets, 3,
       "no integer constant \"blockio_split\""},
      {"probe: blockio\nconstants:\n  blockio_split: 256\nmetrics:\n" +
           counter("a_total", "    map: blockio_errors\n"),
       3, "has 1 bytes, too few for 256"},
      {"probe: runqueue\nconstants:\n  runqueue_latency_buckets: 1\nmetrics:\n" + latency("[1ms]"),
       3, "no integer constant \"runqueue_latency_buckets\""},
      {"probe: netdrop\nmax_entries:\n  nothing: 5\nmetrics:\n" + kPackets, 3,
       "no map \"nothing\""},
      {"probe: netdrop\nmax_entries:\n  runqueue: 5\nmetrics:\n" + kPackets, 3,
       "no map \"runqueue\""},
      {"probe: runqueue\ncgroups:\n  {map: runqueue, match: [a]}\nmetrics:\n" + latency("[1ms]"), 3,
       "is not a hash with 64-bit cgroup ids as keys"},
      {file("netdrop", counter("a_total", "    map: netdorp\n    value: packets\n")), 6,
       "no map \"netdorp\" in probe \"netdrop\" of the exporter's own BPF object, expected one of "
       "\"netdrop\""},
      {file("netdrop", counter("a_total", "    map: blockio\n    value: bytes\n")), 6,
       "no map \"blockio\""},
      {file("netdrop", counter("a_total", "    map: netdrop\n    value: packet\n")), 7,
       "no field \"packet\" in struct netdrop_stats of map \"netdrop\", expected one of "
       "\"packets\""},
      {file("netdrop", counter("a_total", "    map: netdrop\n")), 3,
       "has several fields: select one with value"},
      {file("netdrop", counter("a_total", "    source: netlink\n    value: rx\n")), 7,
       "no field \"rx\" in struct rtnl_link_stats64 of source netlink"},
      {file("netdrop", counter("a_total", "    source: mtd\n    value: ecc\n")), 7,
       "no field \"ecc\" in struct mtd_value of source mtd, expected one of \"ecc_failures\", "
       "\"corrected_bits\", \"bad_blocks\""},
      {file("runqueue", counter("a_total", "    map: runqueue\n    value: latency\n")), 7,
       "field \"latency\" is not an integer, which a counter needs"},
      {file("netdrop",
            counter(
                "a_total",
                "    map: netdrop\n    value: packets\n    labels:\n      d: {field: devise}\n")),
       9, "no field \"devise\" in struct netdrop_key of map \"netdrop\""},
      {file("netdrop", counter("a_total",
                               "    map: netdrop\n    value: packets\n    labels:\n      d: "
                               "{field: netns, decode: hexx}\n")),
       9, "label \"d\": unknown decoder \"hexx\""},
      {file("netdrop",
            counter(
                "a_total",
                "    map: netdrop\n    value: packets\n    labels:\n      d:\n        field: "
                "netns\n        decode:\n          - hex\n          - {prefix_split: {sep: x}}\n")),
       13, "decoder \"prefix_split\": argument \"keep\": missing"},
      {file("netdrop", counter("a_total",
                               "    map: netdrop\n    value: packets\n    labels:\n      d: "
                               "{field: netns, decode: {hex: {a: b}}}\n")),
       9, "decoder \"hex\": unknown argument \"a\""},
      {file("netdrop", counter("a_total",
                               "    map: netdrop\n    value: packets\n    labels:\n      d: "
                               "{field: ifindex, decode: {ifname: {netns: nets}}}\n")),
       9, "decoder \"ifname\""},
      {file("netdrop", counter("a_total",
                               "    map: netdrop\n    value: packets\n    labels:\n      d: "
                               "{field: reason, decode: {enum: no_such_enum}}\n")),
       9, "no_such_enum"},
      {file("blockio",
            counter(
                "a_total",
                "    map: blockio_errors\n    labels: {cpu: {percpu: true}, x: {field: majro}}\n")),
       7, "no field \"majro\""},
      {file("netdrop",
            counter(
                "a_total",
                "    source: netlink\n    value: rx_bytes\n    labels: {cpu: {percpu: true}}\n")),
       8, "is not per-CPU, so label \"cpu\" cannot be the CPU"},
      {file("netdrop",
            counter("a_total", "    map: netdrop\n    value: packets\n    where: netns = 5\n")),
       8, "where: column 7: expected one of =="},
      {file("netdrop",
            counter("a_total", "    map: netdrop\n    value: packets\n    where: packets > 5\n")),
       8, "where: column 1: the key has no integer field \"packets\""},
      {file("netdrop", counter("a_seconds_total",
                               "    map: netdrop\n    value: packets\n    unit: nanoseconds\n")
                           .replace(counter("a_seconds_total", "").find("counter"), 7, "summary")),
       3, ""},
  };
  for (const Row& row : rows) expect_refused(row);
}

TEST(CompileRules, RefusesDistributionsThatAreNone) {
  const std::string summary =
      "  - name: a_seconds\n    help: x\n    type: summary\n    unit: nanoseconds\n";
  const Row rows[] = {
      {file("runqueue", latency("[1ms, 10us]")), 9,
       "bound \"10us\" is not greater than the previous one"},
      {file("runqueue", latency("[1ms, 1ms]")), 9,
       "bound \"1ms\" is not greater than the previous one"},
      {file("runqueue", latency("[10KiB]")), 9, "does not fit unit nanoseconds"},
      {file("runqueue", latency("[10]")), 9, "expected a time with"},
      {file("runqueue", latency("{linear: {from: 1us, width: 1us, count: 32}}")), 9,
       "more than 31 bounds"},
      {file("runqueue", latency("{exponential: {from: 1us, to: 1s, factor: 3}}")), 9,
       "power of two"},
      {file("netdrop",
            "  - name: a_seconds\n    help: x\n    type: histogram\n    map: netdrop\n    value: "
            "packets\n"
            "    unit: nanoseconds\n    buckets: [1ms]\n"),
       7, "\"packets\" is not a histogram"},
      {file("netdrop", summary + "    map: netdrop\n    count: packets\n"), 3,
       "summary \"a_seconds\" has no sum"},
      {file("netdrop", summary + "    map: netdrop\n    count: packets\n    sum: byte\n"), 9,
       "no field \"byte\""},
      {file("netdrop", summary + "    map: netdrop\n    count: packet\n    sum: bytes\n"), 8,
       "no field \"packet\""},
  };
  for (const Row& row : rows) expect_refused(row);
}

TEST(CompileRules, RefusesAMapThatIsTooLargeForItsQuota) {
  EXPECT_EQ(faults_of("probe: netdrop\nmax_entries:\n  netdrop: 100000\nmetrics:\n" + kPackets),
            "");
  expect_refused(
      {"probe: netdrop\nmax_entries:\n  netdrop: 10000000\nmetrics:\n" + kPackets, 3,
       "map \"netdrop\" takes 1400000000 bytes with the 4 CPUs of this machine, over the "
       "limit of 67108864"});
  expect_refused({"probe: netdrop\nmap_memory_limit: 1KiB\nmetrics:\n" + kPackets, 1,
                  "over the limit of 1024"});
  EXPECT_EQ(
      faults_of(
          "probe: netdrop\nmap_memory_limit: 2GiB\nmax_entries: {netdrop: 10000000}\nmetrics:\n" +
          kPackets),
      "");
}

TEST(CompileRules, MakesRoomForTheDisksOfTheMachine) {
  const std::string errors = counter("a_total", "    map: blockio_errors\n");
  const MapInfo& map = *own_object().map("blockio");
  const uint32_t least = map.max_entries;
  const uint64_t key = map.key_size + uint64_t{map.value_size} * 4;  // bytes on 4 CPUs
  const auto limit = [](uint64_t bytes) {
    return "map_memory_limit: " + std::to_string(bytes) + "\n";
  };
  struct Case {
    uint32_t disks;
    std::vector<std::string> settings;  // of a rule file each
    uint32_t entries;
  };
  const Case cases[] = {
      {1, {""}, least + 4},
      {200, {""}, least + 800},
      {200, {limit(key * 500)}, 500},
      {200, {limit(key * least)}, least},
      {200, {"", limit(key * 500)}, 500},
      {200, {limit(key * 500), ""}, 500},
      {UINT32_MAX, {limit(key * 500)}, 500},
      {200, {"max_entries: {blockio: 7}\n"}, 7},
      {200, {"", "max_entries: {blockio: 7}\n"}, 7},
      {200, {"max_entries: {blockio: 7}\n", ""}, 7},
  };
  for (const Case& row : cases) {
    CompileContext context = test_context();
    context.disks = row.disks;
    Rules rules(context);
    for (const std::string& settings : row.settings) {
      EXPECT_TRUE(rules.add("a.yaml", settings + file("blockio", errors))) << rules.messages();
    }
    const Plan plan = rules.finish();
    EXPECT_EQ(plan.objects[0].settings.max_entries.at("blockio"), row.entries) << row.disks;
  }
}

TEST(CompileRules, LeavesMapsWithoutDisksAsTheyAre) {
  CompileContext context = test_context();
  context.disks = 200;
  Rules rules(context);
  EXPECT_TRUE(rules.add("a.yaml", file("netdrop", kPackets))) << rules.messages();
  EXPECT_TRUE(rules.finish().objects[0].settings.max_entries.empty());
}

TEST(CompileRules, RefusesAMetricThatIsTwoThings) {
  const std::string known = counter(
      "a_total", "    map: netdrop\n    value: packets\n    labels: {netns: {field: netns}}\n");
  struct Second {
    std::string metric;
    const char* message;
  };
  const Second seconds[] = {
      {counter("a_total", "    map: netdrop\n    value: packets\n"), "with another set of labels"},
      {counter("a_total",
               "    map: netdrop\n    value: packets\n    labels: {reason: {field: reason}}\n"),
       "with another set of labels"},
      {"  - name: a\n    help: x\n    type: gauge\n    map: netdrop\n    value: packets\n    "
       "labels: {netns: {field: netns}}\n",
       "both export \"a\""},
  };
  for (const Second& second : seconds) {
    Rules rules;
    EXPECT_TRUE(rules.add("first.yaml", file("netdrop", known)));
    EXPECT_FALSE(rules.add("second.yaml", file("netdrop", second.metric)));
    EXPECT_TRUE(rules.messages().starts_with("second.yaml:3: metric \"")) << rules.messages();
    EXPECT_NE(rules.messages().find("first.yaml:3"), std::string::npos) << rules.messages();
    EXPECT_NE(rules.messages().find(second.message), std::string::npos) << rules.messages();
    const Plan plan = rules.finish();
    EXPECT_EQ(plan.rule_files, std::vector<std::string>{"first.yaml"});
    EXPECT_EQ(source(plan, "a_total").labels.size(), 1u) << "the first rule stays";
    // In one file just the same.
    expect_refused({file("netdrop", known + second.metric), 9, second.message});
  }
  expect_refused({file("runqueue", latency("[1ms]") + latency("[2ms]")), 10, "with other buckets"});
  expect_refused(
      {file("runqueue",
            latency("[1ms]") +
                "  - name: kernel_runqueue_latency_seconds\n    help: x\n    type: summary\n"
                "    map: runqueue\n    value: latency\n    unit: nanoseconds\n"),
       10, "with another type"});
  expect_refused({file("netdrop",
                       "  - name: a_seconds\n    help: x\n    type: gauge\n    map: netdrop\n    "
                       "value: bytes\n    unit: seconds\n"
                       "  - name: a_seconds\n    help: x\n    type: gauge\n    map: netdrop\n    "
                       "value: bytes\n    unit: milliseconds\n"),
                  9, "with another unit"});
}

TEST(CompileRules, RefusesTwoSetsOfBucketsForOneMap) {
  std::string second = latency("[2ms]");
  second.replace(second.find("kernel_runqueue"), 15, "kernel_other_rq");
  Rules rules;
  EXPECT_TRUE(rules.add("first.yaml", file("runqueue", latency("[1ms]"))));
  EXPECT_FALSE(rules.add("second.yaml", file("runqueue", second)));
  EXPECT_EQ(rules.messages().find("second.yaml:9: two rules require different buckets of one map"),
            0u)
      << rules.messages();
  EXPECT_EQ(rules.finish().rule_files.size(), 1u);
}

TEST(CompileRules, ABadFileNeverStopsTheOthers) {
  Rules rules;
  EXPECT_FALSE(rules.add("bad.yaml", "probe: ["));
  EXPECT_FALSE(rules.add("worse.yaml", file("netdrop", counter("b_total", "    map: nothing\n"))));
  EXPECT_TRUE(rules.add("good.yaml", file("netdrop", kPackets)));
  EXPECT_FALSE(rules.add("late.yaml", file("nothing", kPackets)));
  const Plan plan = rules.finish();
  EXPECT_EQ(plan.rule_files, std::vector<std::string>{"good.yaml"});
  ASSERT_EQ(plan.families.size(), 2u);  // and the lost events of the probe
  EXPECT_EQ(plan.families[0].header.name, "a_total");
}

TEST(CompileRules, ARuleThatStandsInTwoFilesCountsOnce) {
  Rules rules;
  EXPECT_TRUE(rules.add("first.yaml", file("netdrop", kPackets)));
  EXPECT_TRUE(rules.add("second.yaml", file("netdrop", kPackets + "    series_limit: 5000\n")));
  const std::string filtered = kPackets + "    where: netns > 5\n";
  EXPECT_TRUE(rules.add("third.yaml", file("netdrop", filtered)));
  const Plan plan = rules.finish();
  ASSERT_EQ(plan.objects.size(), 1u);
  EXPECT_EQ(plan.objects[0].probes.size(), 1u);
  EXPECT_EQ(plan.families.size(), 2u);
  EXPECT_EQ(plan.families[0].series_limit, 5000u);
  // One of packets, one filtered, one of lost events, although three files each ask for those.
  EXPECT_EQ(plan.objects[0].sources.size(), 3u);
}

std::string labelled(const std::string& value, const std::string& labels,
                     const std::string& rest = "") {
  return counter("a_total", "    map: netdrop\n    value: " + value + "\n    labels: {" + labels +
                                "}\n" + rest);  // 7 lines
}

TEST(CompileRules, RefusesARuleThatStandsTwiceInOneFile) {
  const std::string netns = "netns: {field: netns, decode: hex}";
  const std::string reason = "reason: {field: reason}";
  const std::string one = labelled("packets", netns + ", " + reason);
  const std::string where = "    where: netns > 5\n";
  const std::string message =
      "metric \"a_total\" is already defined at test.yaml:3 with the same map, value";
  const std::string bad[] = {
      one,
      labelled("packets", reason + ", " + netns),
      labelled("packets", "netns: {field: netns, decode: [hex]}, " + reason),
      labelled("packets", netns + ", " + reason, "    series_limit: 5\n"),
  };
  for (const std::string& second : bad) {
    expect_refused({file("netdrop", one + second), 9, message.c_str()});
  }
  const std::string filtered = labelled("packets", netns + ", " + reason, where);
  expect_refused({file("netdrop", filtered + filtered), 10, message.c_str()});
  // The one field of a value needs no name.
  const std::string errors = counter("a_total", "    map: blockio_errors\n");
  expect_refused({file("blockio", errors + errors + "    value: value\n"), 7, message.c_str()});

  const std::string good[] = {
      filtered,
      labelled("bytes", netns + ", " + reason),
      labelled("packets", "netns: {field: netns}, " + reason),
      labelled("packets", "netns: {value: all}, " + reason),
      labelled("packets", "netns: {field: ifindex, decode: hex}, " + reason),
  };
  for (const std::string& second : good) EXPECT_EQ(faults_of(file("netdrop", one + second)), "");
  EXPECT_EQ(faults_of(file("netdrop", filtered + labelled("packets", netns + ", " + reason,
                                                          "    where: netns <= 5\n"))),
            "");
}

TEST(CompileRules, BringsLabelsInTheOrderOfTheFamily) {
  Rules rules;
  const std::string one =
      "    map: netdrop\n    value: packets\n    labels: {netns: {field: netns}, reason: {field: "
      "reason}}\n";
  const std::string two =
      "    map: netdrop\n    value: bytes\n    labels: {reason: {field: reason}, netns: {field: "
      "netns}}\n";
  EXPECT_TRUE(
      rules.add("a.yaml", file("netdrop", counter("a_total", one) + counter("a_total", two))));
  const Plan plan = rules.finish();
  EXPECT_EQ(plan.families[0].label_names, (std::vector<std::string>{"netns", "reason"}));
  EXPECT_EQ(plan.objects[0].sources[1].label_order, (std::vector<size_t>{1, 0}));
}

TEST(CompileRules, TheSignatureTellsWhatAReloadCannotChange) {
  const auto signature = [](const std::string& text) {
    Rules rules;
    EXPECT_TRUE(rules.add("a.yaml", text)) << rules.messages();
    return rules.finish().program_signature();
  };
  const std::string base = file("runqueue", latency("[1ms]"));
  EXPECT_EQ(signature(base),
            signature(base + "    labels: {host: {value: a}}\n    series_limit: 7\n"));
  const auto other = [&](const std::string& text) {
    return difference(signature(base), signature(text));
  };
  EXPECT_EQ(other(base), "");
  EXPECT_EQ(other(file("runqueue", latency("[2ms]"))),
            "value of constant runqueue_latency_buckets");
  EXPECT_EQ(other("constants: {runqueue_per_cgroup: true}\n" + base),
            "value of constant runqueue_per_cgroup");
  EXPECT_EQ(other("max_entries: {runqueue_cgroup: 9}\n" + base), "size of map runqueue_cgroup");
  EXPECT_EQ(other("programs: [runqueue_switch]\n" + base), "probe runqueue");
  const std::string drops = file("netdrop", kPackets);
  EXPECT_EQ(other(drops).find("probe netdrop, probe runqueue, "), 0u) << other(drops);
}

// Objects of others, by path.
class ForeignRules : public ::testing::Test {
 protected:
  static std::string foreign(const std::string& object, const std::string& metric) {
    return "probe: theirs\nobject: " + object + "\nmetrics:\n" + metric;  // metrics from line 4
  }
  static std::string fixture(const std::string& name) {
    return std::string(PROBE_FIXTURES) + "/" + name + ".bpf.o";
  }
};

TEST_F(ForeignRules, ReadAnyMapByItsLayout) {
  Rules rules;
  ASSERT_TRUE(rules.add(
      "a.yaml", foreign(fixture("foreign"),
                        counter("a_total", "    map: counts\n    labels: {id: {field: key}}\n"))))
      << rules.messages();
  ASSERT_TRUE(
      rules.add("b.yaml", foreign(fixture("shapes"),
                                  "  - name: b_seconds\n    help: x\n    type: histogram\n    map: "
                                  "shapes\n    value: buckets\n    sum: sum\n"
                                  "    unit: nanoseconds\n    buckets: [1us, 1ms]\n"
                                  "    labels: {color: {field: color}, major: {field: "
                                  "device.major}, name: {field: name}, cpu: {percpu: true}}\n")))
      << rules.messages();
  const Plan plan = rules.finish();
  ASSERT_EQ(plan.objects.size(), 2u);
  const SourcePlan& shapes = source(plan, "b_seconds");
  EXPECT_EQ(shapes.value.slots->count, 27u);
  EXPECT_EQ(shapes.value.width(), 4u);
  EXPECT_EQ(shapes.labels[1].field.offset, 8u);
  EXPECT_TRUE(shapes.per_cpu_label);
  EXPECT_NE(plan.objects[0].image_hash, plan.objects[1].image_hash);
  // Slots beyond the rule's bounds are beyond the last bound, not lost.
  std::vector<uint64_t> value(28, 1);
  value[27] = 100;
  std::vector<uint64_t> numbers(4);
  shapes.value.add(std::as_bytes(std::span(value)), numbers);
  EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 1, 25, 100}));
}

TEST_F(ForeignRules, AreRefusedLikeAllOthers) {
  const std::string shapes = fixture("shapes");
  const auto gauge = [](const std::string& rest) {
    return "  - name: g\n    help: x\n    type: gauge\n" + rest;  // rest from line 7
  };
  const Row rows[] = {
      {foreign("nothing.bpf.o", kPackets), 2, "object nothing.bpf.o: No such file or directory"},
      {foreign("/etc/passwd", kPackets), 2, "/etc/passwd: not an ELF file"},
      {foreign("/tmp", kPackets), 2, "/tmp"},
      {foreign(shapes, gauge("    map: shapes_untyped\n")), 7, "has no BTF for its key and value"},
      {foreign(shapes, gauge("    map: netdrop\n")), 7, "no map \"netdrop\""},
      {foreign(shapes, gauge("    map: shapes\n    value: buckets\n")), 8,
       "is not an integer, which a gauge needs"},
      {foreign(shapes, gauge("    map: shapes_scalar\n    labels:\n      a: {field: kee}\n")), 9,
       "no field \"kee\" in key of map \"shapes_scalar\", expected one of \"key\""},
      {foreign(shapes,
               gauge("    map: shapes\n    value: sum\n    labels:\n      a: {field: device}\n")),
       10, "is neither an integer nor a text"},
      {foreign(shapes, gauge("    map: shapes_scalar\n    labels:\n      cpu: {percpu: true}\n")),
       9, "is not per-CPU"},
      {foreign(shapes,
               "  - name: b_seconds\n    help: x\n    type: histogram\n    map: shapes_array\n    "
               "value: value\n    unit: seconds\n    buckets: [1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s]\n"),
       10, "8 bounds do not fit: map \"shapes_array\" has 8 slots"},
      {"probe: theirs\nobject: " + shapes + "\nprograms: [nothing]\nmetrics:\n" +
           gauge("    map: shapes_scalar\n"),
       3, "no program \"nothing\" in probe \"theirs\", expected one of"},
      {"probe: theirs\nobject: " + shapes + "\nconstants:\n  shapes_table: 1\nmetrics:\n" +
           gauge("    map: shapes_scalar\n"),
       4, "no integer constant \"shapes_table\""},
  };
  for (const Row& row : rows) expect_refused(row);
}

TEST_F(ForeignRules, AnObjectThatChangedHasAnotherSignature) {
  const std::filesystem::path copy = std::filesystem::temp_directory_path() /
                                     ("compile_test." + std::to_string(getpid()) + ".bpf.o");
  const std::string text =
      foreign(copy, "  - name: g\n    help: x\n    type: gauge\n    map: counts\n");
  ProgramSignature signatures[2];
  for (int i = 0; i < 2; ++i) {
    std::filesystem::copy_file(fixture("foreign"), copy,
                               std::filesystem::copy_options::overwrite_existing);
    if (i == 1) std::ofstream(copy, std::ios::app) << "more";
    Rules rules;
    EXPECT_TRUE(rules.add("a.yaml", text)) << rules.messages();
    signatures[i] = rules.finish().program_signature();
  }
  std::filesystem::remove(copy);
  EXPECT_EQ(difference(signatures[0], signatures[1]), "object " + copy.string());
}

TEST(ShippedRules, CompileWithoutAFault) {
  for (const char* profile : {"events", "events-full"}) {
    Rules rules;
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::string(KERNEL_EXPORTER_SOURCE_DIR) + "/rules/" + profile)) {
      std::ifstream stream(entry.path());
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      EXPECT_TRUE(rules.add(entry.path(), text));
      ++files;
    }
    EXPECT_EQ(rules.messages(), "");
    EXPECT_GE(files, 4u);
    EXPECT_EQ(rules.finish().rule_files.size(), files);
  }
}

}  // namespace
}  // namespace kernel_exporter
