// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "../../host/temporary_tree.h"
#include "ota/tracker/tracker.h"

namespace kernel_exporter {
namespace {

struct Acknowledged {
  uint64_t number;
  uint64_t ended;
};

// Begins and fails transactions without end, and tells the pipe of each change once it returned.
[[noreturn]] void work(const OtaConfig& config, int pipe) {
  OtaTracker tracker(config, {}, "boot");
  Acknowledged told = {0, tracker.book()->engines().at("e").totals.outcomes[1]};
  for (;;) {
    OtaBegin begin;
    begin.id = "x";
    begin.engine = "e";
    const auto begun = tracker.begin(begin);
    if (!begun) _exit(1);
    told.number = begun->transaction.number;
    if (::write(pipe, &told, sizeof told) != sizeof told) _exit(2);
    if (!tracker.end({})) _exit(3);
    ++told.ended;
    if (::write(pipe, &told, sizeof told) != sizeof told) _exit(4);
  }
}

// Also shows that numbers are not used again and that compaction (a small limit) loses nothing.
TEST(OtaCrash, WhatWasAcknowledgedIsThereAfterKill) {
  const TemporaryTree tree;
  OtaConfig config;
  config.ledger = tree.path("ota.ledger");
  config.engines = {"e"};
  config.keep_transactions = 5;
  config.ledger_max_bytes = 16 << 10;
  std::minstd_rand random(std::random_device{}());
  uint64_t highest = 0;
  for (int round = 0; round < 15; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work(config, ends[1]);
    ::close(ends[1]);
    // The random point: so many acknowledgements, and a few microseconds more.
    Acknowledged last = {};
    for (int left = 1 + static_cast<int>(random() % 30); left > 0; --left) {
      ASSERT_EQ(::read(ends[0], &last, sizeof last), ssize_t{sizeof last});
      EXPECT_GE(last.number, highest);
      highest = last.number;
    }
    ::usleep(random() % 500);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    while (::read(ends[0], &last, sizeof last) == ssize_t{sizeof last}) highest = last.number;
    ::close(ends[0]);

    OtaTracker recovered(config, {}, "boot");
    const uint64_t failed = recovered.book()->engines().at("e").totals.outcomes[1];
    // One change may have been written without being acknowledged any more.
    EXPECT_GE(failed, last.ended);
    EXPECT_LE(failed, last.ended + 1);
    if (const auto open = recovered.open_transactions(); !open.empty()) {
      EXPECT_GE(open.front()->number, highest);
      ASSERT_TRUE(recovered.end({}));
    }
  }
}

}  // namespace
}  // namespace kernel_exporter
