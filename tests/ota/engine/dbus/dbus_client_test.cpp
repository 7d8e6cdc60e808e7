// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/dbus/dbus_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>

#include "../../../base/logged_lines.h"
#include "ota/engine/dbus/dbus_message.h"
#include "private_bus.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kName[] = "org.example.Service";
constexpr char kInterface[] = "org.example.Interface";
constexpr auto kPatience = std::chrono::seconds(30);

int echo(sd_bus_message* call, void*, sd_bus_error*) {
  const std::string text = read_text(call);
  return sd_bus_reply_method_return(call, "s", text.c_str());
}

const sd_bus_vtable kTable[] = {SD_BUS_VTABLE_START(0),
                                SD_BUS_METHOD("Echo", "s", "s", &echo, SD_BUS_VTABLE_UNPRIVILEGED),
                                SD_BUS_SIGNAL("Changed", "s", 0), SD_BUS_VTABLE_END};

// Answers only in serve(), so that one that is never called is one that hangs.
class FakeService {
 public:
  explicit FakeService(const std::string& address) : bus_(connect_to_bus(address)) {
    EXPECT_GE(sd_bus_add_object_vtable(bus_, nullptr, "/", kInterface, kTable, nullptr), 0);
  }
  ~FakeService() { sd_bus_close_unref(bus_); }  // leaves the bus as a process that was killed

  void appear() { EXPECT_GE(sd_bus_request_name(bus_, kName, 0), 0); }
  void disappear() { EXPECT_GE(sd_bus_release_name(bus_, kName), 0); }
  void signal(const char* text) {
    EXPECT_GE(sd_bus_emit_signal(bus_, "/", kInterface, "Changed", "s", text), 0);
    sd_bus_flush(bus_);
  }
  void serve() {
    if (sd_bus_process(bus_, nullptr) == 0) sd_bus_wait(bus_, 10'000);
  }

 private:
  sd_bus* bus_;
};

class DbusClientTest : public testing::Test {
 protected:
  DbusClientTest() { bus_.start(); }
  ~DbusClientTest() override { client_.reset(); }

  void start(const std::string& address) {
    DbusService service;
    service.follower = "test";
    service.bus = address;
    service.name = kName;
    service.signals = {{"/", kInterface, "Changed", [this](sd_bus_message* signal) {
                          const std::string text = read_text(signal);
                          note("signal " + text);
                          if (text == "throw") throw std::runtime_error("a handler's own fault");
                          if (text == "throw 1") throw 1;
                        }}};
    service.appeared = [this](pid_t process) {
      note("appeared");
      process_ = process;
      if (!ask_) return;
      caller_->call(
          {"/", kInterface, ask_, false,
           [](sd_bus_message* call) { return sd_bus_message_append(call, "s", "hello"); }},
          [this](const Result<sd_bus_message*>& answer) {
            note(answer ? "answer " + read_text(*answer) : answer.error().message);
          });
    };
    service.gone = [this] { note("gone"); };
    service.tick = [this] { ++ticks_; };
    client_ = std::make_unique<DbusClient>(std::move(service));
    caller_ = client_.get();
    ASSERT_TRUE(client_->start());
  }
  void start() { start(bus_.address()); }
  void start_service() {
    service_ = std::make_unique<FakeService>(bus_.address());
    service_->appear();
  }

  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(what);
  }
  bool take(const std::string& what) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find(notes_.begin(), notes_.end(), what);
    if (found == notes_.end()) return false;
    notes_.erase(notes_.begin(), found + 1);
    return true;
  }
  std::vector<std::string> notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  // Serves until it was noted; takes it and all before it.
  bool wait_for(const std::string& what) {
    return wait_until([&] { return take(what); });
  }
  bool wait_until(const std::function<bool()>& condition, bool serve = true) {
    const auto deadline = Clock::now() + kPatience;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      if (serve && service_) {
        service_->serve();
      } else {
        ::poll(nullptr, 0, 10);
      }
    }
    return true;
  }

  PrivateBus bus_;
  std::unique_ptr<FakeService> service_;
  const char* ask_ = nullptr;
  std::atomic<pid_t> process_ = 0;
  std::atomic<int> ticks_ = 0;
  std::mutex mutex_;
  std::vector<std::string> notes_;  // protected by mutex_
  std::unique_ptr<DbusClient> client_;
  DbusClient* caller_ = nullptr;  // for the thread: reset() empties client_ before it joins
};

TEST_F(DbusClientTest, SaysWhetherTheServiceIsThereAndWhenItComesAndGoes) {
  start();
  ASSERT_TRUE(wait_for("gone"));
  EXPECT_FALSE(client_->connected());
  for (int i = 0; i < 2; ++i) {
    start_service();
    ASSERT_TRUE(wait_for("appeared"));
    EXPECT_EQ(process_, ::getpid());
    EXPECT_TRUE(client_->connected());
    if (i == 0) {
      service_->disappear();
      ASSERT_TRUE(wait_for("gone"));
      EXPECT_FALSE(client_->connected());
    }
    service_.reset();
  }
  ASSERT_TRUE(wait_for("gone"));
  EXPECT_EQ(notes(), std::vector<std::string>());
}

TEST_F(DbusClientTest, HearsTheSignalsOfTheServiceOnly) {
  start_service();
  start();
  ASSERT_TRUE(wait_for("appeared"));
  FakeService other(bus_.address());
  other.signal("other");
  // Through the same daemon, after it.
  other.serve();
  service_->signal("own");
  ASSERT_TRUE(wait_until([&] { return !notes().empty(); }));
  EXPECT_EQ(notes(), std::vector<std::string>{"signal own"});
}

TEST_F(DbusClientTest, BringsAnswersAndSaysWhyThereIsNone) {
  ask_ = "Echo";
  start_service();
  start();
  EXPECT_TRUE(wait_for("answer hello"));
  client_.reset();
  ask_ = "Nothing";
  start();
  ASSERT_TRUE(wait_for("appeared"));
  ASSERT_TRUE(wait_until([&] { return !notes().empty(); }));
  EXPECT_TRUE(notes()[0].starts_with("org.example.Service: Nothing: Unknown method")) << notes()[0];
  client_.reset();
  ask_ = "no name of a method";
  start();
  ASSERT_TRUE(wait_for("appeared"));
  EXPECT_TRUE(wait_for("org.example.Service: no name of a method: Invalid argument"));
}

TEST_F(DbusClientTest, OutlivesItsBus) {
  const LoggedLines log;
  bus_.stop();
  start();
  ASSERT_TRUE(wait_until([&] { return log.count("retrying every 2 s") > 0; }));
  bus_.start();
  start_service();
  ASSERT_TRUE(wait_for("appeared"));
  EXPECT_EQ(log.count("works again"), 1u);
  service_.reset();
  bus_.stop();
  ASSERT_TRUE(wait_until([&] { return !client_->connected(); }));
  bus_.start();
  start_service();
  ASSERT_TRUE(wait_for("appeared"));
  service_->signal("again");
  EXPECT_TRUE(wait_for("signal again"));
  client_.reset();
}

// A daemon that does not let us in, as it does with a user whom it cannot find.
TEST_F(DbusClientTest, LogsARefusalOnce) {
  const TemporaryTree tree;
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  tree.path("bus").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  const LoggedLines log;
  start("unix:path=" + tree.path("bus"));
  for (int i = 0; i < 3; ++i) {
    pollfd polled = {listener.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, 30'000), 1);
    const UniqueFd refused(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(refused);
  }
  client_.reset();
  EXPECT_EQ(log.count("retrying every 2 s"), 1u);
  EXPECT_EQ(log.count("works again"), 0u);
  EXPECT_EQ(notes(), std::vector<std::string>()) << "nobody knows whether the service is there";
}

TEST_F(DbusClientTest, IsNotHeldUpByAServiceThatHangs) {
  ask_ = "Echo";
  start_service();
  start();
  ASSERT_TRUE(wait_until([&] { return take("appeared"); }, false));
  service_->signal("meanwhile");
  ASSERT_TRUE(wait_until([&] { return take("signal meanwhile"); }, false));
  ASSERT_TRUE(wait_until([&] { return !notes().empty(); }, false));
  EXPECT_EQ(notes()[0].find("org.example.Service: Echo: "), 0u) << notes()[0];
  client_.reset();
  start();
  ASSERT_TRUE(wait_until([&] { return take("appeared"); }, false));
  const auto before = Clock::now();
  client_.reset();
  EXPECT_LT(Clock::now() - before, std::chrono::seconds(2)) << "with a call that has no answer yet";
}

TEST_F(DbusClientTest, GoesOnAfterAHandlerThatThrows) {
  const LoggedLines log;
  start_service();
  start();
  ASSERT_TRUE(wait_for("appeared"));
  for (const char* text : {"throw", "throw", "throw 1", "fine"}) service_->signal(text);
  ASSERT_TRUE(wait_for("signal fine"));
  client_.reset();
  EXPECT_EQ(log.count("a handler's own fault"), 1u);
  EXPECT_EQ(log.count("an exception"), 1u);
}

TEST_F(DbusClientTest, TicksWhileTheBusIsThere) {
  start();
  const auto before = Clock::now();
  ASSERT_TRUE(wait_until([&] { return ticks_ == 2; }));
  EXPECT_GE(Clock::now() - before, std::chrono::milliseconds(3900));
  bus_.stop();
  ::poll(nullptr, 0, 100);
  const int ticks = ticks_;
  ::poll(nullptr, 0, 2500);
  EXPECT_EQ(ticks_, ticks);
}

}  // namespace
}  // namespace kernel_exporter
