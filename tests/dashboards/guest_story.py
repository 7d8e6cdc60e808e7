#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The guest's side of guest_car.py: flash that wears out, and a driver that asks for firmware, until QEMU ends.

usage: guest_story.py RESULTS_DIR RULE_FILE...
"""
import contextlib
import fcntl
import itertools
import os
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "e2e"))
import exporter_process  # noqa: E402

exporter_process.START_SECONDS = 200  # an emulated machine

ADDRESS = "10.0.2.15"
PAGE, BLOCK = 512, 16 << 10
PAGES = 512  # written; in one of 1024 reads of such a page nandsim flips a bit
GRAVE = 2 * PAGES  # the page that cannot be read
BAD = 128  # the first block that is given up
CHIP = ("id_bytes=0x20,0x75", "bitflips=1", f"gravepages={GRAVE}:0")
FLASH = "/dev/mtd0"
MEMSETBADBLOCK = 0x40084d0c
FIRMWARE = "/run/firmware"
UPDATES = "/run/ota.yaml"
REQUEST = "/sys/devices/virtual/misc/test_firmware/trigger_request"


def run(*command):
    subprocess.run(command, check=True)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def prepare():
    run("modprobe", "virtio_net")
    run("ip", "address", "add", ADDRESS + "/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("modprobe", "nandsim", *CHIP)
    run("modprobe", "test_firmware")
    os.makedirs(FIRMWARE)
    write(os.path.join(FIRMWARE, "ecu.bin"), "firmware")
    write("/sys/module/firmware_class/parameters/path", FIRMWARE)
    write(UPDATES, "socket: /run/ota.sock\nledger: /run/ota.ledger\nengines: [custom]\n")


def live(second, flash):
    """Bits flip now and then; every fourth second a page is lost, every eighth a block."""
    write(REQUEST, "ecu.bin")
    os.pread(flash, PAGES * PAGE, 0)
    if second % 4 == 0:
        with contextlib.suppress(FileNotFoundError):
            write(REQUEST, "missing.bin")
        with contextlib.suppress(OSError):
            os.pread(flash, PAGE, GRAVE * PAGE)
    if second % 8 == 0:
        fcntl.ioctl(flash, MEMSETBADBLOCK, struct.pack("q", (BAD + second // 8) * BLOCK))


def main(results, *rules):
    prepare()
    flash = os.open(FLASH, os.O_RDWR)
    os.pwrite(flash, bytes(PAGES * PAGE), 0)
    os.pwrite(flash, bytes(PAGE), GRAVE * PAGE)
    with exporter_process.ExporterProcess(rules, ["--ota.config", UPDATES], listen=ADDRESS + ":10435"):
        write(os.path.join(results, "ready"), "yes")
        for second in itertools.count():
            live(second, flash)
            time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
