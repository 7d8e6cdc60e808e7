// SPDX-License-Identifier: Apache-2.0
#include "service/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/unique_fd.h"

namespace kernel_exporter {
namespace {

// The service manager's end: a datagram socket in the abstract namespace.
class ServiceManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string name = "kernel_exporter_notify_" + std::to_string(::getpid());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  }

  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  // "" when nothing was said.
  std::string heard() {
    char text[512];
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, 0);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

  UniqueFd socket_;
  ServiceManager manager_;
};

TEST_F(ServiceManagerTest, TellsTheStatesOfAService) {
  manager_.ready("serving");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=serving");
  manager_.alive();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  manager_.stopping();
  EXPECT_EQ(heard(), "STOPPING=1\nSTATUS=ending");
}

TEST_F(ServiceManagerTest, AReloadEndsInReadyWhateverBecameOfIt) {
  manager_.ready("serving");
  (void)heard();
  manager_.reloading();
  const std::string reloading = heard();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\n")) << reloading;
  EXPECT_NE(reloading.find("\nMONOTONIC_USEC="), std::string::npos) << reloading;
  manager_.reloaded(true);
  EXPECT_EQ(heard(), "READY=1\nSTATUS=serving");
  manager_.reloaded(false);
  EXPECT_EQ(heard(), "READY=1\nSTATUS=serving; reload failed, the previous rules stay active");
}

TEST_F(ServiceManagerTest, SaysNothingWhereNobodyListens) {
  ::unsetenv("NOTIFY_SOCKET");
  manager_.ready("serving");
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceManagerTest, SignsOfLifeAreDueAtHalfTheWatchdogsTime) {
  EXPECT_EQ(ServiceManager::watchdog_period(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager::watchdog_period(), std::chrono::seconds(15));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager::watchdog_period(), std::nullopt) << "another process is watched";
}

}  // namespace
}  // namespace kernel_exporter
