# SPDX-License-Identifier: Apache-2.0
"""Installations by RAUC on a medium that goes bad, and beside one: the right cause, its offset, no false one."""
import contextlib
import errno
import glob
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

from exporter_process import run_exporter, wait_until
from faulty_medium import DETECTION_SECONDS, IMAGE, FaultyMedium, random_offset, two_offsets
from machine import MIB, KernelLog, cgroup2_mount, remove_cgroup, run
from rauc import RaucMachine

HEALTHY_RUNS = int(os.environ.get("KERNEL_EXPORTER_HEALTHY_RUNS", "3"))
CAUSES = {errno.EIO: "io_error", errno.ENODATA: "media_error", errno.ENOSPC: "no_space",
          errno.ETIMEDOUT: "timeout"}

GREEDY = """import sys
open(sys.argv[1], "w").write("0")
memory = bytearray(256 << 20)
for at in range(0, len(memory), 4096):
    memory[at] = 1
"""

# Says that it is there, is told when to begin, and ends after a minute, whatever becomes of the test.
HOG = """import time
print(flush=True)
input()
end = time.monotonic() + 60
while time.monotonic() < end:
    pass
"""


def write_text(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read_text(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def written_by(process):
    """Bytes given to write(2)."""
    return int(re.search(r"^wchar: (\d+)$", read_text(f"/proc/{process}/io"), re.M).group(1))


@contextlib.contextmanager
def memory_limit(size):
    """The file that takes the processes which share `size` bytes: of a cgroup beside the update's."""
    old = "/sys/fs/cgroup/memory"
    folder = tempfile.mkdtemp(prefix="kernel_exporter_", dir=old if os.path.isdir(old) else cgroup2_mount())
    write_text(os.path.join(folder, "memory.limit_in_bytes" if folder.startswith(old) else "memory.max"), str(size))
    try:
        yield os.path.join(folder, "cgroup.procs")
    finally:
        remove_cgroup(folder)


@contextlib.contextmanager
def cpu_hogs(cpu):
    """Yields a function that ends them: processes that leave others next to nothing of a CPU."""
    command = ["nice", "-n", "-20", "taskset", "-c", str(cpu), "python3", "-c", HOG]
    with contextlib.ExitStack() as stack:
        hogs = []
        for _ in range(random.randint(2, 4)):
            hogs.append(stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)))
            stack.callback(hogs[-1].kill)
        for hog in hogs:
            assert hog.stdout.readline(), "a hog ended before its time"
        for hog in hogs:
            hog.stdin.write(b"\n")
            hog.stdin.flush()
        yield stack.close


class RaucInstallations(FaultyMedium):
    def start_engine(self):
        self.machine = self.enter(RaucMachine(size=8 * MIB, slots={"B": self.slot.path}))
        self.bundle = self.machine.bundle("2.0", IMAGE)
        self.role = random.choice(["slot", "data"])
        self.failures = {}
        return {"devices": {self.slot.path: self.role}, "adapters": {"rauc": {"bus": self.machine.address}}}

    def kill_exporter(self):
        self.exporter.send(signal.SIGKILL)
        self.exporter.wait()

    @contextlib.contextmanager
    def held_installation(self):
        """The client of an installation whose writes wait for the slot's release."""
        self.slot.hold()
        with self.machine.start_install(self.bundle) as client:
            try:
                self.wait_for_state("applying")
                yield client
            finally:
                self.slot.release()

    def wait_for_state(self, state):
        return wait_until(lambda: (scrape := self.exporter.scrape()).value("ota_state", engine="rauc", state=state)
                          and scrape, what=f"state {state}")

    def wait_for_failures(self, count):
        return wait_until(lambda: (scrape := self.exporter.scrape()).value(
            "ota_transactions_total", engine="rauc", result="failed") == count and scrape, what=f"failure {count}")

    def check_cause(self, scrape, cause):
        """Exactly one more failure, of this cause."""
        self.failures[cause] = self.failures.get(cause, 0) + 1
        counted = {labels["cause"]: value for labels, value in scrape.series("ota_failures_total", engine="rauc") if value}
        self.assertEqual(counted, self.failures, f"seed {self.seed}: {self.exporter.log}")


class RaucFaults(RaucInstallations):
    def fail_an_installation(self):
        self.machine.install(self.bundle, check=False)
        return self.wait_for_failures(sum(self.failures.values()) + 1)

    def check_place(self, scrape, cause, bad):
        """The offset is the start of the request that touched what was bad."""
        self.assertEqual(scrape.value("ota_last_failure_info", engine="rauc", cause=cause, device=self.slot.name), 1)
        self.check_offset(scrape.value("ota_last_failure_offset_bytes"), bad)
        self.assertGreater(scrape.sum("ota_io_errors_total", device=self.slot.name, role=self.role), 0)
        self.assertEqual(scrape.sum("ota_io_errors_total", device=self.other.name), 0)
        self.assertLessEqual(scrape.value("ota_cause_detection_seconds"), DETECTION_SECONDS)

    def test_a_bad_block_is_the_cause_with_its_offset(self):
        for error, cause in CAUSES.items():
            with self.subTest(cause, seed=self.seed):
                bad = random_offset()
                self.slot.clear()
                self.slot.fail("write", bad, error)
                scrape = self.fail_an_installation()
                self.check_cause(scrape, cause)
                self.check_place(scrape, cause, bad)
                ended = self.last()
                self.assertEqual((ended["result"], ended["cause"], ended["device"]), ("failed", cause, self.slot.name))
        self.slot.clear()
        self.machine.install(self.bundle)  # the control: the same medium, healthy again

    def test_of_two_faults_the_stronger_one_is_the_cause(self):
        first, second = two_offsets()
        self.slot.fail("write", first, errno.EIO)
        self.slot.fail("write", second, errno.ENODATA)
        self.other.fail("write", 0, errno.ETIMEDOUT)
        self.assertNotEqual(self.write(self.other.path), 0)
        self.fail_an_installation()
        ended = self.last()
        seen = {(entry["cause"], entry["device"]) for entry in ended["evidence"]}
        self.assertEqual(seen, {("io_error", self.slot.name), ("media_error", self.slot.name)}, f"seed {self.seed}")
        self.assertEqual((ended["cause"], ended["device"]), ("media_error", self.slot.name))
        self.check_offset(ended["offset"], second)

    def test_healthy_updates_beside_a_failing_device_and_on_a_slow_one_are_clean(self):
        self.other.fail("write", 0, errno.EIO, length=8 * MIB)
        for number in range(HEALTHY_RUNS):
            with self.subTest(number=number):
                self.slot.delay(40 if number % 3 == 2 else 0)
                self.assertNotEqual(self.write(self.other.path), 0)
                client = self.machine.start_install(self.bundle)
                with client:
                    self.assertNotEqual(self.write(self.other.path), 0)
                    output = client.communicate(timeout=120)[0]
                self.assertEqual(client.returncode, 0, output)
                self.assertGreater(len(self.other.hits), 0)
                self.slot.delay(0)
                scrape = self.wait_for_state("rebooting")
                self.assertNotIn("ota_last_failure_info", scrape.types)
                self.assertEqual(scrape.sum("ota_failures_total", engine="rauc"), 0)
                self.assertNotIn("evidence", self.open_updates()[0])
                run_exporter("ota", "--socket", self.socket, "end", "rolled_back")
        self.assertEqual(self.exporter.scrape().value("ota_transactions_total", engine="rauc", result="rolled_back"), HEALTHY_RUNS)

    def test_the_version_of_an_update_that_failed_is_known_to_who_may_see_the_bundle(self):
        self.slot.fail("write", random_offset(), errno.EIO)
        for arguments, version in ((["--privileges.keep-all"], "2.0"), ([], "")):
            with self.subTest(arguments=arguments):
                self.exporter.stop()
                self.start_exporter(*arguments)
                with self.held_installation() as client:
                    self.slot.release()
                    client.communicate(timeout=30)
                scrape = self.wait_for_failures(sum(self.failures.values()) + 1)
                self.check_cause(scrape, "io_error")
                self.assertEqual(self.last()["to"], version)
                self.assertEqual(scrape.value("ota_last_result_info", engine="rauc", to=version, result="failed",
                                              cause="io_error"), 1)

    def check_recorded(self, cause, since):
        """All who ask are told within half a second of `since`, when it happened by a clock that is not ours."""
        def metric():
            return (scrape := self.exporter.scrape()).value(
                "ota_last_failure_info", engine="rauc", cause=cause, device="") and scrape
        places = {"log": lambda: self.exporter.lines_with(f" evidence cause={cause} "),
                  "ledger": lambda: f'"cause":"{cause}"' in read_text(self.ledger),
                  "metric": metric}
        for place, read in places.items():
            scrape = wait_until(read, what=f"{cause} in the {place}")
            self.assertLessEqual(time.monotonic() - since, DETECTION_SECONDS, f"{cause} in the {place}")
        self.assertLessEqual(scrape.value("ota_cause_detection_seconds"), DETECTION_SECONDS)
        happened = time.time() - (time.monotonic() - since)
        self.assertAlmostEqual(scrape.value("ota_last_failure_timestamp_seconds"), happened, delta=DETECTION_SECONDS)

    def test_a_service_that_is_killed_fails_its_update(self):
        with self.held_installation() as client:
            self.machine.service.send_signal(signal.SIGKILL)
            self.slot.release()  # nobody ends while the medium owes him an answer
            os.waitid(os.P_PID, self.machine.service.pid, os.WEXITED | os.WNOWAIT)
            self.check_recorded("signal_killed", time.monotonic())
            scrape = self.wait_for_failures(1)
            client.communicate(timeout=30)
        self.check_cause(scrape, "signal_killed")
        self.machine.stop_service()
        self.machine.start_service()
        self.machine.install(self.bundle)
        self.wait_for_state("rebooting")

    def test_a_service_that_the_kernel_kills_for_its_memory_fails_its_update(self):
        with self.held_installation() as client, memory_limit(32 * MIB) as processes, KernelLog() as kernel:
            service = self.machine.service.pid
            # Pages that it made dirty in the limit would have the kernel wait for the medium, not kill.
            wait_until(lambda: written_by(service) >= IMAGE, what="an image that only waits for the medium")
            write_text(processes, str(service))
            write_text(f"/proc/{service}/oom_score_adj", "1000")  # of all in the limit it goes first
            # Takes what the limit has; the service, which pays for it, is not in anybody's way.
            with subprocess.Popen(["python3", "-c", GREEDY, processes]) as greedy:
                self.check_recorded("oom_killed", kernel.wait_for(f"Killed process {service} "))
                self.slot.release()
                scrape = self.wait_for_failures(1)
                client.communicate(timeout=30)
                greedy.kill()
        self.check_cause(scrape, "oom_killed")
        self.assertEqual(scrape.value("ota_process_failures_total", failure="signal_killed") or 0, 0)

    def test_a_service_that_hangs_disturbs_nobody(self):
        with self.held_installation() as client:
            self.machine.service.send_signal(signal.SIGSTOP)
            self.assertEqual(self.exporter.stop(), 0)
            self.slot.release()
            self.start_exporter()
            self.wait_for_state("applying")
            wait_until(lambda: self.exporter.scrape().value("kernel_exporter_ota_adapter_connected", engine="rauc"),
                       what="the service's name on the bus")
            self.machine.service.send_signal(signal.SIGCONT)
            self.assertEqual(client.wait(60), 0)
            client.stdout.read()
        self.wait_for_state("rebooting")
        self.assertEqual([update["number"] for update in self.open_updates()], [1])

    def test_an_exporter_that_is_killed_goes_on_with_the_update(self):
        with self.held_installation() as client:
            self.kill_exporter()
            self.start_exporter()
            self.wait_for_state("applying")
            self.kill_exporter()
            self.slot.release()
            self.assertEqual(client.wait(60), 0)
            client.stdout.read()
        self.start_exporter()
        self.wait_for_state("rebooting")  # as RAUC tells it afterwards
        updates = self.open_updates()
        self.assertEqual([(update["number"], update["to"]) for update in updates], [(1, "2.0")])
        self.assertEqual(self.exporter.scrape().sum("ota_transactions_total", engine="rauc"), 0)


class RaucOnOneCpu(RaucInstallations):
    """The engine has one CPU, which the exporter and the test leave to it and to those that take it away."""
    starved_seconds = 1

    def setUp(self):
        cpus = os.sched_getaffinity(0)
        self.cpu = random.choice(sorted(cpus))
        self.addCleanup(os.sched_setaffinity, 0, cpus)
        os.sched_setaffinity(0, cpus - {self.cpu} or cpus)
        super().setUp()
        run("taskset", "--all-tasks", "--pid", "--cpu-list", str(self.cpu), str(self.machine.service.pid))

    def start_engine(self):
        return {**super().start_engine(), "thresholds": {"starved": f"{self.starved_seconds}s"}}

    def waited_by_threads(self):
        """Seconds that those threads of the engine waited for a CPU that have not ended, once such a wait is over."""
        total = 0
        for thread in glob.glob(f"/proc/{self.machine.service.pid}/task/*/schedstat"):
            with contextlib.suppress(FileNotFoundError):  # threads come and go
                total += int(read_text(thread).split()[1])
        return total / 1e9

    def waited(self):
        """Seconds in which some thread of the engine waited for a CPU, whether it has ended since or not."""
        pressure = read_text(os.path.join(cgroup2_mount() + self.machine.cgroup, "cpu.pressure"))
        return int(re.search(r"^some .* total=(\d+)$", pressure, re.M).group(1)) / 1e6


class RaucStarvation(RaucOnOneCpu):
    def test_an_installation_that_gets_no_cpu_fails_as_starved(self):
        with cpu_hogs(self.cpu) as end_hogs, self.machine.start_install(self.bundle) as client:
            wait_until(lambda: self.exporter.scrape().series("ota_last_failure_info", engine="rauc", cause="starved"),
                       seconds=30, what="the evidence of want of CPU")
            wait_until(lambda: self.waited_by_threads() > self.starved_seconds, seconds=30,
                       what=f"{self.starved_seconds} s that the engine waited")
            self.assertIsNone(client.poll(), "an engine that starves has not ended")
            # Somebody's patience has ended: he stops the service, as a service manager does. With a CPU again the
            # service can end, but not its installation. While RAUC verifies, SIGTERM may crash it: it waits in a write.
            self.slot.hold()
            try:
                end_hogs()
                self.wait_for_state("applying")
                self.machine.service.send_signal(signal.SIGTERM)
                wait_until(lambda: not self.machine.owner(), what="a service that gives up its name")
            finally:
                self.slot.release()
            scrape = self.wait_for_failures(1)
            client.communicate(timeout=30)
        self.check_cause(scrape, "starved")
        ended = self.last()
        self.assertEqual([seen["cause"] for seen in ended["evidence"]], ["starved", "signal_killed"], f"seed {self.seed}")
        self.assertEqual(self.machine.service.wait(30), 0)
        self.assertEqual(scrape.value("ota_process_failures_total", failure="signal_killed"), 1)
        self.machine.start_service()
        self.machine.install(self.bundle)  # the control: the same bundle on a CPU that nobody takes away
        self.wait_for_state("rebooting")


class RaucShortWait(RaucOnOneCpu):
    # Far more than an installation waits for all of its work on a busy machine.
    starved_seconds = 5

    def test_a_short_wait_for_the_cpu_is_no_starvation(self):
        with self.held_installation() as client:
            with cpu_hogs(self.cpu):
                before = self.waited()
                self.slot.release()
                wait_until(lambda: self.waited() - before > self.starved_seconds / 4, what="waiting for the CPU")
            self.assertEqual(client.wait(60), 0, f"seed {self.seed}")
            client.stdout.read()
        scrape = self.wait_for_state("rebooting")
        self.assertNotIn("ota_last_failure_info", scrape.types)
        self.assertNotIn("evidence", self.open_updates()[0])


if __name__ == "__main__":
    unittest.main()
