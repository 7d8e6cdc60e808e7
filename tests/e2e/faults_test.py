# SPDX-License-Identifier: Apache-2.0
"""Maps that are full or lose their keys, devices and objects that vanish."""
import json
import os
import shutil
import tempfile
import unittest

from exporter_process import DEFAULT_RULES, FIXTURES, FULL_RULES, LIFECYCLE, ExporterProcess, RuleFolder
from machine import LoopDevice, add_veth, frame, inside, network_namespace, programs, run, send_frames

OBJECT = os.path.join(FIXTURES, "foreign.bpf.o")
PREFIX = "kxf"
EXECS = """
probe: foreign
object: {object}
{settings}
metrics:
  - name: foreign_execs_total
    help: Programs started.
    type: counter
    map: execs
    labels:
      comm: {{field: comm, decode: string}}
    where: comm =~ "kxf.*"
"""
NETDROP = """
probe: netdrop
max_entries: {netdrop: 4}
metrics:
  - name: kernel_netdrop_packets_total
    help: Packets that the kernel dropped.
    type: counter
    map: netdrop
    value: packets
    labels:
      netns: {field: netns}
      device: {field: device}
      reason: {field: reason, decode: {enum: {enum: skb_drop_reason, strip: SKB_DROP_REASON_}}}
"""


def execs(settings="", path=OBJECT):
    return EXECS.format(object=path, settings=settings)


def map_use(scraped, name):
    return tuple(scraped.value("kernel_exporter_map_" + what, map=name) for what in ("entries", "max_entries"))


class FullMaps(unittest.TestCase):
    def test_a_full_map_shows_as_full_and_keeps_what_it_has(self):
        names = [f"{PREFIX}{i}".encode() for i in range(12)]
        rules = self.enterContext(RuleFolder(foreign=execs("max_entries: {execs: 4}")))
        exporter = self.enterContext(ExporterProcess(rules.path))
        with programs(*names) as execute:
            for name in names:
                execute(name, 2)
                scraped = exporter.scrape()
        self.assertEqual(map_use(scraped, "execs"), (4, 4))
        # Other programs of the machine may have taken the places, never more than there are.
        self.assertLessEqual(len(scraped.series("foreign_execs_total")), 4)

    def test_what_a_full_map_of_ours_cannot_take_is_counted(self):
        namespace = self.enterContext(network_namespace("kxfull"))
        peer = self.enterContext(network_namespace("kxpeer"))
        devices = 8
        for i in range(devices):
            add_veth(namespace, f"kxd{i}", peer, f"kxs{i}")
        rules = self.enterContext(RuleFolder(netdrop=NETDROP))
        self.enterContext(inside(namespace))
        wrapper = ("nsenter", f"--net=/run/netns/{namespace}")
        exporter = self.enterContext(ExporterProcess(rules.path, wrapper=wrapper))
        frames = 0
        for times in range(1, 4):
            for i in range(devices):
                send_frames(peer, f"kxs{i}", [frame()] * times)
                frames += times
            scraped = exporter.scrape()
        lost = scraped.value("kernel_exporter_probe_lost_events_total", probe="netdrop", reason="map_full")
        counted = scraped.sum("kernel_netdrop_packets_total")
        self.assertEqual(map_use(scraped, "netdrop"), (4, 4))
        self.assertGreaterEqual(lost, (devices - 4) * frames / devices)
        self.assertGreaterEqual(lost + counted, frames)

    def test_room_enough_loses_nothing(self):
        with ExporterProcess(DEFAULT_RULES) as exporter:
            scraped = exporter.scrape()
        self.assertEqual(scraped.series("kernel_exporter_probe_lost_events_total", reason="map_full"), [])


class VanishingMaps(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.object = shutil.copy(OBJECT, folder)
        self.rules = self.enterContext(RuleFolder(foreign=execs(path=self.object)))
        self.exporter = self.enterContext(ExporterProcess(self.rules.path, arguments=LIFECYCLE))

    def map_id(self):
        """The id of the exporter's own map, by the descriptors that it holds."""
        folder = f"/proc/{self.exporter.process.pid}/fdinfo"
        ids = set()
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as info:
                ids |= {line.split()[1] for line in info if line.startswith("map_id:")}
        shown = [json.loads(run("bpftool", "-j", "map", "show", "id", number)) for number in ids]
        return next(str(one["id"]) for one in shown if one["name"] == "execs")

    def delete_keys(self):
        """Deletes what is in the map from outside, as another process may."""
        number = self.map_id()
        for entry in json.loads(run("bpftool", "-j", "map", "dump", "id", number)):
            run("bpftool", "map", "delete", "id", number, "key", "hex", *(byte[2:] for byte in entry["key"]))

    def test_keys_that_vanish_leave_their_counts(self):
        name = (PREFIX + "keys").encode()
        with programs(name) as execute:
            for expected in (5, 10, 15):
                execute(name, 5)
                value = self.exporter.scrape().value("foreign_execs_total", comm=name.decode())
                self.assertEqual(value, expected)
                self.delete_keys()
                value = self.exporter.scrape().value("foreign_execs_total", comm=name.decode())
                self.assertEqual(value, expected)

    def test_an_object_that_vanishes_or_changes_keeps_the_loaded_one(self):
        name = (PREFIX + "object").encode()
        with programs(name) as execute:
            execute(name, 5)
            self.assertEqual(self.exporter.scrape().value("foreign_execs_total", comm=name.decode()), 5)
            for change in (lambda: os.unlink(self.object),
                           lambda: shutil.copy(os.path.join(FIXTURES, "classic.bpf.o"), self.object),
                           lambda: os.truncate(self.object, 100)):
                change()
                response = self.exporter.get("/-/reload", method="POST")
                self.assertEqual(response.status, 500)
                self.assertIn("foreign.yaml:", response.text)
                self.exporter.scrape()
            shutil.copy(OBJECT, self.object)
            self.assertEqual(self.exporter.get("/-/reload", method="POST").status, 200)
            execute(name, 3)
            self.assertEqual(self.exporter.scrape().value("foreign_execs_total", comm=name.decode()), 8)

    def test_a_rule_with_a_map_that_the_object_does_not_have(self):
        self.rules.write("foreign", execs(path=self.object).replace("map: execs", "map: gone"))
        response = self.exporter.get("/-/reload", method="POST")
        self.assertEqual(response.status, 500)
        self.assertRegex(response.text, r'foreign.yaml:[0-9]+: no map "gone" in .*"execs"')
        self.exporter.scrape()


class VanishingDevices(unittest.TestCase):
    def test_network_devices_come_and_go(self):
        for rules in (DEFAULT_RULES, FULL_RULES):
            with self.subTest(rules=os.path.basename(rules)), network_namespace("kxnet") as namespace, \
                    network_namespace("kxpeer") as peer:
                self.network_devices(rules, namespace, peer)

    def network_devices(self, rules, namespace, peer):
        wrapper = ("nsenter", f"--net=/run/netns/{namespace}")
        with inside(namespace), ExporterProcess(rules, wrapper=wrapper) as exporter:
            expected = 0
            for _ in range(5):
                add_veth(namespace, "kxgone", peer, "kxsends")
                send_frames(peer, "kxsends", [frame()] * 20)
                expected += 20
                scraped = exporter.scrape()
                counted = scraped.sum("kernel_netdrop_packets_total", device="kxgone", reason="unhandled_proto")
                self.assertEqual(counted, expected)
                self.assertEqual(scraped.value("kernel_netdev_rx_dropped_total", device="kxgone"), expected)
                run("ip", "-n", namespace, "link", "del", "kxgone")
                scraped = exporter.scrape()
                self.assertEqual(scraped.value("kernel_netdev_rx_dropped_total", device="kxgone"), expected)

    def test_block_devices_come_and_go(self):
        for rules in (DEFAULT_RULES, FULL_RULES):
            with self.subTest(rules=os.path.basename(rules)), ExporterProcess(rules) as exporter:
                with LoopDevice() as loop:
                    for _ in range(5):
                        name = loop.name
                        before = exporter.scrape().sum("kernel_blockio_bytes_total", device=name, operation="write")
                        loop.write(1 << 20)
                        scraped = exporter.scrape()
                        after = scraped.sum("kernel_blockio_bytes_total", device=name, operation="write")
                        self.assertEqual(after - before, 1 << 20)
                        loop.detach()
                        exporter.scrape()
                        loop.attach()
                exporter.scrape()


if __name__ == "__main__":
    unittest.main()
