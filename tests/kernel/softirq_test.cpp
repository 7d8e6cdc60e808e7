// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <thread>

#include "exporter_process.h"
#include "private_network.h"
#include "slow_receiver.h"
#include "softirq_counts.h"
#include "text.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kLatencyCount[] = "kernel_softirq_latency_seconds_count";
constexpr char kLatencyBucket[] = "kernel_softirq_latency_seconds_bucket";
constexpr char kDurationBucket[] = "kernel_softirq_duration_seconds_bucket";
constexpr char kDurationCount[] = "kernel_softirq_duration_seconds_count";
constexpr char kUnseenRaises[] = "kernel_softirq_unseen_raises_total";

// Each enters net_rx once: loopback hands a packet to the softirq when the sender's bottom halves
// are enabled again, which is before the next one.
constexpr int kDatagrams = 3000;

void send_over_loopback(const PrivateNetwork& network, int datagrams) {
  const PrivateNetwork::Inside inside(network);
  const UniqueFd receiver(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  checked(::bind(receiver.get(), name, size), "bind");
  checked(::getsockname(receiver.get(), name, &size), "getsockname");
  for (int i = 0; i < datagrams; ++i) {
    char byte = 0;
    if (::sendto(receiver.get(), &byte, 1, 0, name, size) != 1) give_up("datagram");
    if (::recv(receiver.get(), &byte, 1, 0) != 1) give_up("datagram");
  }
}

double entries(const Samples& samples, const std::string& vector) {
  return samples.sum(kLatencyCount, {{"vector", vector}}) +
         samples.sum(kUnseenRaises, {{"vector", vector}});
}

double exits(const Samples& samples, const std::string& vector) {
  return samples.sum(kDurationCount, {{"vector", vector}});
}

// The scrapes of one exporter before, between and after traffic in net_rx.
std::vector<BracketedScrape> scrapes_around_traffic(const ExporterProcess& exporter) {
  const PrivateNetwork network;
  std::vector<BracketedScrape> scrapes = {bracketed_scrape(exporter)};
  for (int round = 0; round < 3; ++round) {
    send_over_loopback(network, kDatagrams / 3);
    scrapes.push_back(bracketed_scrape(exporter));
  }
  return scrapes;
}

using Exported = double (*)(const Samples&, const std::string&);

// How far the scrapes leave open what the exporter does not know: the kernel's count at its start.
// `vectors` of the kernel together make up `label` of the exporter.
OffsetRange compare(const std::vector<BracketedScrape>& scrapes, Exported exported,
                    const std::string& label, const std::vector<std::string>& vectors) {
  std::vector<Observation> observations;
  for (const BracketedScrape& scrape : scrapes) {
    Observation seen{exported(scrape.samples, label), 0, 0};
    for (const std::string& vector : vectors) {
      seen.before += scrape.before.at(vector);
      seen.after += scrape.after.at(vector);
    }
    observations.push_back(seen);
  }
  return offset_range(observations);
}

std::set<std::string> kernel_vectors() {
  std::set<std::string> vectors;
  for (const auto& [vector, count] : read_softirq_counts()) vectors.insert(vector);
  return vectors;
}

// The vectors for which no constant makes the exporter's numbers the kernel's.
std::set<std::string> contradicted(const std::vector<BracketedScrape>& scrapes, Exported exported) {
  std::set<std::string> wrong;
  for (const std::string& vector : kernel_vectors()) {
    if (compare(scrapes, exported, vector, {vector}).is_empty()) wrong.insert(vector);
  }
  return wrong;
}

double increase(const std::vector<BracketedScrape>& scrapes, Exported exported,
                const std::string& vector) {
  return exported(scrapes.back().samples, vector) - exported(scrapes.front().samples, vector);
}

TEST(Softirq, HasASeriesForEachVectorOfTheKernel) {
  const ExporterProcess exporter({full_rules("softirq")});
  const Samples samples = exporter.scrape();
  VERIFY_EQ(kernel_vectors().size(), 10u);
  VERIFY_EQ(samples.label_values(kLatencyCount, "vector"), kernel_vectors());
  VERIFY_EQ(samples.label_values(kDurationCount, "vector"), kernel_vectors());
  VERIFY_EQ(samples.label_values(kUnseenRaises, "vector"), kernel_vectors());
}

TEST(Softirq, CountsEveryEntryAndExitThatProcSoftirqsCounts) {
  const ExporterProcess exporter({full_rules("softirq")});
  const std::vector<BracketedScrape> scrapes = scrapes_around_traffic(exporter);
  VERIFY_EQ(contradicted(scrapes, entries), std::set<std::string>());
  VERIFY_EQ(contradicted(scrapes, exits), std::set<std::string>());
  VERIFY_GE(increase(scrapes, entries, "net_rx"), kDatagrams);
  VERIFY_GE(increase(scrapes, exits, "net_rx"), kDatagrams);
  // What the comparison cannot see is small against what happened.
  const double open = compare(scrapes, entries, "net_rx", {"net_rx"}).width();
  VERIFY_LE(open, kDatagrams / 10);
  // The comparison can fail: these are not the same events.
  VERIFY_TRUE(compare(scrapes, entries, "net_rx", {"hi"}).is_empty());
  VERIFY_TRUE(compare(scrapes, exits, "net_rx", {"hi"}).is_empty());
  VERIFY_TRUE(compare(scrapes, entries, "hi", {"net_rx"}).is_empty());
}

TEST(Softirq, SumsUpTheSameInTheGroupsOfTheDefaultProfile) {
  const ExporterProcess exporter({default_rules("softirq")});
  const std::vector<BracketedScrape> scrapes = scrapes_around_traffic(exporter);
  // Without the unseen raises, which the default profile has no vector for.
  const auto measured = [](const Samples& samples, const std::string& group) {
    return samples.sum(kLatencyCount, {{"vector", group}});
  };
  const std::set<std::string> groups = {"block", "net_rx", "other", "timer"};
  VERIFY_EQ(scrapes.back().samples.label_values(kLatencyCount, "vector"), groups);
  VERIFY_GE(increase(scrapes, measured, "net_rx"), kDatagrams * 0.99);
  const std::vector<std::string> others = {"hi",    "net_tx",  "irq_poll", "tasklet",
                                           "sched", "hrtimer", "rcu"};
  VERIFY_FALSE(compare(scrapes, exits, "net_rx", {"net_rx"}).is_empty());
  VERIFY_FALSE(compare(scrapes, exits, "block", {"block"}).is_empty());
  VERIFY_FALSE(compare(scrapes, exits, "timer", {"timer"}).is_empty());
  VERIFY_FALSE(compare(scrapes, exits, "other", others).is_empty());
  const auto all = [](const Samples& samples, const std::string&) {
    return samples.sum(kLatencyCount) + samples.sum(kUnseenRaises);
  };
  const std::set<std::string> vectors = kernel_vectors();
  VERIFY_FALSE(compare(scrapes, all, "", {vectors.begin(), vectors.end()}).is_empty());
  VERIFY_TRUE(compare(scrapes, all, "", others).is_empty());
}

// While net_rx is held, ticks find an expired timer and raise the timer softirq again and again.
// Ticks are 1 to 10 ms apart: had the last raise won, no wait would look longer than that.
constexpr timeval kTimerIn = {0, 100'000};
constexpr uint64_t kHeld = 300'000'000;
constexpr char kLongWait[] = "0.131072";
constexpr int kAttempts = 20;

class PinnedToOneCpu {
 public:
  PinnedToOneCpu() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    checked(::sched_setaffinity(0, sizeof one, &one), "affinity");
  }
  ~PinnedToOneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

// Sleeps on a timer that the timer softirq of its CPU runs, unlike a nanosleep.
void sleep_by_timer(std::promise<pid_t>& thread_id) {
  const UniqueFd socket(checked(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kTimerIn, sizeof kTimerIn);
  thread_id.set_value(::gettid());
  char byte;
  (void)::recv(socket.get(), &byte, 1, 0);
}

void wait_until_asleep(pid_t thread_id) {
  const std::string stat = "/proc/self/task/" + std::to_string(thread_id) + "/stat";
  while (read_text(stat).find(") S ") == std::string::npos) ::sched_yield();
}

// Whether the timer's wait was a long one, by our clock: on a busy machine the hold may begin too
// late, or be ksoftirqd's.
bool hold_net_rx_over_a_timer(SlowReceiver& receiver, uint64_t nanoseconds) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kExpires = std::chrono::microseconds(kTimerIn.tv_usec);
  constexpr auto kTimerSlack = std::chrono::milliseconds(20);  // two of the longest ticks
  constexpr auto kLong = std::chrono::microseconds(131'072);
  const PinnedToOneCpu pinned;
  std::promise<pid_t> thread_id;
  const auto set = Clock::now();
  std::thread sleeper([&] { sleep_by_timer(thread_id); });
  wait_until_asleep(thread_id.get_future().get());
  const auto held = Clock::now();
  receiver.hold_net_rx(nanoseconds);
  const auto released = Clock::now();
  sleeper.join();
  return held < set + kExpires && released > held + kExpires + kTimerSlack + kLong;
}

double long_waits(const Samples& samples) {
  return samples.sum(kLatencyCount, {{"vector", "timer"}}) -
         samples.sum(kLatencyBucket, {{"vector", "timer"}, {"le", kLongWait}});
}

double long_runs_of_net_rx(const Samples& samples) {
  return samples.sum(kDurationCount, {{"vector", "net_rx"}}) -
         samples.sum(kDurationBucket, {{"vector", "net_rx"}, {"le", kLongWait}});
}

SlowReceiver slow_receiver(const PrivateNetwork& network) {
  const PrivateNetwork::Inside inside(network);
  return SlowReceiver();
}

TEST(Softirq, MeasuresFromTheFirstRaiseOfADelayedVector) {
  const PrivateNetwork network;
  SlowReceiver receiver = slow_receiver(network);
  const ExporterProcess exporter({full_rules("softirq")});
  std::vector<Samples> scrapes;
  bool delays = false;
  for (int attempt = 0; attempt < kAttempts && !delays; ++attempt) {
    scrapes = {exporter.scrape()};
    hold_net_rx_over_a_timer(receiver, 0);
    scrapes.push_back(exporter.scrape());
    delays = hold_net_rx_over_a_timer(receiver, kHeld);
    scrapes.push_back(exporter.scrape());
  }
  VERIFY_TRUE(delays);
  const Samples& before = scrapes[0];
  const Samples& undelayed = scrapes[1];
  const Samples& delayed = scrapes[2];
  // Without a delay nothing waits for long.
  VERIFY_EQ(long_waits(undelayed), long_waits(before));
  VERIFY_EQ(long_runs_of_net_rx(undelayed), long_runs_of_net_rx(before));
  VERIFY_EQ(long_runs_of_net_rx(delayed), long_runs_of_net_rx(undelayed) + 1);
  VERIFY_EQ(long_waits(delayed), long_waits(undelayed) + 1);
}

}  // namespace
}  // namespace kernel_exporter
