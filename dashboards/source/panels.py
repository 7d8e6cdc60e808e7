# SPDX-License-Identifier: Apache-2.0
"""The panels and dashboards that Grafana's JSON is generated from, with everything that they have in common.

In an expression `{M}` is the selection of job and instance, `{E}` of job, instance and engine, and `[R]` the
rate interval; both take further matchers: `{M, state="idle"}`."""
import itertools

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
MACHINE = 'job=~"$job", instance=~"$instance"'
SHORTHANDS = (("{M", "{" + MACHINE), ("{E", "{" + MACHINE + ', engine=~"$engine"'), ("[R]", "[$__rate_interval]"))
WIDTH = 24

# One meaning, one colour, on every dashboard.
GOOD, WARN, BAD, NEUTRAL = "green", "orange", "red", "blue"
COLOURS = {
    "succeeded": GOOD, "failed": BAD, "rolled_back": WARN, "interrupted": "purple",
    "idle": "#6e7687", "downloading": "blue", "verifying": "purple", "applying": "orange",
    "rebooting": "yellow", "confirming": "super-light-blue",
    "exact": "blue", "inferred": "orange", "other": "purple", "none": GOOD,
}


def expand(expression):
    for short, long in SHORTHANDS:
        expression = expression.replace(short, long)
    return expression


def ceiling(warn, bad):
    """Steps for what should stay low."""
    return _steps((None, GOOD), (warn, WARN), (bad, BAD))


def floor(warn, good):
    """Steps for what should stay high."""
    return _steps((None, BAD), (warn, WARN), (good, GOOD))


def plain(colour=NEUTRAL):
    return _steps((None, colour))


def _steps(*steps):
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


def values(**texts):
    """Text for numbers: values(yes=(1, GOOD), no=(0, BAD))."""
    options = {str(value): {"text": text, "color": colour, "index": index}
               for index, (text, (value, colour)) in enumerate(texts.items())}
    return [{"type": "value", "options": options}]


def query(expression, legend="", instant=False, form="time_series"):
    return {"datasource": DATASOURCE, "expr": expand(expression), "legendFormat": legend, "format": form,
            "instant": instant, "range": not instant}


def _coloured(words):
    """The colours of series whose name is or ends with one of these words."""
    return [{"matcher": {"id": "byRegexp", "options": f"/(^| ){word}$/"},
             "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": COLOURS[word]}}]}
            for word in words]


def _panel(kind, title, description, size, queries, defaults, options, overrides=()):
    width, height = size
    targets = [{**target, "refId": chr(ord("A") + index)} for index, target in enumerate(queries)]
    return {"type": kind, "title": title, "description": description, "datasource": DATASOURCE,
            "gridPos": {"w": width, "h": height, "x": 0, "y": 0}, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, "options": options}


def stat(title, description, unit, *queries, size=(4, 4), thresholds=None, mappings=(), names=False, spark=False,
         decimals=None, none="–", colours=()):
    """One number, or with `names` the legend of the series. An instant query, except with `spark`, which is for series
    that always exist."""
    defaults = {"unit": unit, "noValue": none, "color": {"mode": "thresholds"},
                "thresholds": thresholds or plain(), "mappings": list(mappings)}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
               "orientation": "auto", "textMode": "name" if names else "value", "colorMode": "value",
               "graphMode": "area" if spark else "none", "justifyMode": "auto",
               "percentChangeColorMode": "standard", "showPercentChange": False, "wideLayout": True}
    queries = [{**target, "instant": not spark, "range": spark} for target in queries]
    return _panel("stat", title, description, size, queries, defaults, options, _coloured(colours))


def graph(title, description, unit, *queries, size=(12, 8), stack=False, thresholds=None, highest=None, step=False,
          log=False, colours=(), link=None):
    """Lines from zero up, in the legend the highest first; `log` is for what spans decades."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 40 if stack else 10, "showPoints": "never",
              "lineInterpolation": "stepAfter" if step else "linear", "spanNulls": False,
              "stacking": {"mode": "normal" if stack else "none", "group": "A"}}
    defaults = {"unit": unit, "color": {"mode": "palette-classic"}, "custom": custom}
    if log:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    else:
        defaults["min"] = 0
    if highest is not None:
        defaults["max"] = highest
    if link:
        defaults["links"] = [link]
    if thresholds:
        custom["thresholdsStyle"] = {"mode": "dashed"}
        defaults["thresholds"] = thresholds
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                          "calcs": ["mean", "max", "lastNotNull"], "sortBy": "Max", "sortDesc": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return _panel("timeseries", title, description, size, queries, defaults, options, _coloured(colours))


def heatmap(title, description, expression, size=(12, 8), unit="s"):
    """A histogram over time; `expression` gives its buckets by `le`."""
    options = {"calculate": False, "cellGap": 1, "cellValues": {"unit": "short"},
               "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "reverse": False,
                         "exponent": 0.5, "scale": "exponential", "steps": 64},
               "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
               "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
               "tooltip": {"mode": "single", "yHistogram": True},
               "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit}}
    return _panel("heatmap", title, description, size, [query(expression, "{{le}}", form="heatmap")],
                  {"unit": unit, "custom": {"scaleDistribution": {"type": "linear"}}}, options)


def timeline(title, description, *queries, colours, size=(12, 8)):
    """What was when, one line a series; there where it has a value."""
    defaults = {"unit": "none", "color": {"mode": "palette-classic"},
                "custom": {"fillOpacity": 90, "lineWidth": 0}}
    options = {"mergeValues": True, "rowHeight": 0.85, "showValue": "never", "alignValue": "left",
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
               "tooltip": {"mode": "single", "sort": "none"}}
    return _panel("state-timeline", title, description, size, queries, defaults, options, _coloured(colours))


def bars(title, description, unit, expression, legend, size=(6, 8), colours=(), decimals=None):
    """One bar for each of a few series."""
    defaults = {"unit": unit, "min": 0, "color": {"mode": "thresholds"}, "thresholds": plain()}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {"displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "sizing": "auto",
               "namePlacement": "auto", "showUnfilled": True, "minVizHeight": 16, "minVizWidth": 8,
               "maxVizHeight": 300,
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return _panel("bargauge", title, description, size, [query(expression, legend, instant=True)], defaults,
                  options, _coloured(colours))


def column(name, unit="string", expression=None, label=None, link=None, mappings=(), decimals=None):
    """A column of a table: the number of `expression`, or `label` of the rows."""
    return {"name": name, "unit": unit, "expression": expression, "label": label, "link": link,
            "mappings": list(mappings), "decimals": decimals}


def words(*names):
    """The colours of these words in a table."""
    return [{"type": "value", "options": {name: {"text": name, "color": COLOURS[name], "index": index}
                                          for index, name in enumerate(names)}}]


def table(title, description, *columns, size=(24, 8), sort=None):
    """One row for each set of labels; all expressions must give the same labels."""
    numbers = [entry for entry in columns if entry["expression"]]
    fields = {}
    for index, entry in enumerate(numbers):
        fields[entry["name"]] = f"Value #{chr(ord('A') + index)}" if len(numbers) > 1 else "Value"
    sources = [fields.get(entry["name"], entry["label"]) for entry in columns]
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": {name: True for name in ("Time", "job") if name not in sources},
            "indexByName": {source: index for index, source in enumerate(sources)},
            "renameByName": {source: entry["name"] for source, entry in zip(sources, columns)}}}]
    defaults = {"unit": "string", "noValue": "–",
                "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}}
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0,
               "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    panel = _panel("table", title, description, size,
                   [query(entry["expression"], instant=True, form="table") for entry in numbers], defaults, options,
                   [override for override in map(_column_override, columns) if override["properties"]])
    panel["transformations"] = transformations
    return panel


def _column_override(entry):
    properties = []
    if entry["unit"] != "string":
        properties.append({"id": "unit", "value": entry["unit"]})
    if entry["decimals"] is not None:
        properties.append({"id": "decimals", "value": entry["decimals"]})
    if entry["mappings"]:
        properties += [{"id": "mappings", "value": entry["mappings"]},
                       {"id": "custom.cellOptions", "value": {"type": "color-text"}}]
    if entry["link"]:
        properties.append({"id": "links", "value": [entry["link"]]})
    return {"matcher": {"id": "byName", "options": entry["name"]}, "properties": properties}


def variable(name, label, metric, default_all):
    everything = {"current": {"text": ["All"], "value": ["$__all"]}} if default_all else {}
    return {"type": "query", "name": name, "label": label, "datasource": DATASOURCE,
            "query": {"query": expand(f"label_values({metric}, {name})"), "refId": name},
            "multi": True, "includeAll": default_all, "allValue": ".+", "refresh": 2, "sort": 7, **everything}


def row(title, *panels, collapsed=False):
    return {"title": title, "panels": panels, "collapsed": collapsed}


def _placed(rows):
    """Every row below the one before it, its panels from left to right, as many side by side as there is room. What
    is in a collapsed row takes no room."""
    numbers = itertools.count(1)
    top = 0
    for line in rows:
        head = {"type": "row", "id": next(numbers), "title": line["title"], "collapsed": line["collapsed"],
                "panels": [], "gridPos": {"w": WIDTH, "h": 1, "x": 0, "y": top}}
        panels, bottom = _side_by_side(line["panels"], top + 1, numbers)
        if line["collapsed"]:
            yield {**head, "panels": panels}
            top += 1
        else:
            yield head
            yield from panels
            top = bottom


def _side_by_side(panels, top, numbers):
    """(the panels in their places, where the last line of them ends)"""
    placed, left, height = [], 0, 0
    for panel in panels:
        if left + panel["gridPos"]["w"] > WIDTH:
            top, left, height = top + height, 0, 0
        placed.append({"id": next(numbers), **panel, "gridPos": {**panel["gridPos"], "x": left, "y": top}})
        left, height = left + panel["gridPos"]["w"], max(height, panel["gridPos"]["h"])
    return placed, top + height


def dashboard(uid, title, description, rows, all_machines=False, machine="Machine", variables=(), annotations=(),
              period="now-1h"):
    templating = [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
        variable("job", "Job", "kernel_exporter_build_info", default_all=True),
        variable("instance", machine, 'kernel_exporter_build_info{job=~"$job"}', default_all=all_machines),
        *variables]
    siblings = {"type": "dashboards", "title": "kernel_exporter", "tags": ["kernel_exporter"], "asDropdown": True,
                "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": ""}
    return {"uid": uid, "title": title, "description": description, "tags": ["kernel_exporter"], "editable": False,
            "graphTooltip": 1, "schemaVersion": 39, "version": 1, "refresh": "30s", "timezone": "browser",
            "time": {"from": period, "to": "now"}, "links": [siblings], "templating": {"list": templating},
            "annotations": {"list": list(annotations)}, "panels": list(_placed(rows))}
