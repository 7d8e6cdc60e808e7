// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include "compiled.h"

namespace kernel_exporter {
namespace {

// A file with one counter, into which rows put what is wrong. Lines of the frame are counted below.
constexpr char kHead[] =
    "probe: netdrop\n"                          // 1
    "metrics:\n"                                // 2
    "  - name: kernel_netdrop_packets_total\n"  // 3
    "    help: Packets.\n"                      // 4
    "    map: netdrop\n"                        // 5
    "    value: packets\n"                      // 6
    "    type: counter\n";                      // 7, rows go on from 8

std::string with(const std::string& lines) { return kHead + lines; }

struct Row {
  std::string text;
  int line;  // of the only message; 0: of the file as a whole
  const char* message;
};

void expect_refused(const Row& row) {
  const std::string faults = faults_of(row.text);
  const std::string first = faults.substr(0, faults.find('\n'));
  const std::string place = row.line == 0 ? "" : ":" + std::to_string(row.line);
  EXPECT_TRUE(first.starts_with("test.yaml" + place + ": "))
      << "expected line " << row.line << " of\n"
      << row.text << "\n"
      << faults;
  EXPECT_NE(first.find(row.message), std::string::npos) << row.message << "\n" << faults;
}

void expect_all_refused(const std::vector<Row>& rows) {
  for (const Row& row : rows) expect_refused(row);
}

TEST(ParseRules, TakesTheFrameOfTheseTests) { EXPECT_EQ(faults_of(kHead), ""); }

TEST(ParseRules, RefusesKeysThatItDoesNotKnow) {
  expect_all_refused({
      {"proble: x\n" + std::string(kHead), 1,
       "unknown key \"proble\" in rule file, expected one of"},
      {with("    lables: {}\n"), 8, "unknown key \"lables\" in metric"},
      {with("    labels:\n      netns: {feild: netns, field: netns}\n"), 9,
       "unknown key \"feild\" in label \"netns\""},
      {with("    labels: {netns: {field: netns, <<: {decode: hex}}}\n"), 8, "unknown key \"<<\""},
      {with("    [a]: b\n"), 8, "unknown key \"?\""},
      {"cgroups: {map: m, match: [a], glob: x}\n" + std::string(kHead), 1,
       "unknown key \"glob\" in cgroups"},
  });
}

TEST(ParseRules, RefusesMissingDoubledAndEmptyKeys) {
  expect_all_refused({
      {"metrics:\n  - {name: a_total, help: a, type: counter, map: netdrop, value: packets}\n", 1,
       "rule file has no \"probe\""},
      {"probe: netdrop\n", 1, "rule file has no \"metrics\" list"},
      {"probe: netdrop\nmetrics: []\n", 2, "rule file has no \"metrics\" list"},
      {"probe: netdrop\nmetrics: {a: b}\n", 2, "rule file has no \"metrics\" list"},
      {"probe: netdrop\nmetrics:\n  - just text\n", 3, "metric must be a mapping"},
      {"probe: netdrop\nmetrics:\n  - {name: a_total, type: counter, map: netdrop, value: "
       "packets}\n",
       3, "metric has no \"help\""},
      {"probe: netdrop\nmetrics:\n  - {help: a, type: counter, map: netdrop, value: packets}\n", 3,
       "metric has no \"name\""},
      {"probe: netdrop\nmetrics:\n  - {name: a, help: a, map: netdrop, value: packets}\n", 3,
       "metric has no \"type\""},
      {with("    help: Again.\n"), 8, "key \"help\" appears twice in metric"},
      {"probe: netdrop\n" + std::string(kHead), 2, "key \"probe\" appears twice"},
      {with("    labels:\n      a: {field: netns}\n      a: {field: reason}\n"), 10,
       "\"a\" appears twice in \"labels\""},
      {with("    where:\n"), 8, "key \"where\" of metric has no value"},
      {with("    unit: ~\n"), 8, "key \"unit\" of metric has no value"},
      {"constants: {a: 1, a: 2}\n" + std::string(kHead), 1, "appears twice in \"constants\""},
  });
}

TEST(ParseRules, RefusesValuesOfAWrongShape) {
  expect_all_refused({
      {"just a text\n", 1, "rule file must be a mapping"},
      {"- a\n- b\n", 1, "rule file must be a mapping"},
      {with("    labels: [a]\n"), 8, "\"labels\" of metric must be a mapping"},
      {with("    labels: {a: netns}\n"), 8, "label \"a\" must be a mapping"},
      {with("    where: [a]\n"), 8, "\"where\" of metric must be a single value"},
      {with("    series_limit: many\n"), 8, "must be a whole number of at least 0"},
      {with("    series_limit: -1\n"), 8, "must be a whole number of at least 0"},
      {with("    series_limit: 0\n"), 8, "series_limit must be from 1 to 1000000"},
      {with("    series_limit: 1000001\n"), 8, "series_limit must be from 1 to 1000000"},
      {with("    labels: {a: {percpu: yes}}\n"), 8,
       "\"percpu\" of label \"a\" must be true or false"},
      {"programs: all\n" + std::string(kHead), 1, "\"programs\" of rule file must be a list"},
      {"constants: {a: x}\n" + std::string(kHead), 1,
       "constant \"a\" must be a whole number, true"},
      {"constants: {a: 9223372036854775808}\n" + std::string(kHead), 1, "must be a whole number"},
      {"max_entries: {netdrop: 0}\n" + std::string(kHead), 1, "must be from 1 to 4294967295"},
      {"max_entries: {netdrop: true}\n" + std::string(kHead), 1, "must be from 1 to 4294967295"},
      {"max_entries: {netdrop: [1]}\n" + std::string(kHead), 1, "must be from 1 to 4294967295"},
      {"max_entries: {netdrop: -1}\n" + std::string(kHead), 1, "must be from 1 to 4294967295"},
      {"max_entries: {netdrop: 4294967296}\n" + std::string(kHead), 1,
       "must be from 1 to 4294967295"},
      {"map_memory_limit: 1GB\n" + std::string(kHead), 1, "map_memory_limit: \"1GB\" does not fit"},
      {"cgroups: {map: runqueue_cgroup}\n" + std::string(kHead), 1, "cgroups has no \"match\""},
  });
}

TEST(ParseRules, RefusesTypesUnitsAndNames) {
  const auto metric = [](const std::string& name, const std::string& rest) {
    return "probe: netdrop\nmetrics:\n  - name: " + name + "\n    help: x\n    map: netdrop\n" +
           rest;
  };
  expect_all_refused({
      {metric("a", "    value: packets\n    type: conter\n"), 7, "unknown type \"conter\""},
      {metric("a_total", "    value: bytes\n    type: counter\n    unit: octets\n"), 8,
       "unknown unit \"octets\""},
      {metric("a_total", "    value: bytes\n    type: counter\n    unit: bytes\n"), 3,
       "must end in _bytes_total"},
      {metric("a", "    value: bytes\n    type: counter\n"), 3, "counter \"a\" must end in _total"},
      {metric("a-b_total", "    value: bytes\n    type: counter\n"), 3, "is not a metric name"},
      {metric("kernel_exporter_build_info", "    value: bytes\n    type: gauge\n"), 3,
       "which is reserved for the exporter"},
      {"probe: NetDrop\n" + std::string(kHead).substr(std::string(kHead).find('\n') + 1), 1,
       "\"NetDrop\" is not a probe name"},
      {with("    labels: {le: {field: netns}}\n"), 8, "\"le\" is not a label name"},
      {with("    labels:\n      \"a b\": {field: netns}\n"), 9, "\"a b\" is not a label name"},
      {with("    labels: {__name__: {field: netns}}\n"), 8, "is not a label name"},
      {with("    labels: {a: {}}\n"), 8, "label \"a\" needs exactly one of field"},
      {with("    labels: {a: {field: netns, value: x}}\n"), 8, "needs exactly one of field"},
      {with("    labels: {a: {percpu: false}}\n"), 8, "needs exactly one of field"},
      {with("    labels: {a: {value: x, decode: hex}}\n"), 8, "has no field to decode"},
      {with("    source: netlink\n"), 5, "needs exactly one of map"},
      {"probe: netdrop\nmetrics:\n  - name: a_total\n    help: A.\n    type: counter\n"
       "    source: sysfs\n    value: bytes\n",
       6, "unknown source \"sysfs\", expected one of \"mtd\", \"netlink\""},
  });
}

TEST(ParseRules, RefusesKeysThatDoNotGoTogether) {
  const auto metric = [](const std::string& rest) {
    return "probe: netdrop\nmetrics:\n  - name: a_seconds\n    help: x\n" + rest;
  };
  expect_all_refused({
      {metric("    type: gauge\n    value: x\n"), 3, "needs exactly one of map"},
      {metric("    type: gauge\n    source: sysfs\n"), 6, "unknown source \"sysfs\""},
      {metric("    type: histogram\n    map: netdrop\n    unit: nanoseconds\n"), 3,
       "histogram \"a_seconds\" has no buckets"},
      {metric("    type: gauge\n    map: netdrop\n    buckets: [1ms]\n"), 7,
       "only histograms have buckets"},
      {metric("    type: gauge\n    map: netdrop\n    sum: x\n"), 7,
       "only histograms and summaries have a sum"},
      {metric("    type: gauge\n    map: netdrop\n    count: x\n"), 7,
       "only summaries have a count"},
      {metric("    type: summary\n    map: netdrop\n    count: packets\n    sum: bytes\n    value: "
              "x\n"),
       9, "either a value or a count and a sum"},
      {metric("    type: histogram\n    map: netdrop\n    buckets: 5ms\n"), 7,
       "buckets must be a mapping"},
      {metric("    type: histogram\n    map: netdrop\n    buckets: {log: {}}\n"), 7,
       "unknown key \"log\" in buckets"},
      {metric(
           "    type: histogram\n    map: netdrop\n    buckets: {linear: {from: 1ms, count: 3}}\n"),
       7, "linear buckets has no \"width\""},
      {metric("    type: histogram\n    map: netdrop\n    buckets: {exponential: {from: 1ms}}\n"),
       7, "exponential buckets has no \"to\""},
  });
}

TEST(ParseRules, RefusesWhatIsNoYamlTextOfOneDocument) {
  std::string deep = "probe: netdrop\nmetrics: ";
  deep += std::string(5000, '[') + std::string(5000, ']');
  std::string deep_enough = "probe: netdrop\nmetrics: ";
  deep_enough += std::string(100, '[') + std::string(100, ']');
  expect_all_refused({
      {"", 0, "the rule file is empty"},
      {"# only a comment\n", 0, "the rule file is empty"},
      {"---\n...\n", 0, "the rule file is empty"},
      {kHead + std::string("---\n") + kHead, 8, "more than one YAML document"},
      // Of this yaml-cpp makes documents without end.
      {"# x\n    a: b\n    b: c\n\n  - d: e\n    e: f\n,   g: h\n", 5,
       "more than one YAML document"},
      {"probe: [a\n", 2, "end of sequence flow"},
      {"probe: a: b\n", 1, "illegal map value"},
      {"probe: \"a\n", 1, "is not a probe name"},
      {"\tprobe: a\n", 1, ""},
      {"probe: *nothing\n", 1, "the referenced anchor is not defined"},
      {std::string("probe: a\0b\n", 11), 0, "is binary"},
      {"probe: netdrop\nmetrics:\n  - help: caf\xe9\n", 3, "is not UTF-8"},
      {"# \xc0\x80\nprobe: x\n", 1, "is not UTF-8"},
      {std::string(1 << 20, ' ') + "probe: x\n", 0, "larger than 1 MiB"},
      {deep, 2, "nested too deeply"},
      {deep_enough, 2, "nested too deeply"},
      {with("    where: \"a\\0b\"\n"), 8, "holds a NUL character"},
  });
}

TEST(ParseRules, StopsWhatAliasesBlowUp) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 9; ++n) bomb += below + ", ";
    bomb += "]\n";
  }
  expect_refused({bomb, 0, "more than 50000 values"});
  expect_refused({"&a [*a]\n", 1, "nested too deeply"});
  expect_refused({"probe: &p {probe: *p}\n", 1, "nested too deeply"});
  std::string long_text = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 9; ++i) long_text += "*a, ";
  expect_refused({long_text + "]\n", 1, "more than 4 MiB of text"});
}

TEST(ParseRules, RefusesAListThatIsTooLongAtItsLine) {
  std::string text = "probe: netdrop\nmetrics:\n";
  for (int i = 0; i < 50'000; ++i) text += "- 1\n";
  expect_refused({text, 49'998, "more than 50000 values"});
}

TEST(ParseRules, TakesAliasesAnchorsCarriageReturnsAndAByteOrderMark) {
  std::string text =
      with("    labels: &l {netns: {field: netns}}\n") +
      "  - name: kernel_netdrop_bytes_total\n    help: \"Bytes \\\"x\\\"\\n\\u00e9.\"\n"
      "    map: netdrop\n    value: bytes\n    unit: bytes\n    type: counter\n"
      "    labels: *l\n";
  EXPECT_EQ(faults_of(text), "");
  EXPECT_EQ(faults_of("\xef\xbb\xbf" + text), "");
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) {
    text.replace(at, 1, "\r\n");
  }
  EXPECT_EQ(faults_of(text), "");
  expect_refused({text + "    lables: {}\r\n", 16, "unknown key \"lables\""});
}

TEST(ParseRules, KeepsEveryMessageOnOneLine) {
  const std::string faults = faults_of(with("    \"a\\nb\\e\\x85\": 1\n"));
  EXPECT_EQ(faults.find("test.yaml:8: unknown key \"a\\nb\\x1b\\x85\""), 0u) << faults;
  EXPECT_EQ(std::ranges::count(faults, '\n'), 1);
}

TEST(ParseRules, SaysAllThatIsWrongAtOnce) {
  const std::string faults =
      faults_of(with("    unit: octets\n    lables: {}\n    series_limit: 0\n"));
  EXPECT_EQ(std::ranges::count(faults, '\n'), 3) << faults;
}

class ReadRules : public ::testing::Test {
 protected:
  ReadRules()
      : path_(std::filesystem::temp_directory_path() / ("rules_test." + std::to_string(getpid()))) {
  }
  ~ReadRules() override { std::filesystem::remove(path_); }

  std::string faults(const std::string& path) {
    Diagnostics diagnostics;
    read_rules(path, diagnostics);
    return diagnostics.empty() ? "" : diagnostics.messages().front();
  }

  const std::string path_;
};

TEST_F(ReadRules, NamesTheFileThatItCannotRead) {
  EXPECT_EQ(faults("/no/such/file.yaml"),
            "/no/such/file.yaml: cannot be read: No such file or directory");
  EXPECT_EQ(faults("/tmp"), "/tmp: is a directory, expected a rule file");
  EXPECT_EQ(faults("/dev/zero"), "/dev/zero: is not a regular file, expected a rule file");
  EXPECT_EQ(faults("/proc/self/mem"), "/proc/self/mem: cannot be read: Input/output error");
  EXPECT_EQ(faults("/proc/self/exe").find("/proc/self/exe: is "), 0u);
}

TEST_F(ReadRules, ReadsWhatIsThere) {
  std::ofstream(path_) << kHead;
  EXPECT_EQ(faults(path_), "");
  std::ofstream(path_) << "probe: \xff\n";
  EXPECT_EQ(faults(path_), path_ + ":1: is not UTF-8, expected YAML text in UTF-8");
}

}  // namespace
}  // namespace kernel_exporter
