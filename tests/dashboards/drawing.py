# SPDX-License-Identifier: Apache-2.0
"""Panels as HTML and SVG, near enough to Grafana's for a person to judge what a dashboard says."""
import html
import math
import re

COLOURS = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "yellow": "#fade2a", "blue": "#5794f2",
           "purple": "#b877d9", "super-light-blue": "#c0d8ff", "transparent": "transparent"}
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d",
           "#fade2a", "#447ebc", "#c15c17")
HEAT = ("#2b1a10", "#5a2d0c", "#8c430a", "#bf5b0b", "#e8790f", "#f79433", "#fbb870", "#fee0bf")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
TIMES = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min"),
         (172800, 1 / 3600, "h"))
SHORT = ((1e3, 1, ""), (1e6, 1e-3, " K"), (1e9, 1e-6, " Mil"), (math.inf, 1e-9, " Bil"))
RATES = {"ops": " ops/s", "pps": " p/s", "iops": " io/s"}


def colour(name):
    return COLOURS.get(name, name)


def number(value, decimals=None):
    """Three digits that matter, or so many decimals."""
    if decimals is None:
        decimals = max(0, 2 - int(math.floor(math.log10(abs(value))))) if value else 0
        text = f"{value:.{min(decimals, 6)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{decimals}f}"


def _seconds(value, decimals):
    for limit, factor, unit in TIMES:
        if abs(value) < limit:
            return f"{number(value * factor, decimals)} {unit}"
    return f"{number(value / 86400, decimals)} d"


def _bytes(value, decimals, suffix=""):
    step = 0
    while abs(value) >= 1024 and step < len(BINARY) - 1:
        value, step = value / 1024, step + 1
    return f"{number(value, decimals)} {BINARY[step]}{suffix}"


def _short(value, decimals, suffix=""):
    for limit, factor, unit in SHORT:
        if abs(value) < limit:
            return f"{number(value * factor, decimals)}{unit}{suffix}"
    return str(value)


def formatted(value, unit, decimals=None, now=0):
    if unit == "s":
        return "0 s" if value == 0 else _seconds(value, decimals)
    if unit == "bytes":
        return _bytes(value, decimals)
    if unit == "Bps":
        return _bytes(value, decimals, "/s")
    if unit == "percentunit":
        return f"{number(value * 100, decimals)}%"
    if unit == "locale":
        return f"{value:,.0f}"
    if unit == "dateTimeFromNow":
        return f"{_seconds(max(now - value / 1000, 0), 0)} ago"
    return _short(value, decimals, RATES.get(unit, ""))


def legend_of(target, labels):
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match.group(1), ""), target["legendFormat"])


class Panel:
    """A panel and the series of its targets: [[(labels, [(time, value)])]]."""

    def __init__(self, panel, results, start, end, marks=()):
        self.panel, self.results, self.start, self.end, self.marks = panel, results, start, end, marks
        self.defaults = panel["fieldConfig"]["defaults"]
        self.unit = self.defaults["unit"]
        self.decimals = self.defaults.get("decimals")
        self.width = panel["gridPos"]["w"] * 64 - 8
        self.height = panel["gridPos"]["h"] * 38 - 8

    def html(self):
        draw = getattr(self, "_" + self.panel["type"].replace("-", "_"))
        empty = not any(self.series()) and self.panel["type"] != "stat"
        body = '<div class="empty">No data</div>' if empty else draw()
        place = self.panel["gridPos"]
        return (f'<div class="panel" style="left:{place["x"] * 64}px;top:{place["y"] * 38}px;width:{self.width}px;'
                f'height:{self.height}px"><h3 title="{html.escape(self.panel["description"])}">'
                f'{html.escape(self.panel["title"])}</h3>{body}</div>')

    def series(self):
        """[(name, points)]; of an instant query only what is there at the end."""
        for target, series in zip(self.panel["targets"], self.results):
            for labels, points in series:
                kept = [(time, value) for time, value in points
                        if not math.isnan(value) and (time >= self.end or not target["instant"])]
                if kept:
                    yield legend_of(target, labels), kept

    def format(self, value):
        return formatted(value, self.unit, self.decimals, self.end)

    def fixed_colour(self, name):
        for override in self.panel["fieldConfig"]["overrides"]:
            if re.search(override["matcher"]["options"].strip("/"), name):
                return colour(override["properties"][0]["value"]["fixedColor"])
        return None

    def colour_of(self, name, index):
        return self.fixed_colour(name) or PALETTE[index % len(PALETTE)]

    def step_colour(self, value):
        chosen = None
        for step in self.defaults["thresholds"]["steps"]:
            if step["value"] is None or value >= step["value"]:
                chosen = step["color"]
        return colour(chosen)

    def mapped(self, value, mappings=None):
        """(text, colour) of a value mapping, or nothing."""
        for mapping in self.defaults.get("mappings", ()) if mappings is None else mappings:
            key = value if isinstance(value, str) else number(value, 0)
            if key in mapping["options"]:
                return mapping["options"][key]["text"], colour(mapping["options"][key]["color"])
        return None

    def _stat(self):
        shown = []
        for name, points in self.series():
            value = points[-1][1]
            text, ink = self.mapped(value) or (self.format(value), self.step_colour(value))
            if self.panel["options"]["textMode"] == "name":
                text, ink = name, self.fixed_colour(name) or ink
            shown.append((text, ink, points))
        if not shown:
            shown = [(self.defaults["noValue"], "#8e8e99", [])]
        size = min(40, 1.6 * self.width / max(len(text) for text, _, _ in shown) / len(shown))
        cells = "".join(f'<div style="color:{ink};font-size:{size}px">{html.escape(text)}</div>'
                        for text, ink, _ in shown)
        spark = ""
        if self.panel["options"]["graphMode"] == "area" and len(shown[0][2]) > 1:
            spark = self._spark(*shown[0][1:])
        return f'{spark}<div class="stat">{cells}</div>'

    def _spark(self, ink, points):
        values = [value for _, value in points]
        low, high = min(values), max(values)
        scale = (high - low) or 1
        height = self.height * 0.35
        path = " ".join(f"{(time - self.start) / (self.end - self.start) * self.width:.1f},"
                        f"{height - (value - low) / scale * (height - 3):.1f}" for time, value in points)
        first, last = path.split()[0].split(",")[0], path.split()[-1].split(",")[0]
        return (f'<svg class="spark" width="{self.width}" height="{height}"><polygon fill="{ink}" opacity=".15" '
                f'points="{first},{height} {path} {last},{height}"/><polyline fill="none" stroke="{ink}" '
                f'points="{path}"/></svg>')

    # Charts: axes first, then what is inside them.

    def _axes(self, low, high, ticks, bottom):
        """(SVG of the axes, x of a time, y of a value)"""
        left, top, right = 24 + 7 * max(len(text) for _, text in ticks), 6, self.width - 14

        def x_of(time):
            return left + (time - self.start) / (self.end - self.start) * (right - left)

        def y_of(value):
            return bottom - (value - low) / (high - low) * (bottom - top)
        svg = [f'<line class="grid" x1="{left}" x2="{right}" y1="{y_of(at):.1f}" y2="{y_of(at):.1f}"/>'
               f'<text x="{left - 6}" y="{y_of(at) + 4:.1f}" text-anchor="end">{html.escape(text)}</text>'
               for at, text in ticks]
        for second in range(0, int(self.end - self.start) + 1, 10):
            x = x_of(self.start + second)
            svg.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
                       f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{second} s</text>')
        for at in self.marks:
            svg.append(f'<line x1="{x_of(at):.1f}" x2="{x_of(at):.1f}" y1="{top}" y2="{bottom}" '
                       'stroke="#b877d9" stroke-dasharray="4 3"/>')
        return "".join(svg), x_of, y_of

    def _timeseries(self):
        custom = self.defaults["custom"]
        lines = list(self.series())
        scale = math.log10 if "scaleDistribution" in custom else float
        lines = [(name, [(time, value) for time, value in points if scale is float or value > 0])
                 for name, points in lines]
        floors = [{} for _ in lines]
        if custom["stacking"]["mode"] == "normal":
            tops, floors = self._stacked(lines)
        else:
            tops = [points for _, points in lines]
        low, high = self._limits([scale(value) for points in tops for _, value in points])
        bottom = self.height - 58 - 15 * min(len(lines) + 1, 7)
        axes, x_of, y_of = self._axes(low, high, self._ticks(low, high), bottom)
        floor = y_of(low)

        def height_of(value):
            return y_of(scale(value)) if value else floor
        shapes = [self._line(points, below, self.colour_of(name, index), x_of, height_of)
                  for index, ((name, _), points, below) in enumerate(zip(lines, tops, floors))]
        for step in self.defaults.get("thresholds", {}).get("steps", ()):
            if step["value"] is not None and step["value"] <= high:
                y = y_of(step["value"])
                shapes.append(f'<line x1="{x_of(self.start)}" x2="{self.width - 14}" y1="{y:.1f}" y2="{y:.1f}" '
                              f'stroke="{colour(step["color"])}" stroke-dasharray="6 4"/>')
        return f'<svg width="{self.width}" height="{bottom + 22}">{axes}{"".join(shapes)}</svg>{self._legend(lines)}'

    def _limits(self, values):
        """Of the axis, in powers of ten where it is logarithmic."""
        if "scaleDistribution" in self.defaults["custom"]:
            return math.floor(min(values)), math.ceil(max(values) + 0.01)
        return min(0, *values), self.defaults.get("max") or max(values) * 1.05 or 1

    def _ticks(self, low, high):
        if "scaleDistribution" in self.defaults["custom"]:
            return [(power, self.format(10.0 ** power)) for power in range(low, high + 1)]
        rough = (high - low) / 5
        if self.unit in ("bytes", "Bps"):
            step = 2 ** math.ceil(math.log2(rough))
        else:
            power = 10 ** math.floor(math.log10(rough))
            step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        return [(index * step, self.format(index * step)) for index in range(int(high / step) + 1)]

    @staticmethod
    def _stacked(lines):
        """(points on top of what is below them, {time: what is below}) of each line"""
        below, tops, floors = {}, [], []
        for _, points in lines:
            floors.append(dict(below))
            tops.append([(time, value + below.get(time, 0)) for time, value in points])
            below.update(tops[-1])
        return tops, floors

    def _line(self, points, below, ink, x_of, y_of):
        """Broken where a second is missing; filled down to what is below it in a stack."""
        custom = self.defaults["custom"]
        svg = []
        for run in self._runs(points):
            top, floor = run, [(time, below.get(time, 0)) for time, _ in run]
            if custom["lineInterpolation"] == "stepAfter":
                top, floor = self._steps(top), self._steps(floor)
            top, floor = (" ".join(f"{x_of(time):.1f},{y_of(value):.1f}" for time, value in part)
                          for part in (top, reversed(floor)))
            svg.append(f'<polygon fill="{ink}" opacity="{custom["fillOpacity"] / 100}" points="{top} {floor}"/>'
                       f'<polyline fill="none" stroke="{ink}" stroke-width="1.5" points="{top}"/>')
            if len(run) == 1:
                svg.append(f'<circle fill="{ink}" r="2.5" cx="{x_of(run[0][0]):.1f}" cy="{y_of(run[0][1]):.1f}"/>')
        return "".join(svg)

    @staticmethod
    def _runs(points):
        runs = []
        for time, value in points:
            if not runs or time - runs[-1][-1][0] > 1:
                runs.append([])
            runs[-1].append((time, value))
        return runs

    @staticmethod
    def _steps(run):
        return run[:1] + [point for (_, before), (time, value) in zip(run, run[1:])
                          for point in ((time, before), (time, value))]

    def _legend(self, lines):
        rows = []
        ordered = sorted(enumerate(lines), key=lambda line: max((value for _, value in line[1][1]), default=0),
                         reverse=True)
        for index, (name, points) in ordered[:6]:
            values = [value for _, value in points]
            cells = "".join(f"<td>{self.format(value)}</td>"
                            for value in (sum(values) / len(values), max(values), values[-1]))
            rows.append(f'<tr><th><i style="background:{self.colour_of(name, index)}"></i>{html.escape(name)}</th>'
                        f"{cells}</tr>")
        more = f" (of {len(lines)})" if len(lines) > 6 else ""
        return (f'<table class="legend"><tr><th>{more}</th><td>mean</td><td>max</td><td>last</td></tr>'
                f'{"".join(rows)}</table>')

    def _heatmap(self):
        buckets = sorted(((float(name), dict(points)) for name, points in self.series()), key=lambda entry: entry[0])
        bottom = self.height - 72
        ticks = [(index + 1, "+Inf" if math.isinf(bound) else formatted(bound, self.unit))
                 for index, (bound, _) in enumerate(buckets)]
        axes, x_of, y_of = self._axes(0, len(buckets), ticks, bottom)
        cells, highest = [], 0
        for index, (_, counts) in enumerate(buckets):
            for time, count in counts.items():
                inside = count - (buckets[index - 1][1].get(time, 0) if index else 0)
                if inside > 1e-9 and time < self.end:
                    cells.append((time, index, inside))
                    highest = max(highest, inside)
        wide = x_of(self.start + 1) - x_of(self.start) - 1
        svg = [f'<rect x="{x_of(time):.1f}" y="{y_of(index + 1) + 1:.1f}" width="{wide:.1f}" '
               f'height="{y_of(index) - y_of(index + 1) - 1:.1f}" fill="{self._heat(count / highest)}"/>'
               for time, index, count in cells]
        scale = "".join(f'<i style="background:{shade}"></i>' for shade in HEAT)
        return (f'<svg width="{self.width}" height="{bottom + 22}">{axes}{"".join(svg)}</svg>'
                f'<div class="scale">1 {scale} {formatted(highest, "short")}</div>')

    def _heat(self, share):
        exponent = self.panel["options"]["color"]["exponent"]
        return HEAT[min(int(share ** exponent * len(HEAT)), len(HEAT) - 1)]

    def _state_timeline(self):
        lines = list(self.series())
        bottom = self.height - 56
        ticks = [(len(lines) - index - 0.5, name) for index, (name, _) in enumerate(lines)]
        axes, x_of, y_of = self._axes(0, len(lines), ticks, bottom)
        svg = [f'<rect fill="{self.fixed_colour(name)}" '
               f'x="{x_of(run[0][0]):.1f}" y="{y_of(len(lines) - index - 0.1):.1f}" '
               f'width="{x_of(min(run[-1][0] + 1, self.end)) - x_of(run[0][0]):.1f}" '
               f'height="{y_of(0) - y_of(0.8):.1f}"/>'
               for index, (name, points) in enumerate(lines) for run in self._runs(points)]
        return f'<svg width="{self.width}" height="{bottom + 22}">{axes}{"".join(svg)}</svg>'

    def _bargauge(self):
        lines = list(self.series())
        highest = max(points[-1][1] for _, points in lines) or 1
        rows = "".join(
            f'<tr><th>{html.escape(name)}</th><td><div style="width:{points[-1][1] / highest * 100:.1f}%;'
            f'background:{self.fixed_colour(name) or self.step_colour(points[-1][1])}"></div></td>'
            f"<td>{self.format(points[-1][1])}</td></tr>" for name, points in lines)
        return f'<table class="bars">{rows}</table>'

    def _table(self):
        organize = self.panel["transformations"][1]["options"]
        columns = sorted(organize["indexByName"], key=organize["indexByName"].get)
        rows = {}
        for target, series in zip(self.panel["targets"], self.results):
            field = f"Value #{target['refId']}" if len(self.panel["targets"]) > 1 else "Value"
            for labels, points in series:
                if points[-1][0] >= self.end:
                    key = frozenset(labels.items())
                    rows.setdefault(key, dict(labels))[field] = points[-1][1]
        names = [organize["renameByName"][column] for column in columns]
        sort = [columns[names.index(entry["displayName"])] for entry in self.panel["options"]["sortBy"]]
        ordered = sorted(rows.values(), key=lambda row: [row.get(column, 0) for column in sort], reverse=bool(sort))
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join("<tr>" + "".join(self._cell(row.get(column, ""), name) for column, name in zip(columns, names))
                       + "</tr>" for row in ordered)
        return f'<table class="table"><tr>{head}</tr>{body}</table>' if rows else '<div class="empty">No data</div>'

    def _cell(self, value, name):
        options = {"unit": self.unit}
        for override in self.panel["fieldConfig"]["overrides"]:
            if override["matcher"]["options"] == name:
                options.update({entry["id"]: entry["value"] for entry in override["properties"]})
        text = value if isinstance(value, str) else formatted(value, options["unit"], options.get("decimals"), self.end)
        text, ink = self.mapped(value, options.get("mappings", ())) or (text, "inherit")
        style = "color:#6e9fff" if "links" in options else f"color:{ink}"
        return f'<td style="{style}">{html.escape(text)}</td>'
