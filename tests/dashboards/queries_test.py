# SPDX-License-Identifier: Apache-2.0
"""Every query of every panel, variable and annotation, put to a Prometheus that scraped a fleet during updates. Each
returns data, and data that changes as the updates go on: a panel that always shows the same shows nothing."""
import json
import math
import os
import unittest

import grafana
from fleet import JOB, Fleet

BUILD = os.environ.get("KERNEL_EXPORTER_BUILD", os.path.join(grafana.ROOT, "build"))
# Of the dashboards for one: all are asked for, so that every state of an update is met; one is drawn.
SELECTED = {"fleet-ota": {}, "exporter": {}, "update": {"instance": list(Fleet.NAMES)},
            "machine": {"instance": list(Fleet.NAMES)}}
DRAWN = {**SELECTED, "update": {"instance": ["car-1"]}, "machine": {"instance": ["car-1"]}}


def points_of(series):
    """Of each series what is there, [(time, value)]: a NaN is nothing."""
    for _, points in series:
        there = [(time, value) for time, value in points if not math.isnan(value)]
        if there:
            yield there


class DashboardQueries(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fleet = cls.enterClassContext(Fleet())
        cls.prometheus = fleet.prometheus
        cls.start, cls.end = map(int, fleet.tell())
        cls.results = {name: cls.ask(cls.queries(name, SELECTED)) for name in grafana.NAMES}

    @classmethod
    def tearDownClass(cls):
        """Leaves what `draw` needs."""
        drawn = {name: cls.queries(name, DRAWN) for name in grafana.NAMES}
        marks = {name: [points[-1][1] for _, expression in queries.of_annotations()
                        for _, points in cls.over_time(expression)] for name, queries in drawn.items()}
        folder = os.path.join(BUILD, "dashboards")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as file:
            json.dump({"start": cls.start, "end": cls.end, "marks": marks,
                       "dashboards": {name: cls.ask(queries) for name, queries in drawn.items()}}, file)

    @classmethod
    def ask(cls, queries):
        """{panel id: [series of each target]}"""
        return {panel["id"]: [cls.over_time(expression) for expression in queries.of_panel(panel)]
                for panel in grafana.panels(queries.dashboard)}

    @classmethod
    def queries(cls, name, selected):
        return grafana.Queries(grafana.load(name), cls.start, cls.end, selected[name])

    @classmethod
    def over_time(cls, expression):
        """An instant query is one at each second: what a person sees who looks again."""
        return cls.prometheus.query_range(expression, cls.start, cls.end)

    def changes(self, series):
        """Whether a series takes another value or begins. One that ends or pauses may be of a car that is off."""
        return any(points[0][0] > self.start or len({value for _, value in points}) > 1
                   for points in points_of(series))

    def has_data(self, series):
        return any(points_of(series))

    def faults(self, name):
        found = []
        for panel in grafana.panels(grafana.load(name)):
            for target, series in zip(panel["targets"], self.results[name][panel["id"]]):
                where = f"{panel['title']}, {target['refId']}: {target['expr']}"
                if not self.has_data(series):
                    found.append(f"no data: {where}")
                elif not self.changes(series):
                    found.append(f"never changes: {where}")
        return found

    def test_every_query_of_every_panel_returns_data_that_changes(self):
        for name in grafana.NAMES:
            with self.subTest(name):
                self.assertEqual(self.faults(name), [])

    def test_every_variable_has_values(self):
        expected = {"job": [JOB], "instance": list(Fleet.NAMES), "engine": ["custom", "rauc", "swupdate"]}
        for name in grafana.NAMES:
            for variable, selector, label in self.queries(name, SELECTED).of_variables():
                with self.subTest(name, variable=variable):
                    found = self.prometheus.label_values(label, selector, self.start, self.end)
                    self.assertEqual(found, expected[variable])

    def test_annotations_mark_the_ends_of_updates(self):
        for name in ("update", "machine"):
            for annotation, expression in self.queries(name, DRAWN).of_annotations():
                with self.subTest(name, annotation=annotation):
                    series = self.over_time(expression)
                    self.assertTrue(self.changes(series), expression)
                    [(labels, points)] = series
                    self.assertEqual((labels["result"], labels["to"]), ("failed", "2.1"))
                    self.assertGreater(points[-1][1], self.start * 1000)
                    self.assertLess(points[-1][1], self.end * 1000)

    def test_a_query_for_what_is_not_there_and_one_that_stands_still_are_found(self):
        self.assertFalse(self.has_data(self.over_time("kernel_nonsense_total")))
        self.assertFalse(self.changes(self.over_time("kernel_nonsense_total")))
        still = self.over_time("kernel_exporter_build_info")
        self.assertTrue(self.has_data(still))
        self.assertLess(min(map(len, points_of(still))), max(map(len, points_of(still))), "no car was off")
        self.assertFalse(self.changes(still))


if __name__ == "__main__":
    unittest.main()
