#!/usr/bin/env python3
"""The guest's side of power_loss_test.py: what one boot of the machine does and sees.

usage: power_loss_guest.py PHASE RESULTS_DIR
/dev/vda holds the ledger, /dev/vdb is the slot that updates write.
"""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))
import exporter_process  # noqa: E402
from exporter_process import ExporterProcess, ROOT, run_exporter, wait_until  # noqa: E402

exporter_process.START_SECONDS = 200  # an emulated machine

DATA = "/mnt/kernel_exporter_data"
CONFIG = "/run/kernel_exporter_ota.yaml"
SOCKET = "/run/kernel_exporter_ota.sock"
CGROUP = "kernel_exporter_update"
SLOT = "/dev/vdb"
MIB = 1 << 20
RESULTS = ("succeeded", "failed", "rolled_back", "interrupted")


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, expected {wanted!r}")


def prepare():
    os.makedirs(DATA, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "/dev/vda", DATA], check=True)
    os.mkdir(f"/sys/fs/cgroup/{CGROUP}")
    with open(CONFIG, "w", encoding="ascii") as file:
        file.write(f"socket: {SOCKET}\nledger: {DATA}/ota.ledger\nengines: [custom]\n")


def start():
    return ExporterProcess(rules=os.path.join(ROOT, "rules", "events", "otawrite.yaml"),
                           arguments=["--ota.config", CONFIG])


def ota(*arguments):
    done = run_exporter("ota", "--socket", SOCKET, *arguments, seconds=120)
    expect(done.returncode, 0, f"ota {arguments}: {done.stderr.decode()}")
    return done.stdout.decode()


def begin(name):
    ota("begin", "--id", name, "--engine", "custom", "--to", name, "--device", f"{SLOT}=slot", "--cgroup", f"/{CGROUP}")
    ota("set", "applying", "--progress", "40")


def writer(script):
    """A shell in the update's cgroup."""
    enter = f"echo $$ >/sys/fs/cgroup/{CGROUP}/cgroup.procs"
    return subprocess.Popen(["/bin/sh", "-c", f"{enter} && {script}"], stderr=subprocess.DEVNULL)


def write_slot(mebibytes):
    command = f"dd if=/dev/zero of={SLOT} bs=64k count={mebibytes * 16} oflag=direct conv=notrunc"
    expect(writer(command).wait(), 0, command)


def written(scrape):
    return scrape.value("ota_written_bytes_total", device="vdb", role="slot", attribution="exact") or 0


def sectors_written():
    with open("/sys/block/vdb/stat", encoding="ascii") as file:
        return int(file.read().split()[6])


def expect_totals(scrape, **counts):
    """Every result by its count, 0 where none is given."""
    found = {result: scrape.value("ota_transactions_total", engine="custom", result=result) for result in RESULTS}
    expect(found, {result: float(counts.get(result, 0)) for result in RESULTS}, "ota_transactions_total")


def expect_causes(scrape, **counts):
    found = {dict(labels)["cause"]: value for (name, labels), value in scrape.samples.items()
             if name == "ota_failures_total" and value}
    expect(found, {cause: float(count) for cause, count in counts.items()}, "ota_failures_total")


def expect_state(scrape, state):
    found = [dict(labels)["state"] for (name, labels), value in scrape.samples.items()
             if name == "ota_state" and value]
    expect(found, [state], "ota_state")


def expect_last(scrape, name, result, cause):
    expect(scrape.value("ota_last_result_info", engine="custom", to=name, result=result, cause=cause), 1.0,
           f"ota_last_result_info of {name}, {result}, {cause}")


def expect_history(*entries):
    history = json.loads(ota("history", "--json"))
    expect([(entry["id"], entry["result"], entry["cause"]) for entry in history], list(entries), "history")


def mark(results, name):
    with open(os.path.join(results, name), "w", encoding="ascii"):
        pass


def reboot():
    """By the system call, as any init does it in the end; QEMU ends with it."""
    os.sync()
    subprocess.run(["busybox", "reboot", "-f"], check=True)
    signal.pause()


def cut(results):
    """One update fails, another one writes until the power goes."""
    with start() as exporter:
        begin("first")
        ota("end", "failed", "--cause", "verify_failed")
        expect_totals(exporter.scrape(), failed=1)
        begin("second")
        writer(f"while dd if=/dev/zero of={SLOT} bs=64k count=256 oflag=direct conv=notrunc; do :; done")
        wait_until(lambda: written(exporter.scrape()) >= 2 * MIB, seconds=120, what="2 MiB in the slot")
        expect_state(exporter.scrape(), "applying")
        mark(results, "ready")
        signal.pause()
        mark(results, "done")


def interrupted(results):
    """The cut was seen; the next update is installed, and the machine is rebooted in order."""
    with start() as exporter:
        scrape = exporter.scrape()
        expect_totals(scrape, failed=1, interrupted=1)
        expect_causes(scrape, verify_failed=1, power_loss=1)
        expect_last(scrape, "second", "interrupted", "power_loss")
        expect_state(scrape, "idle")
        expect(scrape.value("kernel_exporter_ota_ledger_writable"), 1.0, "ledger_writable")
        expect_history(("first", "failed", "verify_failed"), ("second", "interrupted", "power_loss"))
        before = sectors_written()
        begin("third")
        write_slot(4)
        expect(written(exporter.scrape()), 4.0 * MIB, "ota_written_bytes_total")
        expect((sectors_written() - before) * 512, 4 * MIB, "/sys/block/vdb/stat")
        expect(ota("end", "installed"), "transaction 3: rebooting\n", "end installed")
    mark(results, "done")
    reboot()


def confirm(results):
    """Booted and confirmed is succeeded; one more is installed, and the machine is reset under the exporter."""
    with start() as exporter:
        scrape = exporter.scrape()
        expect_state(scrape, "confirming")
        expect_totals(scrape, failed=1, interrupted=1)
        ota("end", "confirmed")
        scrape = exporter.scrape()
        expect_totals(scrape, failed=1, interrupted=1, succeeded=1)
        expect_last(scrape, "third", "succeeded", "none")
        begin("fourth")
        write_slot(1)
        ota("end", "installed")
        mark(results, "done")
        reboot()


def roll_back(_):
    with start() as exporter:
        expect_state(exporter.scrape(), "confirming")
        ota("end", "rolled_back")
        scrape = exporter.scrape()
        expect_totals(scrape, failed=1, interrupted=1, succeeded=1, rolled_back=1)
        expect_causes(scrape, verify_failed=1, power_loss=1)
        expect_last(scrape, "fourth", "rolled_back", "none")
        expect_state(scrape, "idle")
        expect_history(("first", "failed", "verify_failed"), ("second", "interrupted", "power_loss"),
                       ("third", "succeeded", "none"), ("fourth", "rolled_back", "none"))
    subprocess.run(["umount", DATA], check=True)


if __name__ == "__main__":
    prepare()
    {"cut": cut, "interrupted": interrupted, "confirm": confirm, "roll_back": roll_back}[sys.argv[1]](sys.argv[2])
