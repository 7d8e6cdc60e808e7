# SPDX-License-Identifier: Apache-2.0
"""The dashboards as Grafana reads them: their panels, their queries, and what it puts for variables."""
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "dashboards")
NAMES = ("fleet-ota", "update", "machine", "exporter")
VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
LABEL_VALUES = re.compile(r"label_values\((.+),\s*(\w+)\)")


def load(name):
    with open(os.path.join(FOLDER, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def panels(dashboard):
    """All of them, those of collapsed rows included, without the rows."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", ())
        if panel["type"] != "row":
            yield panel


def variables(dashboard):
    return [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]


def interval_variables(start, end, scrape=1, points=1000):
    """Grafana's own variables: no finer than a scrape, and a rate over four scrapes at least."""
    span = end - start
    interval = max(int(span / points), scrape)
    return {"__range": f"{int(span)}s", "__range_s": str(int(span)), "__interval": f"{interval}s",
            "__rate_interval": f"{max(interval + scrape, 4 * scrape)}s"}


def _escaped(text):
    return re.sub(r"[\\^$*{}\[\]+?.()|]", lambda match: "\\\\" + match.group(), text)


def chosen(variable, selected):
    """The text for a variable with several values: its own one for All, else an alternative of regular expressions."""
    if selected is None:
        return variable["allValue"]
    return _escaped(selected[0]) if len(selected) == 1 else f"({'|'.join(map(_escaped, selected))})"


def substitute(expression, values):
    """Fails for a variable that nobody set, as Grafana would send it as it is."""
    return VARIABLE.sub(lambda match: values[match.group(1) or match.group(2)], expression)


class Queries:
    """Every query of a dashboard with its variables put in. selected: {variable: [value, ...]}; All for others."""

    def __init__(self, dashboard, start, end, selected):
        self.dashboard = dashboard
        self._values = interval_variables(start, end)
        for variable in variables(dashboard):
            self._values[variable["name"]] = chosen(variable, selected.get(variable["name"]))

    def of_variables(self):
        """(name, selector, label)"""
        for variable in variables(self.dashboard):
            metric, label = LABEL_VALUES.fullmatch(variable["query"]["query"]).groups()
            yield variable["name"], substitute(metric, self._values), label

    def of_panel(self, panel):
        return [substitute(target["expr"], self._values) for target in panel["targets"]]

    def of_annotations(self):
        for annotation in self.dashboard["annotations"]["list"]:
            yield annotation["name"], substitute(annotation["target"]["expr"], self._values)
