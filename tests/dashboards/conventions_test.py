# SPDX-License-Identifier: Apache-2.0
"""The dashboards keep to the conventions, and each convention can be broken."""
import copy
import os
import subprocess
import unittest

import conventions
import grafana
import yaml


def panel_of(dashboard, kind):
    return next(panel for panel in grafana.panels(dashboard) if panel["type"] == kind)


def put(holder, key, value):
    holder[key] = value


def expression(text):
    return lambda dashboard: put(panel_of(dashboard, "timeseries")["targets"][0], "expr", text)


def of_panel(kind, key, value):
    return lambda dashboard: put(panel_of(dashboard, kind), key, value)


def of_target(kind, key, value):
    return lambda dashboard: put(panel_of(dashboard, kind)["targets"][0], key, value)


def of_variable(name, key, value):
    return lambda dashboard: put(
        next(entry for entry in dashboard["templating"]["list"] if entry["name"] == name), key, value)


def overlap(dashboard):
    dashboard["panels"][2]["gridPos"] = dict(dashboard["panels"][1]["gridPos"])


def same_id(dashboard):
    dashboard["panels"][2]["id"] = dashboard["panels"][1]["id"]


SELECTED = '{job=~"$job", instance=~"$instance"}'
BROKEN = [
    ("editable", lambda dashboard: put(dashboard, "editable", True)),
    ("no link to the other", lambda dashboard: put(dashboard, "links", [])),
    ("panel id 2 twice", same_id),
    ("title Reads twice", of_panel("heatmap", "title", "Reads")),
    ("overlaps", overlap),
    ("outside the grid", of_panel("stat", "gridPos", {"x": 22, "y": 0, "w": 4, "h": 4})),
    ("no title", of_panel("stat", "title", "")),
    ("no description", of_panel("stat", "description", "")),
    ("unit None", of_panel("stat", "fieldConfig", {"defaults": {}, "overrides": []})),
    ("unit seconds", of_panel("stat", "fieldConfig", {"defaults": {"unit": "s"}, "overrides": [
        {"properties": [{"id": "unit", "value": "seconds"}]}]})),
    ("annotation Ends of updates: not from", lambda dashboard: put(
        dashboard["annotations"]["list"][0], "datasource", None)),
    ("not from $datasource", of_panel("stat", "datasource", {"type": "prometheus", "uid": "P1"})),
    ("query not from $datasource", of_target("stat", "datasource", None)),
    ("no query", of_panel("stat", "targets", [])),
    ("type text", of_panel("stat", "type", "text")),
    ("refIds", of_target("stat", "refId", None)),
    ("no variable datasource", of_variable("datasource", "name", "prometheus")),
    ("no variable job", of_variable("job", "name", "work")),
    ("variable instance: not multi", of_variable("instance", "allValue", ".*")),
    ("variable job: not from", of_variable("job", "datasource", None)),
    ("variable job: no label_values", of_variable("job", "query", {"query": "label_names()"})),
    ("heatmap without format", of_target("heatmap", "format", "time_series")),
    ("a histogram that is no heatmap", expression(f"sum(rate(a_bucket{SELECTED}[$__rate_interval]))")),
    ("legend", of_target("timeseries", "legendFormat", "{{instance}")),
    ("no legend", of_target("timeseries", "legendFormat", "")),
    ("not of now", lambda dashboard: put(panel_of(dashboard, "stat")["options"], "graphMode", "none")),
    ("not instant", of_target("table", "instant", False)),
    ("or vector", expression(f"sum(a{SELECTED}) or vector(0)")),
    ("range [5m]", expression(f"rate(a_total{SELECTED}[5m])")),
    ("rate() not over", expression(f"rate(a_total{SELECTED}[$__range])")),
    ("a_total without rate", expression(f"sum(a_total{SELECTED})")),
    ('a without job=~"$job"', expression('sum(a{instance=~"$instance"})')),
    ('a without instance=~"$instance"', expression('sum(a{job=~"$job"})')),
    ("unknown variable $host", expression(f"sum(a{SELECTED}) > $host")),
]


class Conventions(unittest.TestCase):
    maxDiff = None

    def test_the_dashboards_keep_to_them(self):
        for name in grafana.NAMES:
            with self.subTest(name):
                self.assertEqual(conventions.faults(grafana.load(name)), [])

    def test_each_can_be_broken(self):
        sound = grafana.load("machine")
        sound["panels"].append({**panel_of(grafana.load("exporter"), "table"), "id": 1000,
                                "gridPos": {"x": 0, "y": 1000, "w": 1, "h": 1}})
        self.assertEqual(conventions.faults(sound), [])
        for fault, damage in BROKEN:
            with self.subTest(fault):
                broken = copy.deepcopy(sound)
                damage(broken)
                self.assertIn(fault, "\n".join(conventions.faults(broken)))

    def test_dashboards_have_names_of_their_own(self):
        dashboards = [grafana.load(name) for name in grafana.NAMES]
        for key in ("uid", "title"):
            self.assertEqual(len({dashboard[key] for dashboard in dashboards}), len(dashboards))

    def test_links_lead_to_dashboards_that_exist(self):
        known = {grafana.load(name)["uid"] for name in grafana.NAMES}
        fields = [panel["fieldConfig"] for name in grafana.NAMES for panel in grafana.panels(grafana.load(name))]
        links = [link["url"] for field in fields for override in field["overrides"]
                 for entry in override["properties"] if entry["id"] == "links" for link in entry["value"]]
        self.assertGreater(len(links), 2)
        links += [link["url"] for field in fields for link in field["defaults"].get("links", ())]
        for link in links:
            self.assertIn(link.split("/d/")[1].split("?")[0], known)

    def test_provisioning_reads_files_into_the_data_source_that_the_variable_offers(self):
        def provisioned(name):
            with open(os.path.join(grafana.FOLDER, "provisioning", name + ".yml"), encoding="utf-8") as file:
                return yaml.safe_load(file)
        [source] = provisioned("datasources")["datasources"]
        self.assertEqual((source["type"], source["jsonData"]["timeInterval"]), ("prometheus", "15s"))
        [provider] = provisioned("dashboards")["providers"]
        self.assertEqual((provider["type"], provider["allowUiUpdates"]), ("file", False))
        self.assertTrue(os.path.isabs(provider["options"]["path"]))

    def test_the_json_is_what_the_sources_make(self):
        subprocess.run([grafana.FOLDER + "/generate", "--check"], check=True)


if __name__ == "__main__":
    unittest.main()
