// SPDX-License-Identifier: Apache-2.0
#include "ota/ledger/ledger.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "../../host/temporary_tree.h"

namespace kernel_exporter {
namespace {

using Payloads = std::vector<std::string>;

std::string content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Payloads stored(const std::string& path) { return scan_records(content(path)).payloads; }

class LedgerTest : public testing::Test {
 protected:
  const TemporaryTree tree_;
  const std::string path_ = tree_.path("state/ota.ledger");
  const Payloads first_ = {"{\"first\":1}"};
};

TEST_F(LedgerTest, StartsWithoutAFileAndMakesItsFolder) {
  Ledger ledger(path_);
  const auto records = ledger.load();
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_TRUE(records->payloads.empty());
  EXPECT_TRUE(ledger.needs_replacement());
  EXPECT_FALSE(ledger.append("{}"));
  const auto replaced = ledger.replace(first_);
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_TRUE(ledger.append("{\"second\":2}"));
  EXPECT_EQ(stored(path_), (Payloads{"{\"first\":1}", "{\"second\":2}"}));
  EXPECT_EQ(ledger.size(), content(path_).size());
}

TEST_F(LedgerTest, BelongsToOneExporter) {
  auto first = std::make_unique<Ledger>(path_);
  ASSERT_TRUE(first->load());
  ASSERT_TRUE(first->replace(first_));  // the lock outlives the file
  Ledger second(path_);
  const std::string error = "ledger " + path_ + ": in use by another exporter (process " +
                            std::to_string(::getpid()) + ")";
  EXPECT_EQ(second.load().error().message.substr(0, error.size()), error);
  EXPECT_FALSE(second.append("{}"));
  EXPECT_FALSE(second.replace(Payloads{"{\"other\":1}"}));
  EXPECT_EQ(stored(path_), first_);
  Ledger elsewhere(tree_.path("state/other.ledger"));
  EXPECT_TRUE(elsewhere.load());  // the control
  first.reset();
  EXPECT_FALSE(second.replace(first_));  // it does not know what the first has written
  Ledger third(path_);
  const auto records = third.load();
  ASSERT_TRUE(records) << records.error().message;
  EXPECT_EQ(records->payloads, first_);
}

TEST_F(LedgerTest, AppendsToWhatIsThere) {
  tree_.file("state/ota.ledger", frame_record("{\"old\":1}"));
  Ledger ledger(path_);
  ASSERT_TRUE(ledger.load());
  EXPECT_FALSE(ledger.needs_replacement());
  EXPECT_TRUE(ledger.append("{\"new\":2}"));
  EXPECT_EQ(stored(path_), (Payloads{"{\"old\":1}", "{\"new\":2}"}));
}

TEST_F(LedgerTest, AsksForANewFileWhereverTheLastRecordIsTorn) {
  const std::string whole = frame_record("{\"old\":1}") + frame_record("{\"torn\":2}");
  const size_t start = frame_record("{\"old\":1}").size();
  for (size_t length = start + 1; length < whole.size(); ++length) {
    tree_.file("state/ota.ledger", whole.substr(0, length));
    Ledger ledger(path_);
    const auto records = ledger.load();
    ASSERT_TRUE(records);
    EXPECT_EQ(records->payloads, (Payloads{"{\"old\":1}"}));
    EXPECT_TRUE(ledger.needs_replacement());
    ASSERT_TRUE(ledger.replace(records->payloads));
    ASSERT_TRUE(ledger.append("{\"next\":3}"));
    EXPECT_EQ(stored(path_), (Payloads{"{\"old\":1}", "{\"next\":3}"}));
  }
}

TEST_F(LedgerTest, PutsAsideWhatIsNoLedger) {
  tree_.file("state/ota.ledger", "precious notes");
  Ledger ledger(path_);
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.replace(first_));
  EXPECT_EQ(content(path_ + ".unreadable"), "precious notes");
  EXPECT_EQ(stored(path_), first_);
}

TEST_F(LedgerTest, KeepsRecordsOfLaterVersionsInANewFile) {
  const std::string later = frame_record("{}", 9);
  tree_.file("state/ota.ledger", frame_record("{\"old\":1}") + later);
  Ledger ledger(path_);
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.replace(first_));
  EXPECT_EQ(scan_records(content(path_)).newer_frames, Payloads{later});
}

TEST_F(LedgerTest, TakesANewFileAfterAFailedSync) {
  int failures = 0;
  Ledger ledger(path_, [&](int) {
    errno = EIO;
    return failures-- > 0 ? -1 : 0;
  });
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.replace(first_));
  failures = 1;
  const auto appended = ledger.append("{}");
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().message, "ledger " + path_ + ": sync: Input/output error");
  EXPECT_TRUE(ledger.needs_replacement());
  failures = 1;
  EXPECT_FALSE(ledger.replace(first_));
  EXPECT_TRUE(ledger.needs_replacement());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  EXPECT_TRUE(ledger.replace(first_));
  EXPECT_TRUE(ledger.append("{}"));
}

TEST_F(LedgerTest, NamesTheRemedyWhereThereIsOne) {
  int failure = 0;
  Ledger ledger(path_, [&](int) {
    errno = failure;
    return failure == 0 ? 0 : -1;
  });
  ASSERT_TRUE(ledger.load());
  for (const auto& [number, words] : std::initializer_list<std::pair<int, std::string>>{
           {ENOSPC, "No space left on device (free space on its file system)"},
           {EDQUOT, "Disk quota exceeded (free space on its file system)"},
           {EROFS,
            "Read-only file system (mount its file system writable; under systemd, "
            "ReadWritePaths= must name it)"},
           {EIO, "Input/output error"}}) {
    failure = 0;
    ASSERT_TRUE(ledger.replace(first_));
    failure = number;
    const auto appended = ledger.append("{}");
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().message, "ledger " + path_ + ": sync: " + words);
  }
}

TEST_F(LedgerTest, NoticesThatItsFileWasDeleted) {
  Ledger ledger(path_);
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.replace(first_));
  std::filesystem::remove(path_);
  EXPECT_TRUE(ledger.needs_replacement());
  EXPECT_FALSE(ledger.append("{}"));
}

// A limit on the size of files stands in for a full disk: write(2) takes a part, then fails.
TEST_F(LedgerTest, RecoversFromAFullDisk) {
  Ledger ledger(path_);
  ASSERT_TRUE(ledger.load());
  ASSERT_TRUE(ledger.replace(first_));
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit = {};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  rlimit limit = old_limit;
  limit.rlim_cur = ledger.size() + 10;
  setrlimit(RLIMIT_FSIZE, &limit);
  const auto appended = ledger.append("{\"long\":\"................\"}");
  limit.rlim_cur = 5;
  setrlimit(RLIMIT_FSIZE, &limit);
  const auto replaced = ledger.replace(first_);
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(appended);
  EXPECT_NE(appended.error().message.find("File too large"), std::string::npos);
  EXPECT_FALSE(replaced);
  EXPECT_EQ(stored(path_), first_);
  EXPECT_TRUE(ledger.replace(first_));
  EXPECT_EQ(scan_records(content(path_)).damaged, 0u);
}

TEST_F(LedgerTest, NamesThePathThatCannotBeWritten) {
  tree_.file("state", "a file where a folder should be");
  Ledger ledger(path_);
  const auto loaded = ledger.load();
  const auto replaced = ledger.replace(first_);
  ASSERT_FALSE(replaced);
  EXPECT_NE(replaced.error().message.find(path_), std::string::npos) << replaced.error().message;
  EXPECT_TRUE(ledger.needs_replacement());
}

}  // namespace
}  // namespace kernel_exporter
