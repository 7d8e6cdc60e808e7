// SPDX-License-Identifier: Apache-2.0
// Who wrote it, where the update is a process and what that started.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "otawrite_fixture.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t kUpdate = 51;
constexpr uint64_t kOther = 52;

class OtawriteProcessTest : public OtawriteTest {
 protected:
  void SetUp() override {
    OtawriteTest::SetUp();
    bind();
  }
  void bind_process(pid_t process, uint64_t transaction) {
    const auto bound = bindings_->bind_process(static_cast<uint32_t>(process), transaction);
    ASSERT_TRUE(bound) << bound.error().message;
  }
  bool write(uint64_t at) const { return write_direct(loop_->path(), at, kMebibyte); }
};

bool run_in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = 1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

// A process that does nothing until it is killed.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) ::pause();
  }
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST_F(OtawriteProcessTest, CountsTheProcessAndItsDescendants) {
  bind_process(::getpid(), kUpdate);
  EXPECT_TRUE(write(0));
  run_outside([&] {
    return write(kMebibyte) && run_in_child([&] { return write(2 * kMebibyte); }) &&
           write_cached(loop_->path(), 8 * kMebibyte, 4 * kMebibyte);
  });
  EXPECT_TRUE(sync_file(loop_->path()));
  EXPECT_EQ(total(kUpdate, OTA_BY_TASK), 3 * kMebibyte);
  EXPECT_EQ(total(kUpdate, OTA_BY_INODE), 4 * kMebibyte);
  EXPECT_EQ(written(loop_->number()), disk_writes().bytes);
  EXPECT_EQ(by(OTA_BY_NOBODY), 0u);
}

TEST_F(OtawriteProcessTest, CountsNobodyElse) {
  const Sleeper sleeper;
  bind_process(sleeper.pid(), kUpdate);
  run_outside([&] { return write(0); });
  EXPECT_EQ(total(kUpdate), 0u);
  EXPECT_EQ(by(OTA_BY_NOBODY), kMebibyte);
}

// Init's child is nobody's descendant any more.
TEST_F(OtawriteProcessTest, LosesAnOrphan) {
  bind_process(::getpid(), kUpdate);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  run_outside([&] {
    const pid_t parent = ::getpid();
    if (::fork() != 0) return true;
    while (::getppid() == parent) ::sched_yield();
    const char done = write(0) ? 'y' : 'n';
    return ::write(input.get(), &done, 1) == 1;
  });
  char done = 0;
  input = UniqueFd();
  EXPECT_EQ(::read(output.get(), &done, 1), 1);
  EXPECT_EQ(done, 'y');
  EXPECT_EQ(total(kUpdate), 0u);
  EXPECT_EQ(by(OTA_BY_NOBODY), kMebibyte);
}

TEST_F(OtawriteProcessTest, AsksTheCgroupFirst) {
  bind_cgroup(kUpdate);
  bind_process(::getpid(), kOther);
  cgroup_->run([&] { return write(0); });
  run_outside([&] { return write(kMebibyte) && write(2 * kMebibyte); });
  EXPECT_EQ(total(kUpdate), kMebibyte);
  EXPECT_EQ(total(kOther), 2 * kMebibyte);
}

TEST_F(OtawriteProcessTest, StopsWhenItIsUnboundOrItsTransactionRetired) {
  bind_process(::getpid(), kUpdate);
  EXPECT_TRUE(bindings_->unbind_process(static_cast<uint32_t>(::getpid())));
  EXPECT_TRUE(write(0));
  EXPECT_EQ(total(kUpdate), 0u);
  bind_process(::getpid(), kUpdate);
  EXPECT_TRUE(write(kMebibyte));
  EXPECT_TRUE(bindings_->retire(kUpdate));
  EXPECT_TRUE(write(2 * kMebibyte));
  EXPECT_EQ(total(kUpdate), kMebibyte);
  EXPECT_EQ(by(OTA_BY_NOBODY), 2 * kMebibyte);
}

}  // namespace
}  // namespace kernel_exporter
