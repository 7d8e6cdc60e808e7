# SPDX-License-Identifier: Apache-2.0
"""What holds for every dashboard: the conventions of Grafana's dashboard linter, but that an instance is called by
what it is, and some of our own. Whether expressions can be parsed is seen when they are put to Prometheus."""
import itertools
import re

import grafana

KINDS = {"stat", "timeseries", "heatmap", "table", "state-timeline", "bargauge"}
# Of Grafana's units those that are used: of any other it shows the name behind the bare number.
UNITS = {"none", "short", "string", "locale", "percentunit", "s", "dateTimeFromNow", "bytes", "Bps", "pps", "ops",
         "iops"}
COUNTER = re.compile(r"\b\w+(?:_total|_bucket|_sum|_count)\b(?=\s*\{)")
SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})")
RANGE = re.compile(r"\[([^\]]*)\]")
LEGEND = re.compile(r"[^{}]*(\{\{\s*[a-zA-Z_]\w*\s*\}\}[^{}]*)*")
MATCHERS = ('job=~"$job"', 'instance=~"$instance"')

# A series of these begins with its first event, or with the exporter's start, and increase() never sees what it
# begins with.
PLAIN_COUNTERS = {"ota_io_errors_total", "kernel_blockio_errors_total", "ota_process_failures_total",
                  "ota_reboot_triggers_total", "ota_bootenv_writes_total", "ota_firmware_loads_total",
                  "kernel_exporter_ota_ledger_records_skipped_total", "kernel_exporter_ota_messages_refused_total",
                  "kernel_exporter_rule_errors_total"}
# The fleet's: a target version has no machine, an alert may be about none.
WITHOUT_MACHINE = ("to:", "ALERTS")


def faults(dashboard):
    found = [*_of_dashboard(dashboard), *_of_templating(dashboard), *_of_grid(dashboard)]
    for panel in grafana.panels(dashboard):
        found += [f"{panel.get('title')}: {fault}" for fault in _of_panel(panel, dashboard)]
    return found


def _of_dashboard(dashboard):
    if dashboard.get("editable") is not False:
        yield "editable"
    for key in ("uid", "title", "description", "tags"):
        if not dashboard.get(key):
            yield f"no {key}"
    numbers = [panel["id"] for panel in dashboard["panels"]] + [
        inner["id"] for panel in dashboard["panels"] for inner in panel.get("panels", ())]
    for number in {number for number in numbers if numbers.count(number) > 1}:
        yield f"panel id {number} twice"
    for annotation in dashboard["annotations"]["list"]:
        if annotation["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"annotation {annotation['name']}: not from $datasource"
    if not any(link.get("includeVars") and link.get("keepTime") for link in dashboard["links"]):
        yield "no link to the other dashboards that keeps variables and time"


def _of_templating(dashboard):
    by_name = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    source = by_name.get("datasource", {})
    if (source.get("type"), source.get("query"), source.get("label")) != ("datasource", "prometheus", "Data source"):
        yield "no variable datasource of Prometheus, labelled Data source"
    for name in ("job", "instance"):
        if by_name.get(name, {}).get("type") != "query":
            yield f"no variable {name} with a query"
    for variable in grafana.variables(dashboard):
        name = variable["name"]
        if variable["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"variable {name}: not from $datasource"
        if not (variable["multi"] and variable["allValue"] == ".+" and variable.get("label")):
            yield f"variable {name}: not multi with allValue .+ and a label"
        if variable["refresh"] != 2:
            yield f"variable {name}: not refreshed with the time range"
        if not grafana.LABEL_VALUES.fullmatch(variable["query"]["query"]):
            yield f"variable {name}: no label_values(selector, label)"
    used = str(dashboard["panels"]) + str([variable.get("query") for variable in by_name.values()])
    for name in by_name:
        if f"${name}" not in used and f"${{{name}" not in used:
            yield f"variable {name}: not used"


def _of_grid(dashboard):
    yield from _of_places(dashboard["panels"])
    for panel in dashboard["panels"]:
        yield from _of_places(panel.get("panels", ()))
    titles = [panel.get("title") for panel in grafana.panels(dashboard)]
    for title in {title for title in titles if titles.count(title) > 1}:
        yield f"title {title} twice"


def _of_places(panels):
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    for title, place in places:
        if place["x"] < 0 or place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 1:
            yield f"{title}: outside the grid"
    for (one, a), (other, b) in itertools.combinations(places, 2):
        if (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
                and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]):
            yield f"{one} overlaps {other}"


def _of_panel(panel, dashboard):
    if panel["type"] not in KINDS:
        yield f"type {panel['type']}"
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"no {key}"
    overridden = [entry["value"] for override in panel["fieldConfig"]["overrides"] for entry in override["properties"]
                  if entry["id"] == "unit"]
    for unit in (panel["fieldConfig"]["defaults"].get("unit"), *overridden):
        if unit not in UNITS:
            yield f"unit {unit}"
    if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield "not from $datasource"
    if not panel.get("targets"):
        yield "no query"
    references = [target.get("refId") for target in panel.get("targets", ())]
    if None in references or len(set(references)) != len(references):
        yield f"refIds {references}"
    if panel["type"] == "stat" and panel["options"]["graphMode"] == "none":
        if not all(target["instant"] for target in panel["targets"]):
            yield "a number without its history that is not of now"
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | set(grafana.interval_variables(0, 1))
    for target in panel.get("targets", ()):
        yield from _of_target(target, panel["type"], len(panel["targets"]))
        for match in grafana.VARIABLE.finditer(target["expr"]):
            if (match.group(1) or match.group(2)) not in known:
                yield f"unknown variable {match.group()}"


def _of_target(target, kind, siblings):
    expression = target["expr"]
    if target["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield "query not from $datasource"
    if re.search(r"\bor\s+(on\s*\(\s*\)\s*)?vector\s*\(", expression):
        yield "or vector(): shows data where there is none"
    if "_bucket" in expression and "histogram_quantile" not in expression and kind != "heatmap":
        yield "a histogram that is no heatmap"
    if kind == "heatmap" and (target["format"], target["legendFormat"]) != ("heatmap", "{{le}}"):
        yield "heatmap without format heatmap and legend {{le}}"
    if kind in ("table", "bargauge") and not target["instant"]:
        yield "not instant"
    if kind == "table" and target["format"] != "table":
        yield "format is not table"
    if not LEGEND.fullmatch(target["legendFormat"]):
        yield f"legend {target['legendFormat']}"
    if kind in ("timeseries", "state-timeline", "bargauge") and not target["legendFormat"]:
        yield "no legend"
    if siblings > 1 and kind == "stat":
        yield "a stat of several queries"
    yield from _of_expression(expression)


def _of_expression(expression):
    for name, matchers in SELECTOR.findall(expression):
        if not name.startswith(WITHOUT_MACHINE):
            for matcher in MATCHERS:
                if matcher not in matchers:
                    yield f"{name} without {matcher}"
    for length in RANGE.findall(expression):
        if length not in ("$__rate_interval", "$__range"):
            yield f"range [{length}]"
    if re.search(r"\bi?rate\([^()]*\[(?!\$__rate_interval\])", expression):
        yield "rate() not over $__rate_interval"
    for match in COUNTER.finditer(expression):
        before = expression[:match.start()]
        if match.group() not in PLAIN_COUNTERS and not re.search(r"(rate|increase)\($", before):
            yield f"{match.group()} without rate or increase"
