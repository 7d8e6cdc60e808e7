// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "../engine_events.h"
#include "host/cgroup_mount.h"
#include "ota/engine/cgroup/cgroup_adapter.h"

namespace kernel_exporter {
namespace {

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
        std::vector<CgroupEngine>{{"own", "/" + name_}, {"other", "/kernel_exporter_nobody*"}},
        EngineHost{
            events_.listener(), {}, [this](const std::string&) { return troubled_.load(); }});
  }
  // The event of the engine at this place in its story.
  EngineEvent event(const std::string& engine, size_t place) {
    std::vector<EngineEvent> own;
    EXPECT_TRUE(events_.reach([&](std::vector<EngineEvent> events) {
      std::erase_if(events, [&](const EngineEvent& event) { return event.engine != engine; });
      own = std::move(events);
      return own.size() > place;
    })) << engine
        << " " << place;
    return own.size() > place ? own[place] : EngineEvent();
  }

  const std::string name_ = "kernel_exporter_cgroup_" + std::to_string(::getpid());
  Result<UniqueFd> root_ = fail("");
  pid_t process_ = 0;
  std::atomic<bool> troubled_ = false;
  EngineEvents events_;
};

TEST_F(CgroupAdapterTest, AnUpdateGoesOnWhileThereAreProcesses) {
  const auto adapter = start();
  EXPECT_TRUE(is<EngineInstalled>(event("own", 0)));  // one that was open has ended unseen
  start_process();
  EngineStarted started;
  started.cgroup = "/" + name_;
  started.work.states = {OtaState::kApplying};
  EXPECT_EQ(event("own", 1), (EngineEvent{"own", started}));
  end_process();
  EXPECT_TRUE(is<EngineInstalled>(event("own", 2)));
  troubled_ = true;
  start_process();
  EXPECT_TRUE(is<EngineStarted>(event("own", 3)));
  end_process();
  EXPECT_TRUE(is<EngineFailed>(event("own", 4)));
  const auto events = events_.all();
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const auto& event) { return event.engine == "other"; }),
            1);
}

TEST_F(CgroupAdapterTest, FindsOneThatIsUnderWayAndOneWhoseCgroupVanishes) {
  start_process();
  const auto adapter = start();
  EXPECT_TRUE(is<EngineStarted>(event("own", 0)));
  end_process();
  remove();
  EXPECT_TRUE(is<EngineInstalled>(event("own", 1)));
}

}  // namespace
}  // namespace kernel_exporter
