# SPDX-License-Identifier: Apache-2.0
"""What the exporter says while a vehicle lives through every kind of update, scrape by scrape."""
import os
import pathlib
import tempfile

from vehicle import Vehicle, drop_datagrams
from exporter_process import DEFAULT_RULES, ExporterProcess, RuleFolder, wait_until
from machine import LoopDevice

BLOCKIO, SOFTIRQ = (pathlib.Path(DEFAULT_RULES, f"{name}.yaml").read_text("utf-8") for name in ("blockio", "softirq"))
SLOT_SIZE = 16 << 20
BROKEN_FROM = 8 << 20


class Recording:
    """series: {(metric, frozenset of labels)} of all scrapes together. bootenv_writes: as counted after one write."""

    def __init__(self):
        self.series = set()
        with LoopDevice(SLOT_SIZE) as slot, LoopDevice() as bootenv, Vehicle("recorded") as vehicle:
            self._vehicle = vehicle
            self._bootenv = bootenv
            self._live(vehicle, slot)
        self._read_flash()
        self._fill_a_map()
        self._blind()

    def _scrape(self, exporter=None):
        exposition = (exporter or self._vehicle.exporter).scrape()
        self.series |= set(exposition.samples)
        return exposition

    def _live(self, vehicle, slot):
        drop_datagrams()
        self._install(vehicle, slot)
        vehicle.ota("end", "installed")
        self.bootenv_writes = self._scrape().sum("ota_bootenv_writes_total")
        vehicle.boot()
        self._scrape()
        vehicle.ota("end", "confirmed")
        self._scrape()
        for cause in ([], ["--cause", "media_error"]):
            self._install(vehicle, slot)
            vehicle.ota("end", "failed", *cause)
            self._scrape()
        self._break(vehicle, slot)
        self._install(vehicle, slot)
        vehicle.boot()
        self._scrape()

    def _install(self, vehicle, slot):
        vehicle.begin(slot.path, bootenv=self._bootenv.path)
        vehicle.ota("set", "downloading", "--progress", "0", "--downloaded-bytes", "0")
        self._scrape()
        vehicle.ota("set", "applying", "--progress", "50", "--downloaded-bytes", str(2 << 20))
        vehicle.write(slot.path)
        self._scrape()
        self._bootenv.write(4096)
        vehicle.ota("set", "verifying", "--progress", "100", "--downloaded-bytes", str(4 << 20))
        self._scrape()

    def _break(self, vehicle, slot):
        self._install(vehicle, slot)
        slot.truncate(BROKEN_FROM)
        assert not vehicle.read(slot.path, BROKEN_FROM)
        wait_until(lambda: self._scrape().value("ota_last_failure_offset_bytes") == BROKEN_FROM, what="the offset")
        vehicle.ota("end", "failed")
        slot.truncate(SLOT_SIZE)
        self._scrape()

    def _read_flash(self):
        """Flash devices as sysfs shows them: not every kernel has one to show."""
        with tempfile.TemporaryDirectory(prefix="kernel_exporter_sysfs_") as folder:
            flash = os.path.join(folder, "class", "mtd", "mtd0")
            os.makedirs(flash)
            for name in ("ecc_failures", "corrected_bits", "bad_blocks"):
                with open(os.path.join(flash, name), "w", encoding="ascii") as file:
                    file.write("0\n")
            config = os.path.join(folder, "ota.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"{{socket: {folder}/ota.sock, ledger: {folder}/ota.ledger}}\n")
            with ExporterProcess(arguments=["--path.sysfs", folder, "--ota.config", config]) as exporter:
                self._scrape(exporter)

    def _fill_a_map(self):
        """Reads and writes where only one of them has room."""
        with RuleFolder(blockio=BLOCKIO + "max_entries: {blockio: 1}\n") as rules, LoopDevice() as disk, \
                ExporterProcess(rules.path) as exporter:
            disk.write()
            disk.read()
            self._scrape(exporter)

    def _blind(self):
        """Nothing may be loaded, and a rule file has a fault."""
        with RuleFolder(blockio=BLOCKIO + "nonsense: 1\n", softirq=SOFTIRQ) as rules, \
                ExporterProcess(rules.path, wrapper=("setpriv", "--bounding-set=-all")) as exporter:
            self._scrape(exporter)
