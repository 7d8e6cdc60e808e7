#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An exporter under ThreadSanitizer that does everything at the same time: scrapes, reloads, updates of agents over the
socket and of a cgroup, writes that become evidence, connections that are given up."""
import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from cgroup_update_test import Engine  # noqa: E402
from exporter_process import (BUILD, DEFAULT_RULES, LIFECYCLE, OPENMETRICS, ExporterProcess, RuleFolder,  # noqa: E402
                              wait_until)
from machine import MIB, LoopDevice, cgroup2_mount, remove_cgroup  # noqa: E402

SECONDS = 25
RACE = "WARNING: ThreadSanitizer"
RACE_CODE = 66  # how ThreadSanitizer ends a process that had one
CGROUP = f"kernel_exporter_threads_{os.getpid()}"


class Agent:
    """A client of the agents' socket, one message after the other."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def tell(self, kind, **keys):
        self.socket.send(json.dumps({"kind": kind, **keys}).encode())
        return json.loads(self.socket.recv(1 << 20))


class Mix(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kernel_exporter_threads_"))
        self.socket = os.path.join(folder, "ota.sock")
        self.loop = self.enterContext(LoopDevice(4 * MIB))
        cgroup = os.path.join(cgroup2_mount(), CGROUP)
        os.mkdir(cgroup)
        self.addCleanup(remove_cgroup, cgroup)
        config = os.path.join(folder, "ota.yaml")
        # Nobody answers at the engines' addresses: their adapters try again and again.
        adapters = {"rauc": {"bus": f"unix:path={folder}/bus"},
                    "swupdate": {"progress_socket": f"{folder}/p", "control_socket": f"{folder}/c"},
                    "cgroup": [{"engine": "vendor", "glob": f"/{CGROUP}/v*"}]}
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": f"{folder}/ota.ledger", "engines": ["custom"],
                       "devices": {self.loop.path: "slot"},
                       "thresholds": {"stall": "1s", "starved": "1s", "timeout": "3s"}, "adapters": adapters}, file)
        self.arguments = ["--ota.config", config, "--privileges.keep-all", *LIFECYCLE]
        self.writer = self.enterContext(Engine(f"{CGROUP}/agent"))
        self.writer.start()

    @staticmethod
    def together(**roles):
        """All at the same time, each again and again until the time is over: how often each was done."""
        end = time.monotonic() + SECONDS

        def repeat(work):
            number = 0
            while time.monotonic() < end:
                work(number)
                number += 1
            return number
        with concurrent.futures.ThreadPoolExecutor(len(roles)) as pool:
            done = {role: pool.submit(repeat, work) for role, work in roles.items()}
        return {role: times.result() for role, times in done.items()}

    def scrape(self, exporter, number):
        paths = ("/metrics", "/metrics?collect[]=ota", "/", "/-/healthy", "/metrics?collect[]=softirq")
        headers = [{}, {"Accept": OPENMETRICS}, {"Accept-Encoding": "gzip"}][number % 3]
        self.assertEqual(exporter.get(paths[number % len(paths)], headers=headers).status, 200)

    def reload(self, exporter, rules, number):
        damaged = number % 3 == 0
        with open(os.path.join(DEFAULT_RULES, "netdrop.yaml"), encoding="utf-8") as file:
            rules.write("netdrop", file.read() + ("damaged: yes\n" if damaged else ""))
        if number % 2:
            exporter.send(signal.SIGHUP)
        else:
            self.assertEqual(exporter.get("/-/reload", method="POST").status == 200, not damaged)

    def update(self, number):
        """An update of its own for each engine's name, told by an agent that comes and goes."""
        engine = f"engine{number % 2}"
        with Agent(self.socket) as agent:
            begun = agent.tell("begin", id=f"{number}", engine=engine, cgroup=f"/{CGROUP}/agent",
                               devices=[{"path": self.loop.path, "role": "slot"}])
            self.assertTrue(begun["ok"], begun)
            for progress in (10, 50, 90):
                agent.tell("set", engine=engine, state=["downloading", "applying"], progress=progress)
            self.writer.write(self.loop.path, 1, 1, "oflag=direct")
            agent.tell("status")
            agent.tell("history", limit=10)
            agent.tell("nonsense")
            result = ("failed", "installed")[number % 2]
            self.assertTrue(agent.tell("end", engine=engine, result=result)["ok"])
            if result == "installed":
                self.assertTrue(agent.tell("end", engine=engine, result="rolled_back")["ok"])

    def update_by_cgroup(self, number):
        def is_applied():
            with Agent(self.socket) as agent:
                return any(update["engine"] == "vendor" and "applying" in update["states"]
                           for update in agent.tell("status")["open"])
        with Engine(f"{CGROUP}/v{number}") as vendor:
            vendor.start()
            vendor.write(self.loop.path, 0, 1, "oflag=direct")
            wait_until(is_applied, what="an update of a cgroup with processes")
        wait_until(lambda: not is_applied(), what="the end of an update of a cgroup without processes")

    def give_up(self, exporter, _):
        """A client that goes away in the middle of its request, and one that does not read."""
        with socket.create_connection(("127.0.0.1", exporter.port)) as client:
            client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        with socket.create_connection(("127.0.0.1", exporter.port)) as client:
            client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)

    def test_everything_at_the_same_time_has_no_race(self):
        rules = self.enterContext(RuleFolder())
        for name in os.listdir(DEFAULT_RULES):
            with open(os.path.join(DEFAULT_RULES, name), "rb") as file:
                rules.write(name, file.read())
        with ExporterProcess(rules=rules.path, arguments=self.arguments) as exporter:
            done = self.together(scrapes=lambda number: self.scrape(exporter, number),
                                 more_scrapes=lambda number: self.scrape(exporter, number + 1),
                                 reloads=lambda number: self.reload(exporter, rules, number),
                                 updates=self.update,
                                 cgroups=self.update_by_cgroup,
                                 given_up=lambda number: self.give_up(exporter, number))
            code = exporter.stop(seconds=30)
        self.assertEqual((code, exporter.lines_with(RACE)), (0, []), exporter.log)
        for role, least in (("scrapes", 20), ("more_scrapes", 20), ("reloads", 5), ("updates", 5), ("cgroups", 3),
                            ("given_up", 10)):
            self.assertGreaterEqual(done[role], least, (role, done))
        print(done, file=sys.stderr)


class Control(unittest.TestCase):
    def test_a_race_is_reported(self):
        done = subprocess.run([os.path.join(BUILD, "tests", "threads", "race")], stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, RACE_CODE)
        self.assertIn(RACE, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
