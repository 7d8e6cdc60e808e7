// SPDX-License-Identifier: Apache-2.0
// From maps of the kernel through rules, collector and writer: the text that a scrape answers with.
#include <bpf/bpf.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"
#include "collected.h"
#include "exposition/writer.h"
#include "probe/map_keys.h"
#include "recording_sink.h"

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

constexpr SystemTime kLoaded{std::chrono::hours(24)};

std::string golden(const std::string& name) {
  std::ifstream file(KERNEL_EXPORTER_SOURCE_DIR "/tests/metrics/golden/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

UniqueFd create_map(const char* name) {
  const MapInfo& info = *own_object().map(name);
  return UniqueFd(
      bpf_map_create(BPF_MAP_TYPE_PERCPU_HASH, name, info.key_size, info.value_size, 16, nullptr));
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

  std::unique_ptr<Collector> collector(const std::string& rules) {
    auto object = std::make_unique<FakeObject>(own_object());
    object->fds["netdrop"] = drops_.get();
    object->fds["runqueue_cgroup"] = waits_.get();
    auto generation = std::make_shared<Generation>();
    generation->add({}, std::move(object));
    return std::make_unique<Collector>(compile(rules), std::move(generation), test_host(), kLoaded);
  }

  std::string scraped(const char* rules, Format format) {
    const auto source = collector(rules);
    std::string first, text;
    source->scrape({}, soon(), *make_writer(format, first));
    const auto writer = make_writer(format, text);
    source->scrape({}, soon(), *writer);
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

using Pairs = std::vector<std::pair<std::string, std::string>>;

const RecordedSample& only(const RecordingSink& sink, const std::string& family) {
  const std::vector<RecordedSample>& samples = sink.families.at(family).samples;
  EXPECT_EQ(samples.size(), 1u) << family;
  return samples.front();
}

TEST_F(ExpositionKernelTest, TellsAnyWriterLabelsAsPairsAndNumbersAsNumbers) {
  RecordingSink sink;
  collector(kRules)->scrape({}, soon(), sink);
  const RecordedSample& drops = only(sink, "drops_total");
  EXPECT_EQ(drops.labels, (Pairs{{"netns", "7"}, {"device", "2"}, {"place", "a \"b\" \\c\n"}}));
  EXPECT_EQ(std::get<uint64_t>(drops.value), 1'000'000'007u);
  EXPECT_EQ(sink.families.at("drops_total").header.help, "Drops by \"key\",\nback\\slash.");
  EXPECT_EQ(std::get<double>(only(sink, "drops_seconds_total").value), 1.000000008);
  EXPECT_EQ(only(sink, "drops_now").labels, Pairs());
}

TEST_F(ExpositionKernelTest, TellsAnyWriterBoundsAndKindOfBuckets) {
  RecordingSink sink;
  const auto source = collector(kHistogramRules);
  source->scrape({}, soon(), sink);
  const FamilyHeader& header = sink.families.at("wait_seconds").header;
  EXPECT_EQ(header.type, MetricType::kHistogram);
  EXPECT_EQ(header.unit, "seconds");
  EXPECT_EQ(header.buckets.kind, BucketKind::kListed);
  EXPECT_EQ(header.buckets.bounds, (std::vector<double>{1e-6, 0.0015, 20}));
  const RecordedSample& waits = only(sink, "wait_seconds");
  EXPECT_EQ(waits.labels, (Pairs{{"id", "42"}}));
  constexpr uint64_t kFirst = 1'234'567'890'124;  // behind the sum
  ASSERT_EQ(waits.counts.size(), 4u);
  EXPECT_EQ(waits.counts[0], kFirst);
  EXPECT_EQ(waits.counts[2], kFirst + 2);
  EXPECT_EQ(std::get<HistogramValue>(waits.value).sum, 1234.567890123);
  EXPECT_EQ(std::get<SummaryValue>(only(sink, "wait_summary_seconds").value).sum, 1234.567890123);

  std::string rules = kHistogramRules;
  for (size_t at; (at = rules.find("[1us, 1.5ms, 20s]")) != rules.npos;) {
    rules.replace(at, 17, "{exponential: {from: 1us, to: 4us}}");
  }
  RecordingSink exponential;
  collector(rules)->scrape({}, soon(), exponential);
  const BucketLayout& buckets = exponential.families.at("wait_seconds").header.buckets;
  EXPECT_EQ(buckets.kind, BucketKind::kExponential);
  EXPECT_EQ(buckets.bounds, (std::vector<double>{1e-6, 2e-6, 4e-6}));
}

TEST_F(ExpositionKernelTest, TellsAnyWriterSinceWhenASeriesCounts) {
  const auto source = collector(
      "probe: netdrop\n"
      "metrics:\n"
      "  - {name: drops_total, help: x, type: counter, map: netdrop, value: packets,\n"
      "     labels: {netns: {field: netns}}}\n"
      "  - {name: drops_now, help: x, type: gauge, map: netdrop, value: packets}\n"
      "  - {name: rx_total, help: x, type: counter, source: netlink, value: rx_packets}\n");
  const SystemTime before = std::chrono::system_clock::now();
  RecordingSink first;
  source->scrape({}, soon(), first);
  const SystemTime between = std::chrono::system_clock::now();
  EXPECT_EQ(only(first, "drops_total").start, kLoaded);
  EXPECT_EQ(only(first, "drops_now").start, std::nullopt);
  EXPECT_EQ(only(first, "rx_total").start, std::nullopt) << "the kernel counted before we came";

  const uint32_t late[3] = {8, 2, 3};
  put(drops_, "netdrop", late, 5);
  RecordingSink second;
  source->scrape({}, soon(), second);
  std::map<std::string, std::optional<SystemTime>> starts;
  for (const RecordedSample& sample : second.families.at("drops_total").samples) {
    starts[sample.labels.front().second] = sample.start;
  }
  EXPECT_EQ(starts["7"], kLoaded);
  // At the first scrape there was no such key.
  ASSERT_TRUE(starts["8"]);
  EXPECT_GE(*starts["8"], before);
  EXPECT_LE(*starts["8"], between);
}

}  // namespace
}  // namespace kernel_exporter
