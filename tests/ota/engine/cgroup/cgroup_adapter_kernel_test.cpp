// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <fstream>

#include "host/cgroup_mount.h"
#include "ota/engine/cgroup/cgroup_adapter.h"

namespace kernel_exporter {
namespace {

using Kind = EngineEvent::Kind;

class CgroupAdapterTest : public testing::Test {
 protected:
  CgroupAdapterTest() {
    root_ = open_cgroup_root({});
    EXPECT_TRUE(root_);
    EXPECT_EQ(::mkdirat(root_->get(), name_.c_str(), 0755), 0);
  }
  ~CgroupAdapterTest() override {
    end_process();
    remove();
  }

  void start_process() {
    process_ = ::fork();
    if (process_ == 0) {
      ::pause();
      ::_exit(0);
    }
    std::ofstream("/proc/self/fd/" + std::to_string(root_->get()) + "/" + name_ + "/cgroup.procs")
        << process_;
  }
  void end_process() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

  // A process that was killed leaves its cgroup a moment later than its parent hears of it.
  void remove() {
    while (::unlinkat(root_->get(), name_.c_str(), AT_REMOVEDIR) != 0 && errno == EBUSY)
      ::usleep(1000);
  }

  std::unique_ptr<CgroupAdapter> start() {
    return std::make_unique<CgroupAdapter>(
        std::vector<OtaCgroupConfig>{{"own", "/" + name_}, {"other", "/kernel_exporter_nobody*"}},
        [this](const EngineEvent& event) {
          const std::lock_guard lock(mutex_);
          events_.push_back(event);
          news_.notify_all();
        },
        [this](const std::string&) { return troubled_.load(); }, HostPaths{});
  }
  // The event of the engine at this place in its story.
  EngineEvent event(const std::string& engine, size_t place) {
    std::unique_lock lock(mutex_);
    EngineEvent found;
    const bool there = news_.wait_for(lock, std::chrono::seconds(20), [&] {
      size_t seen = 0;
      for (const EngineEvent& event : events_) {
        if (event.engine == engine && seen++ == place) {
          found = event;
          return true;
        }
      }
      return false;
    });
    EXPECT_TRUE(there) << engine << " " << place;
    return found;
  }

  const std::string name_ = "kernel_exporter_cgroup_" + std::to_string(::getpid());
  Result<UniqueFd> root_ = fail("");
  pid_t process_ = 0;
  std::atomic<bool> troubled_ = false;
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<EngineEvent> events_;
};

TEST_F(CgroupAdapterTest, AnUpdateGoesOnWhileThereAreProcesses) {
  const auto adapter = start();
  EXPECT_EQ(event("own", 0).kind, Kind::kInstalled);  // one that was open has ended unseen
  start_process();
  const EngineEvent started = event("own", 1);
  EXPECT_EQ(started.kind, Kind::kStarted);
  EXPECT_EQ(started.cgroup, "/" + name_);
  EXPECT_EQ(started.states, std::vector<OtaState>{OtaState::kApplying});
  end_process();
  EXPECT_EQ(event("own", 2).kind, Kind::kInstalled);
  troubled_ = true;
  start_process();
  EXPECT_EQ(event("own", 3).kind, Kind::kStarted);
  end_process();
  EXPECT_EQ(event("own", 4).kind, Kind::kFailed);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(std::count_if(events_.begin(), events_.end(),
                          [](const auto& event) { return event.engine == "other"; }),
            1);
}

TEST_F(CgroupAdapterTest, FindsOneThatIsUnderWayAndOneWhoseCgroupVanishes) {
  start_process();
  const auto adapter = start();
  EXPECT_EQ(event("own", 0).kind, Kind::kStarted);
  end_process();
  remove();
  EXPECT_EQ(event("own", 1).kind, Kind::kInstalled);
}

}  // namespace
}  // namespace kernel_exporter
