#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guest's side of power_loss_test.py: what one boot of the machine does and sees.

usage: power_loss_guest.py PHASE RESULTS_DIR
/dev/vda holds what outlives boots: the ledger, RAUC's configuration and its bundles. /dev/vdb and /dev/vdc are
the slots A and B, which take a few MiB a second.
"""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))
import exporter_process  # noqa: E402
from exporter_process import ExporterProcess, ROOT, run_exporter, wait_until  # noqa: E402
from rauc import RaucMachine  # noqa: E402
from update import sync_device  # noqa: E402

exporter_process.START_SECONDS = 200  # an emulated machine
SECONDS = 120

DATA = "/mnt/kernel_exporter_data"
CONFIG = "/run/kernel_exporter_ota.yaml"
SOCKET = "/run/kernel_exporter_ota.sock"
SLOTS = {"A": "/dev/vdb", "B": "/dev/vdc"}
MIB = 1 << 20
RESULTS = ("succeeded", "failed", "rolled_back", "interrupted")


def expect(actual, wanted, what):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r}, expected {wanted!r}")


def prepare(booted):
    """The machine as it is after a boot of that slot."""
    os.makedirs(DATA, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "/dev/vda", DATA], check=True)
    folder = os.path.join(DATA, "rauc")
    os.makedirs(folder, exist_ok=True)
    machine = RaucMachine(slots=SLOTS, folder=folder, booted=booted)
    with open(CONFIG, "w", encoding="ascii") as file:
        json.dump({"socket": SOCKET, "ledger": f"{DATA}/ota.ledger",
                   "adapters": {"rauc": {"bus": f"unix:path={folder}/bus"}}}, file)
    return machine


def start():
    return ExporterProcess(rules=os.path.join(ROOT, "rules", "events", "otawrite.yaml"),
                           arguments=["--ota.config", CONFIG])


def written(scrape, slot):
    return scrape.value("ota_written_bytes_total", device=os.path.basename(SLOTS[slot]), role="slot",
                        attribution="exact") or 0


def bytes_written(slot):
    with open(f"/sys/block/{os.path.basename(SLOTS[slot])}/stat", encoding="ascii") as file:
        return int(file.read().split()[6]) * 512


def wait_for_state(exporter, state):
    wait_until(lambda: exporter.scrape().value("ota_state", engine="rauc", state=state), seconds=SECONDS,
               what=f"state {state}")


def wait_for_result(exporter, result, count=1):
    return wait_until(lambda: (now := exporter.scrape()).value("ota_transactions_total", engine="rauc", result=result)
                      == count and now, seconds=SECONDS, what=f"{count} {result}")


def expect_totals(scrape, **counts):
    """Every result by its count, 0 where none is given."""
    found = {result: scrape.value("ota_transactions_total", engine="rauc", result=result) for result in RESULTS}
    expect(found, {result: float(counts.get(result, 0)) for result in RESULTS}, "ota_transactions_total")


def expect_causes(scrape, **counts):
    found = {dict(labels)["cause"]: value for (name, labels), value in scrape.samples.items()
             if name == "ota_failures_total" and value}
    expect(found, {cause: float(count) for cause, count in counts.items()}, "ota_failures_total")


def expect_state(scrape, state):
    found = [dict(labels)["state"] for (name, labels), value in scrape.samples.items()
             if name == "ota_state" and value]
    expect(found, [state], "ota_state")


def expect_last(scrape, result, cause, **labels):
    found = scrape.series("ota_last_result_info", engine="rauc", result=result, cause=cause, **labels)
    expect([value for _, value in found], [1.0], f"ota_last_result_info of {result}, {cause}, {labels}")


def expect_history(*entries):
    told = run_exporter("ota", "--socket", SOCKET, "history", "--json", seconds=SECONDS)
    expect([(entry["result"], entry["cause"]) for entry in json.loads(told.stdout)], list(entries), "history")


def mark(results, name):
    with open(os.path.join(results, name), "w", encoding="ascii"):
        pass


def reboot():
    """By the system call, as any init does it in the end; QEMU ends with it."""
    os.sync()
    subprocess.run(["busybox", "reboot", "-f"], check=True)
    signal.pause()


def cut(machine, results):
    """One update fails, another one is being installed when the power goes."""
    with machine, start() as exporter:
        bundle = machine.bundle("1.0", 8 * MIB)
        machine.corrupt(bundle)
        machine.install(bundle, check=False, seconds=SECONDS)
        expect_totals(wait_for_result(exporter, "failed"), failed=1)
        os.unlink(bundle)
        machine.start_install(machine.bundle("2.0", 24 * MIB))
        wait_until(lambda: written(exporter.scrape(), "B") >= 2 * MIB, seconds=SECONDS, what="2 MiB in the slot")
        expect_state(exporter.scrape(), "applying")
        mark(results, "ready")
        wait_for_state(exporter, "rebooting")
        mark(results, "done")


def interrupted(machine, results):
    """The cut was seen; the next update is installed, and the machine is rebooted in order."""
    with machine, start() as exporter:
        scrape = exporter.scrape()
        expect_totals(scrape, failed=1, interrupted=1)
        expect_causes(scrape, verify_failed=1, power_loss=1)
        expect_last(scrape, "interrupted", "power_loss")
        expect_state(scrape, "idle")
        expect(scrape.value("kernel_exporter_ota_ledger_writable"), 1.0, "ledger_writable")
        expect_history(("failed", "verify_failed"), ("interrupted", "power_loss"))
        before = bytes_written("B")
        machine.install(machine.bundle("3.0", 4 * MIB), seconds=SECONDS)
        wait_for_state(exporter, "rebooting")
        sync_device(SLOTS["B"])
        exact = written(exporter.scrape(), "B")
        expect(exact >= 4 * MIB * 99 // 100, True, f"exactly attributed bytes: {exact}")
        expect(exact <= bytes_written("B") - before, True, f"/sys/block of {exact} bytes")
        mark(results, "done")
        reboot()


def confirm(machine, results):
    """Booted and confirmed is succeeded; one more is installed, and the machine is reset under the exporter."""
    with machine, start() as exporter:
        wait_for_state(exporter, "confirming")
        expect_totals(exporter.scrape(), failed=1, interrupted=1)
        machine.mark("good")
        scrape = wait_for_result(exporter, "succeeded")
        expect_totals(scrape, failed=1, interrupted=1, succeeded=1)
        expect_last(scrape, "succeeded", "none", to="3.0")
        machine.install(machine.bundle("4.0", MIB), seconds=SECONDS)
        wait_for_state(exporter, "rebooting")
        mark(results, "done")
        reboot()


def roll_back(machine, _):
    """The boot loader fell back to the old slot."""
    with machine, start() as exporter:
        scrape = wait_for_result(exporter, "rolled_back")
        expect_totals(scrape, failed=1, interrupted=1, succeeded=1, rolled_back=1)
        expect_causes(scrape, verify_failed=1, power_loss=1)
        expect_last(scrape, "rolled_back", "none", to="4.0")
        expect_state(scrape, "idle")
        expect_history(("failed", "verify_failed"), ("interrupted", "power_loss"), ("succeeded", "none"),
                       ("rolled_back", "none"))
    subprocess.run(["umount", DATA], check=True)


PHASES = {"cut": (cut, "A"), "interrupted": (interrupted, "A"), "confirm": (confirm, "B"), "roll_back": (roll_back, "B")}

if __name__ == "__main__":
    phase, slot = PHASES[sys.argv[1]]
    phase(prepare(slot), sys.argv[2])
