# SPDX-License-Identifier: Apache-2.0
"""Three vehicles, Prometheus, Alertmanager and who is paged, with the files that operators load; beside it a vehicle
that pushes to a receiver which is away for a minute."""
import errno
import os
import re
import shlex
import signal
import time
import unittest

import rule_files
from servers import Alertmanager, Prometheus, PrometheusAgent, ScrapeCounter, Webhook
from vehicle import ROOT, Vehicle
from exporter_process import wait_until
from fault_device import FaultDevice
from machine import LoopDevice
from rauc import MIB, RaucMachine

FLEET = os.path.join(ROOT, "packaging", "fleet")
OUTAGE_SECONDS = 60
SLOT_SIZE = 16 * MIB
BROKEN_AT = 6 * MIB
PAGE_SECONDS = 40  # Alertmanager waits 10 s for more of the same before it pages


def central_config(vehicles, alertmanager):
    """All three scraped each second; the rules as they are shipped."""
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": rule_files.RULE_FILES,
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}]},
            "scrape_configs": [{"job_name": "fleet", "static_configs": [
                {"targets": [f"127.0.0.1:{vehicle.exporter.port}"], "labels": {"instance": vehicle.name}}
                for vehicle in vehicles]}]}


def alertmanager_config(webhook):
    config = rule_files.load(rule_files.ALERTMANAGER)
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"http://127.0.0.1:{webhook.port}/{receiver['name']}"
    return config


def agent_config(target, receiver):
    config = rule_files.load(os.path.join(FLEET, "prometheus-agent.yml"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    config["scrape_configs"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{target.port}"], "labels": {"instance": "pushing"}}]
    config["remote_write"][0]["url"] = f"http://127.0.0.1:{receiver.port}/api/v1/write"
    return config


def agent_arguments():
    """The flags of the unit as shipped but for where things are."""
    with open(os.path.join(FLEET, "prometheus-agent.service"), encoding="utf-8") as file:
        command = file.read().replace("\\\n", " ").split("ExecStart=")[1].split("\n")[0]
    return [flag for flag in shlex.split(command)[1:]
            if not flag.startswith(("--config.file", "--web.", "--storage.agent.path"))]


def receiver_config():
    config = rule_files.load(os.path.join(FLEET, "prometheus-receiver.yml"))
    return {"global": config["global"], "storage": config["storage"]}


class Stack(unittest.TestCase):
    """One run, many questions: see the tests for what is asked of it."""

    @classmethod
    def setUpClass(cls):
        enter = cls.enterClassContext
        # The mount namespaces of all that starts later have a copy of this one's mount.
        cls.medium = enter(FaultDevice(SLOT_SIZE))
        cls.healthy = enter(Vehicle("healthy", rauc=enter(RaucMachine(SLOT_SIZE))))
        cls.begin_outage(enter)
        cls.sick = enter(Vehicle("sick", rauc=enter(RaucMachine(SLOT_SIZE, {"B": cls.medium.path}))))
        cls.killed = enter(Vehicle("killed"))
        cls.slot = enter(LoopDevice(SLOT_SIZE))
        cls.webhook = enter(Webhook())
        cls.alertmanager = enter(Alertmanager(alertmanager_config(cls.webhook)))
        cls.prometheus = enter(Prometheus(central_config((cls.healthy, cls.sick, cls.killed), cls.alertmanager)))
        cls.update_healthy()
        cls.update_sick()
        cls.kill()
        cls.inhibit()
        cls.end_outage()

    @classmethod
    def begin_outage(cls, enter):
        cls.counter = enter(ScrapeCounter(cls.healthy.exporter.port))
        cls.receiver = enter(Prometheus(receiver_config(), "--web.enable-remote-write-receiver"))
        agent = PrometheusAgent(agent_config(cls.counter, cls.receiver), *agent_arguments())
        agent.arguments += (f"--storage.agent.path={agent.path('data')}",)
        cls.agent = enter(agent)
        wait_until(lambda: cls.receiver.query("scrapes_total"), 20, "a first sample at the receiver")
        cls.receiver.stop()
        cls.away_from = time.time()

    @classmethod
    def end_outage(cls):
        time.sleep(max(0.0, cls.away_from + OUTAGE_SECONDS - time.time()))
        cls.away_to = time.time()
        cls.receiver.start()
        last = cls.counter.scrapes
        wait_until(lambda: cls.receiver.query(f"scrapes_total >= {last}"), 60, "what waited at the agent")
        (cls.pushed_labels, cls.pushed), = cls.receiver.samples("scrapes_total")
        (_, cls.pushed_up), = cls.receiver.samples("up")

    @classmethod
    def update_healthy(cls):
        rauc = cls.healthy.rauc
        rauc.install(rauc.bundle("2.0", 8 * MIB))
        wait_until(lambda: cls.prometheus.query('ota_state{instance="healthy",state="rebooting"} == 1'), 20, "rebooting")
        rauc.stop_service()
        cls.healthy.boot()
        rauc.boot("B")
        rauc.mark("good")
        wait_until(lambda: cls.prometheus.query('ota:last_end:timestamp_seconds{instance="healthy",result="succeeded"}'),
                   20, "the confirmed update in Prometheus")

    @classmethod
    def update_sick(cls):
        rauc = cls.sick.rauc
        cls.medium.fail("write", BROKEN_AT, errno.ENODATA)
        rauc.install(rauc.bundle("2.0", 8 * MIB), check=False)
        cls.page = cls.webhook.wait_for("/pager", PAGE_SECONDS, instance="sick")

    @classmethod
    def kill(cls):
        """In the middle of its update, the worst moment."""
        cls.killed.begin(cls.slot.path)
        cls.killed.ota("set", "applying")
        wait_until(lambda: cls.prometheus.query('ota_state{instance="killed",state="applying"} == 1'), 20, "applying")
        cls.killed.exporter.send(signal.SIGKILL)
        cls.killed.exporter.wait()
        wait_until(lambda: cls.alertmanager.alerts(alertname="VehicleOffline", instance="killed"), 30, "VehicleOffline")

    @classmethod
    def inhibit(cls):
        """Also the barrier: what was to page before has paged when these pages are there."""
        vehicle = {"alertname": "OtaMediaError", "scope": "vehicle", "severity": "page"}
        campaign = {"alertname": "OtaConfirmedBurn14x", "scope": "campaign", "severity": "page", "to": "8.0"}
        cls.alertmanager.post(campaign)
        wait_until(lambda: cls.alertmanager.alerts(alertname="OtaConfirmedBurn14x"), 10, "the campaign's alert")
        cls.alertmanager.post({**vehicle, "instance": "of_campaign", "to": "8.0"},
                              {**vehicle, "instance": "of_none", "to": "9.0"})
        cls.webhook.wait_for("/pager", PAGE_SECONDS, instance="of_none")
        cls.webhook.wait_for("/pager", PAGE_SECONDS, alertname="OtaConfirmedBurn14x")

    def test_a_medium_error_below_the_slot_is_a_page_that_says_where(self):
        self.assertEqual({(operation, error) for operation, _, _, error in self.medium.hits},
                         {("write", errno.ENODATA)})
        device = os.path.basename(self.medium.path)
        labels = dict(self.page["labels"])
        # RAUC names the version only of what it has installed.
        self.assertIn(labels.pop("to", None), (None, "2.0"))
        self.assertEqual(labels, {
            "alertname": "OtaMediaError", "severity": "page", "scope": "vehicle", "job": "fleet", "instance": "sick",
            "engine": "rauc", "device": device, "cause": "media_error"})
        said = int(re.search(r"at byte (\d+)", self.page["annotations"]["description"])[1])
        # The request that failed, not the byte in it.
        self.assertIn(said, self.medium.failed_requests(BROKEN_AT))
        self.assertIn(device, self.page["annotations"]["summary"])
        self.assertEqual(self.page["annotations"]["runbook_url"], "dashboards/runbook.md#otamediaerror")
        self.assertEqual(len(self.webhook.find("/pager", instance="sick")), 1)

    def test_a_healthy_update_is_no_page(self):
        self.assertEqual(self.webhook.find("/pager", instance="healthy"), [])

        def ever(instance):
            return {labels["alertname"] for which in ('severity="page"', 'alertname=~"Ota(Failed|.*Error)"')
                    for labels, _ in self.prometheus.samples(f'ALERTS{{instance="{instance}",{which}}}')}
        self.assertEqual(ever("healthy"), set())
        self.assertEqual(ever("sick"), {"OtaFailed", "OtaMediaError"})

    def test_a_killed_exporter_is_no_page(self):
        routed = [(alert["labels"]["alertname"], alert["labels"]["severity"], alert["receivers"])
                  for alert in self.alertmanager.alerts(instance="killed")]
        # A ticket would be written after a minute: who is to have it is known before.
        self.assertEqual(routed, [("VehicleOffline", "none", [{"name": "nobody"}])])
        self.assertEqual([alert for _, alert in self.webhook.received if alert["labels"].get("instance") == "killed"],
                         [])

    def test_a_campaign_speaks_for_its_vehicles(self):
        self.assertEqual(self.webhook.find("/pager", instance="of_campaign"), [])
        inhibited, = self.alertmanager.alerts(alertname="OtaMediaError", instance="of_campaign")
        source, = self.alertmanager.alerts(alertname="OtaConfirmedBurn14x")
        self.assertEqual(inhibited["status"], {"state": "suppressed", "silencedBy": [],
                                               "inhibitedBy": [source["fingerprint"]]})
        other, = self.alertmanager.alerts(alertname="OtaMediaError", instance="of_none")
        self.assertEqual(other["status"]["state"], "active")

    def test_no_sample_is_lost_while_the_receiver_is_away(self):
        self.assertEqual((self.pushed_labels["job"], self.pushed_labels["instance"]), ("fleet", "pushing"))
        number_at = {at: int(number) for at, number in self.pushed}
        # Each scrape has an `up`, also the few that met an exporter which was being restarted.
        expected = {at: number for number, (at, up) in enumerate(self.pushed_up, 1) if up == 1}
        self.assertEqual(number_at, {at: number for at, number in expected.items() if at in number_at})
        self.assertEqual([at for at in expected if at not in number_at and at <= self.pushed[-1][0]], [])
        while_away = [at for at in number_at if self.away_from < at < self.away_to]
        self.assertGreater(len(while_away), OUTAGE_SECONDS // 2)

    def test_the_rules_have_no_fault_at_work(self):
        groups = self.prometheus.get("/api/v1/rules")["data"]["groups"]
        self.assertEqual([(rule["name"], rule.get("lastError")) for group in groups for rule in group["rules"]
                          if rule["health"] == "err"], [])


if __name__ == "__main__":
    unittest.main()
