// From maps of the kernel through rules, collector and writer: the text that a scrape answers with.
#include <bpf/bpf.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"
#include "collected.h"
#include "exposition/writer.h"
#include "probe/map_keys.h"

namespace kernel_exporter {
namespace {

constexpr char kRules[] =
    "probe: netdrop\n"
    "metrics:\n"
    "  - {name: drops_total, help: \"Drops by \\\"key\\\",\\nback\\\\slash.\", type: counter,\n"
    "     map: netdrop, value: packets, labels: {netns: {field: netns}, device: {field: ifindex},\n"
    "     place: {value: \"a \\\"b\\\" \\\\c\\n\"}}}\n"
    "  - {name: dropped_bytes_total, help: Bytes., type: counter, map: netdrop, value: bytes,\n"
    "     unit: bytes, labels: {cpu: {percpu: true}}}\n"
    "  - {name: first_drops_total, help: Few., type: counter, map: netdrop, value: packets,\n"
    "     series_limit: 2, where: netns > 1, labels: {netns: {field: netns}}}\n"
    "  - {name: drops_now, help: As gauge., type: gauge, map: netdrop, value: packets}\n"
    "  - {name: drops_seconds_total, help: Scaled., type: counter, map: netdrop, value: bytes,\n"
    "     unit: nanoseconds}\n";
constexpr char kHistogramRules[] =
    "probe: runqueue\n"
    "metrics:\n"
    "  - {name: wait_seconds, help: Waiting., type: histogram, map: runqueue_cgroup,\n"
    "     value: latency, unit: nanoseconds, buckets: [1us, 1.5ms, 20s],\n"
    "     labels: {id: {field: cgroup}}}\n"
    "  - {name: all_wait_seconds, help: Together., type: histogram, map: runqueue_cgroup,\n"
    "     value: latency, unit: nanoseconds, buckets: [1us, 1.5ms, 20s]}\n"
    "  - {name: wait_summary_seconds, help: Summary., type: summary, map: runqueue_cgroup,\n"
    "     value: latency, unit: nanoseconds, labels: {id: {field: cgroup}}}\n";

std::string golden(const std::string& name) {
  std::ifstream file(KERNEL_EXPORTER_SOURCE_DIR "/tests/metrics/golden/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

UniqueFd create_map(const char* name) {
  const MapInfo& info = *own_object().map(name);
  return UniqueFd(bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, name, info.key_size, info.value_size, 16,
                                 nullptr));
}

// A value whose i-th number is `first` + i on CPU 0 and 0 elsewhere.
void put(const UniqueFd& map, const char* name, const void* key, uint64_t first) {
  const size_t numbers = own_object().map(name)->value_size / sizeof(uint64_t);
  std::vector<uint64_t> values(numbers * static_cast<size_t>(possible_cpus()));
  for (size_t i = 0; i < numbers; ++i) values[i] = first + i;
  ASSERT_EQ(bpf_map_update_elem(map.get(), key, values.data(), BPF_ANY), 0);
}

class ExpositionKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    drops_ = create_map("netdrop");
    waits_ = create_map("runqueue_cgroup");
    ASSERT_TRUE(drops_ && waits_) << "this test needs root";
    // One key for each series: the order of a hash is the kernel's affair.
    const uint32_t drop[3] = {7, 2, 3};
    put(drops_, "netdrop", drop, 1'000'000'007);
    const uint64_t cgroup = 42;
    put(waits_, "runqueue_cgroup", &cgroup, 1'234'567'890'123);
  }

  std::string scraped(const char* rules, Format format) {
    auto object = std::make_unique<FakeObject>(own_object());
    object->fds["netdrop"] = drops_.get();
    object->fds["runqueue_cgroup"] = waits_.get();
    std::vector<NamedObject> objects;
    objects.push_back({"", std::move(object)});
    Collector collector(compile(rules), std::move(objects), test_host());
    std::string first, text;
    collector.scrape({}, soon(), *make_writer(format, first));
    const auto writer = make_writer(format, text);
    collector.scrape({}, soon(), *writer);
    writer->finish();
    EXPECT_TRUE(text.starts_with(first)) << "the second scrape of the same numbers says otherwise";
    return text;
  }

  UniqueFd drops_;
  UniqueFd waits_;
};

// How many CPUs there are is the machine's affair: only the first one's series stay.
std::string without_other_cpus(const std::string& text) {
  std::string kept;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("{cpu=\"") == line.npos || line.find("{cpu=\"0\"") != line.npos) {
      kept += line + "\n";
    }
  }
  return kept;
}

TEST_F(ExpositionKernelTest, WritesCountersAndGauges) {
  EXPECT_EQ(without_other_cpus(scraped(kRules, Format::kText004)), golden("values.prom"));
  EXPECT_EQ(without_other_cpus(scraped(kRules, Format::kOpenMetrics100)),
            golden("values.openmetrics"));
}

TEST_F(ExpositionKernelTest, WritesHistogramsAndSummaries) {
  EXPECT_EQ(scraped(kHistogramRules, Format::kText004), golden("distributions.prom"));
  EXPECT_EQ(scraped(kHistogramRules, Format::kOpenMetrics100), golden("distributions.openmetrics"));
}

}  // namespace
}  // namespace kernel_exporter
