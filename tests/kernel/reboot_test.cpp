// SPDX-License-Identifier: Apache-2.0
#include <linux/reboot.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "bound_update.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kTriggers[] = "ota_reboot_triggers_total";
constexpr uid_t kNobody = 65534;

long ask(unsigned command) {
  return ::syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, nullptr);
}

// The first process of a pid namespace calls reboot(2), which ends that namespace alone. Exits with
// the signal that the kernel says to have ended it by.
void reboot_namespace(unsigned command) {
  if (::unshare(CLONE_NEWPID) != 0) ::_exit(101);
  const pid_t first = ::fork();
  if (first == 0) {
    if (::getpid() == 1) ask(command);
    ::_exit(102);
  }
  int status = 0;
  if (::waitpid(first, &status, 0) != first) ::_exit(103);
  ::_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 104);
}

int reboot_in_namespace(unsigned command) {
  return ChildProcess([command] { reboot_namespace(command); }).wait();
}

TEST(Reboot, CountsWhoMayWhileAnUpdateIsOpen) {
  BoundUpdate update("kernel_tests_reboot");
  // The control: without an update nothing is attached.
  VERIFY_EQ(reboot_in_namespace(LINUX_REBOOT_CMD_RESTART), SIGHUP);
  VERIFY_EQ(update.exporter().scrape().count(kTriggers), 0U);
  update.begin();
  VERIFY_EQ(reboot_in_namespace(LINUX_REBOOT_CMD_RESTART), SIGHUP);
  VERIFY_EQ(reboot_in_namespace(LINUX_REBOOT_CMD_RESTART2), SIGHUP);
  VERIFY_EQ(reboot_in_namespace(LINUX_REBOOT_CMD_POWER_OFF), SIGINT);
  // What Ctrl-Alt-Del shall do is no reboot, and who may not reboot does not.
  ChildProcess harmless([] {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(101);
    const pid_t first = ::fork();
    if (first == 0) {
      if (::getpid() != 1) ::_exit(102);
      ask(LINUX_REBOOT_CMD_CAD_OFF);
      if (::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(103);
      ::_exit(ask(LINUX_REBOOT_CMD_RESTART) == -1 ? 7 : 104);
    }
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(WEXITSTATUS(status));
  });
  VERIFY_EQ(harmless.wait(), 7);
  const Samples samples = update.exporter().scrape();
  VERIFY_EQ(samples.sum(kTriggers, {{"command", "restart"}}), 2);
  VERIFY_EQ(samples.sum(kTriggers, {{"command", "power_off"}}), 1);
  VERIFY_EQ(samples.sum(kTriggers), 3);
  // The machine has not been asked: the update goes on as if nothing had been.
  VERIFY_EQ(update.fail(), "engine_error");
}

}  // namespace
}  // namespace kernel_exporter
