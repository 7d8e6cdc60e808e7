# SPDX-License-Identifier: Apache-2.0
"""One name, one grep: every probe is complete under its name, and nobody reads a metric that nobody writes."""
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

import rule_files
from rule_files import ROOT

# Of Prometheus itself.
GIVEN = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE"}
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
# A name in C++ that begins like this is a metric and nothing else.
IN_CODE = re.compile(r'"((?:ota|kernel_exporter|process)_[a-z0-9_]+)"')


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def paths(pattern):
    found = glob.glob(os.path.join(ROOT, pattern), recursive=True)
    return sorted(found, key=lambda path: path.split(os.sep))


def probes():
    return [os.path.basename(path)[:-len(".bpf.c")] for path in paths("bpf/*.bpf.c")]


def event_files(probe):
    """The rule files of a probe: default and full profile."""
    return paths(f"rules/*/{probe}.yaml")


def metrics_of(path):
    """The series names of a rule file."""
    names = set()
    for metric in yaml.load(text_of(path), yaml.CSafeLoader).get("metrics", ()):
        names |= {metric["name"] + suffix for suffix in SUFFIXES.get(metric["type"], ("",))}
    return names


@functools.cache
def series_of_probe(probe):
    return set().union(*(metrics_of(path) for path in event_files(probe)))


def helps(files):
    """Metric name -> every HELP that the rule files give it."""
    found = {}
    for path in files:
        for metric in yaml.load(text_of(path), yaml.CSafeLoader)["metrics"]:
            found.setdefault(metric["name"], set()).add(metric["help"])
    return found


def documents_check(root):
    """Exit code and message of docs/generate --check in the tree at `root`."""
    done = subprocess.run([os.path.join(root, "docs", "generate"), "--check"], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def says_why_not(probe, what):
    """A rule file of the probe states a wanted absence: `# No alert: because ...`."""
    return any(re.search(rf"(?m)^# No {what}: \w", text_of(path)) for path in event_files(probe))


def in_code():
    files = paths("exporter/**/*.cpp") + paths("exporter/**/*.h")
    return {name for path in files for name in IN_CODE.findall(text_of(path))}


def defined():
    return in_code().union(GIVEN, *(series_of_probe(probe) for probe in probes()))


def dashboards():
    return {os.path.basename(path): json.loads(text_of(path)) for path in paths("dashboards/*.json")}


def rows():
    """The title of every row of panels, and its panels: those behind it, or inside it when it is collapsed."""
    for dashboard in dashboards().values():
        row, panels = None, []
        for panel in [*dashboard["panels"], {"type": "row", "title": ""}]:
            if panel["type"] != "row":
                panels.append(panel)
                continue
            if row:
                yield row["title"], panels
            row, panels = panel, list(panel.get("panels", []))


def queries(node):
    """Every PromQL text of a dashboard: of its panels and of its variables."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        if "query" in node and node.get("type") == "query":
            query = node["query"]
            yield query if isinstance(query, str) else query.get("query", "")
        for value in node.values():
            yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def names_in_query(text):
    """Those of label_values(metric, label) and query_result(...) too."""
    text = re.sub(r"^label_values\((.*),\s*\w+\)$|^label_values\(\w+\)$", r"\1", text.strip())
    text = re.sub(r"^query_result\((.*)\)$", r"\1", text)
    return rule_files.names_in(re.sub(r"\$\{?\w+(:\w+)?\}?", "1", text))


class Probes(unittest.TestCase):
    def check(self, complete):
        """`complete(probe)` holds for every probe."""
        self.assertGreater(len(probes()), 4)
        self.assertEqual([probe for probe in probes() if not complete(probe)], [])

    def test_each_has_rules_for_both_profiles(self):
        both = ["events", "events-full"]
        self.check(lambda probe: [os.path.basename(os.path.dirname(path)) for path in event_files(probe)] == both)

    def test_each_has_a_test_that_provokes_its_event(self):
        self.check(lambda probe: paths(f"tests/kernel/{probe}_test.cpp") +
                   paths(f"tests/ota/**/{probe}_*_kernel_test.cpp"))

    def test_each_is_in_the_reference(self):
        self.check(lambda probe: re.search(rf"(?m)^## {probe}$", text_of("docs", "probes.md")))

    def test_generated_documents_are_what_the_rules_say(self):
        self.assertEqual(documents_check(ROOT), (0, ""))

    def test_a_document_that_is_out_of_date_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            for part in ("rules", "bpf", "docs", "dashboards"):
                shutil.copytree(os.path.join(ROOT, part), os.path.join(folder, part))
            shutil.copy(os.path.join(ROOT, "README.md"), folder)
            self.assertEqual(documents_check(folder), (0, ""))
            path = os.path.join(folder, "rules", "events", "softirq.yaml")
            with open(path, encoding="utf-8") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace("Run time of softirq handlers.", "Another help."))
            code, message = documents_check(folder)
        self.assertEqual(code, 1)
        self.assertIn("out of date: docs/probes.md;", message)

    def test_each_has_an_alert_or_says_why_not(self):
        def warns(probe):
            return any(rule_files.metrics_behind(alert["expr"]) & series_of_probe(probe)
                       for alert in rule_files.alerts().values())

        self.check(lambda probe: warns(probe) != says_why_not(probe, "alert"))

    def test_each_has_a_row_of_panels_or_says_why_not(self):
        drawn = {}
        for title, panels in rows():
            names = {name for query in queries(panels) for name in names_in_query(query)}
            for probe in title.partition(":")[0].split(", "):
                drawn.setdefault(probe, set()).update(names)
        self.check(lambda probe: bool(series_of_probe(probe) & drawn.get(probe, set())) != says_why_not(probe, "panel"))

    def test_alerts_name_the_probe_that_they_hear(self):
        for name, alert in rule_files.alerts().items():
            behind = rule_files.metrics_behind(alert["expr"])
            heard = [probe for probe in probes() if behind & series_of_probe(probe)]
            if heard:
                self.assertIn(alert["annotations"].get("probe"), heard, name)


class Metrics(unittest.TestCase):
    def test_each_has_one_help(self):
        self.assertGreater(len(helps(paths("rules/*/*.yaml"))), 20)
        self.assertEqual({name: found for name, found in helps(paths("rules/*/*.yaml")).items() if len(found) > 1}, {})

    def test_no_rule_defines_a_metric_of_the_exporter(self):
        self.assertEqual(helps(paths("rules/*/*.yaml")).keys() & in_code(), set())

    def test_a_second_help_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(2):
                with open(os.path.join(folder, f"{number}.yaml"), "w", encoding="utf-8") as file:
                    file.write(f"metrics: [{{name: a_total, help: Help {number}.}}]")
            self.assertEqual(helps(sorted(glob.glob(folder + "/*.yaml"))), {"a_total": {"Help 0.", "Help 1."}})

    def test_no_alert_reads_what_nobody_writes(self):
        read = set().union(*(rule_files.names_in(rule["expr"]) for rule in rule_files.rules()))
        self.assertEqual(read - defined() - set(rule_files.recorded()), set())

    def test_no_dashboard_reads_what_nobody_writes(self):
        known = defined() | set(rule_files.recorded())
        unknown = {(file, name) for file, dashboard in dashboards().items() for query in queries(dashboard)
                   for name in names_in_query(query)} - {(file, name) for file in dashboards() for name in known}
        self.assertEqual(unknown, set())

    def test_no_case_feeds_what_nobody_writes(self):
        fed = {metric for _, _, series, _ in rule_files.cases() for metric, _ in series}
        self.assertEqual(fed - defined(), set())

    def test_a_name_that_nobody_writes_is_found(self):
        query = 'label_values(ota_state{engine="$engine"}, state)'
        self.assertEqual(names_in_query(query), {"ota_state"})
        self.assertEqual(names_in_query("rate(kernel_nonsense_total[$__rate_interval])"), {"kernel_nonsense_total"})
        self.assertNotIn("kernel_nonsense_total", defined())
        self.assertIn("kernel_softirq_latency_seconds_bucket", defined())
        self.assertIn("ota_state", defined())


if __name__ == "__main__":
    unittest.main()
