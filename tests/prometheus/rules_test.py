# SPDX-License-Identifier: Apache-2.0
"""The rules for Prometheus and Alertmanager, by Debian's promtool and amtool: no root, no exporter."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

import yaml

import rule_files


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=170)
    return done.returncode, done.stdout.decode()


def heading_of(name):
    """The anchor that Markdown gives a heading."""
    return re.sub(r"[^a-z0-9 -]", "", name.lower()).replace(" ", "-")


class Rules(unittest.TestCase):
    def test_promtool_finds_no_fault(self):
        code, text = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *rule_files.RULE_FILES)
        self.assertEqual(code, 0, text)

    def test_every_case_holds(self):
        code, text = run("promtool", "test", "rules", *rule_files.TEST_FILES)
        self.assertEqual(code, 0, text)

    def test_a_case_that_does_not_hold_is_found(self):
        with open(os.path.join(rule_files.FOLDER, "tests", "exporter.test.yml"), encoding="utf-8") as file:
            text = file.read().replace("../", rule_files.FOLDER + "/").replace("100 events", "101 events")
        with tempfile.NamedTemporaryFile("w", suffix=".test.yml") as wrong:
            wrong.write(text)
            wrong.flush()
            code, text = run("promtool", "test", "rules", wrong.name)
        self.assertNotEqual(code, 0)
        self.assertIn("ExporterEventsLost", text)

    def test_every_alert_has_a_case_that_fires_and_one_that_does_not(self):
        seen = {name: set() for name in rule_files.alerts()}
        for file, case, series, expected in rule_files.cases():
            fed = {metric for metric, _ in series}
            for name, fires in expected:
                self.assertIn(name, seen, f"{file}: {case}")
                behind = rule_files.metrics_behind(rule_files.alerts()[name]["expr"])
                # A case without the alert's own series cannot show that it stays silent.
                if fires or fed & behind:
                    seen[name].add(fires)
        self.assertEqual([name for name, both in seen.items() if both != {True, False}], [])

    def test_every_alert_says_what_who_how_bad_and_what_to_do(self):
        for name, alert in rule_files.alerts().items():
            with self.subTest(name):
                annotations = alert["annotations"]
                self.assertGreater(len(annotations["summary"]), 10)
                self.assertIn("$value", annotations["description"])
                self.assertIn(alert["labels"]["severity"], ("page", "ticket", "none"))
                self.assertIn(alert["labels"]["scope"], ("campaign", "vehicle", "machine"))
                self.assertEqual(annotations["runbook_url"], f"dashboards/runbook.md#{heading_of(name)}")

    def test_the_runbook_has_a_section_for_every_alert_and_no_other(self):
        with open(rule_files.RUNBOOK, encoding="utf-8") as file:
            sections = re.split(r"(?m)^### ", file.read())[1:]
        self.assertEqual(sorted(section.split("\n")[0] for section in sections), sorted(rule_files.alerts()))
        for section in sections:
            for part in ("**Means.**", "**Look at.**", "**Do.**"):
                self.assertIn(part, section)

    def test_what_is_recorded_is_read_and_what_is_read_is_recorded(self):
        read = set().union(*(rule_files.names_in(rule["expr"]) for rule in rule_files.rules()))
        self.assertEqual({name for name in read if ":" in name} - set(rule_files.recorded()), set())

    def test_names_are_found_in_expressions(self):
        text = 'sum by (a) (rate(x_total{b="c_d"}[5m])) > 14.4 * 0.01 and on (job) y:z:w_1h offset 1h unless w == bool 1e3'
        self.assertEqual(rule_files.names_in(text), {"x_total", "y:z:w_1h", "w"})


class Installation(unittest.TestCase):
    SCRIPT = os.path.join(rule_files.FOLDER, "install")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "rules")

    def links(self):
        found = []
        for path in rule_files.RULE_FILES:
            with open(os.path.join(self.folder, os.path.basename(path)), encoding="utf-8") as file:
                found += re.findall(r"runbook_url: (.*)", file.read())
        return found

    def test_links_to_the_runbook_become_absolute(self):
        code, text = run(self.SCRIPT, "--runbook-url", "https://wiki.example.com/kernel_exporter/runbook", self.folder)
        self.assertEqual((code, text), (0, ""))
        self.assertEqual(sorted(self.links()), sorted(
            f"https://wiki.example.com/kernel_exporter/runbook#{heading_of(name)}" for name in rule_files.alerts()))
        code, text = run("promtool", "check", "rules", *glob.glob(self.folder + "/*.rules.yml"))
        self.assertEqual(code, 0, text)

    def test_without_a_url_they_stay_relative_with_a_warning(self):
        code, text = run(self.SCRIPT, self.folder)
        self.assertEqual(code, 0)
        self.assertIn("no --runbook-url", text)
        self.assertEqual({link.partition("#")[0] for link in self.links()}, {"dashboards/runbook.md"})

    def test_wrong_usage_is_refused(self):
        for arguments in ([], ["--runbook-url"], ["--runbook-url", "https://a"], ["--runbook-url", "runbook.md", "x"],
                          ["--runbook-url", "https://a|b", "x"], ["--unknown"], ["a", "b"]):
            self.assertEqual(run(self.SCRIPT, *arguments)[0], 2, arguments)
        self.assertFalse(os.path.exists(self.folder))


class Fleet(unittest.TestCase):
    def check(self, name, *flags):
        path = os.path.join(rule_files.ROOT, "packaging", "fleet", name)
        return run("promtool", "check", "config", "--syntax-only", *flags, path)

    def test_promtool_finds_no_fault_in_the_configurations(self):
        for done in (self.check("prometheus-agent.yml", "--agent"), self.check("prometheus-receiver.yml")):
            self.assertEqual(done[0], 0, done[1])

    def test_an_agent_takes_no_configuration_of_a_receiver(self):
        self.assertNotEqual(self.check("prometheus-receiver.yml", "--agent")[0], 0)


class Routing(unittest.TestCase):
    def route(self, **labels):
        code, text = run("amtool", "config", "routes", "test", "--config.file", rule_files.ALERTMANAGER,
                         *(f"{name}={value}" for name, value in labels.items()))
        self.assertEqual(code, 0, text)
        return text.splitlines()[-1]

    def test_amtool_finds_no_fault(self):
        code, text = run("amtool", "check-config", rule_files.ALERTMANAGER)
        self.assertEqual(code, 0, text)

    def test_every_alert_goes_where_its_severity_says(self):
        receiver = {"page": "pager", "ticket": "tickets", "none": "nobody"}
        for name, alert in rule_files.alerts().items():
            labels = alert["labels"]
            self.assertEqual(self.route(alertname=name, **labels), receiver[labels["severity"]], name)

    def test_an_offline_vehicle_is_no_page(self):
        self.assertEqual(rule_files.alerts()["VehicleOffline"]["labels"]["severity"], "none")

    def test_nobody_is_nobody(self):
        with open(rule_files.ALERTMANAGER, encoding="utf-8") as file:
            receivers = {entry["name"]: entry for entry in yaml.safe_load(file)["receivers"]}
        self.assertEqual(receivers["nobody"], {"name": "nobody"})

    def test_what_nobody_classified_is_a_ticket(self):
        self.assertEqual(self.route(alertname="Unknown"), "tickets")


if __name__ == "__main__":
    unittest.main()
