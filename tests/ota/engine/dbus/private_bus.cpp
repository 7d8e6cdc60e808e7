// SPDX-License-Identifier: Apache-2.0
#include "private_bus.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.h"

namespace kernel_exporter {

PrivateBus::PrivateBus() {
  tree_.file("bus.conf", "<busconfig><listen>" + address() +
                             "</listen><auth>EXTERNAL</auth><policy context=\"default\">"
                             "<allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
                             "<allow send_type=\"signal\"/><allow receive_sender=\"*\"/>"
                             "</policy></busconfig>");
}

void PrivateBus::start() {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), 0), 0);
  const UniqueFd said(ends[0]);
  UniqueFd says(ends[1]);
  std::string config = "--config-file=" + tree_.path("bus.conf");
  std::string print = "--print-address=" + std::to_string(says.get());
  std::string nofork = "--nofork";
  std::string nopidfile = "--nopidfile";
  std::string name = "dbus-daemon";
  const std::array<char*, 6> arguments = {name.data(),   config.data(),    print.data(),
                                          nofork.data(), nopidfile.data(), nullptr};
  ASSERT_EQ(::posix_spawnp(&pid_, "dbus-daemon", nullptr, nullptr, arguments.data(), environ), 0)
      << "is dbus-daemon installed?";
  says = UniqueFd();
  char address = 0;
  ASSERT_EQ(::read(said.get(), &address, 1), 1) << "dbus-daemon did not start";
}

void PrivateBus::stop() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  tree_.remove("bus");
}

sd_bus* connect_to_bus(const std::string& address) {
  sd_bus* bus = nullptr;
  EXPECT_GE(sd_bus_new(&bus), 0);
  EXPECT_GE(sd_bus_set_address(bus, address.c_str()), 0);
  EXPECT_GE(sd_bus_set_bus_client(bus, 1), 0);
  EXPECT_GE(sd_bus_start(bus), 0);
  return bus;
}

}  // namespace kernel_exporter
