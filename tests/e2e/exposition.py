# SPDX-License-Identifier: Apache-2.0
"""An exposition as Prometheus's Python parsers see it, and what must hold between two of them."""
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

CUMULATIVE_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"),
                       "summary": ("_count", "_sum")}


class Exposition:
    """types: family (without _total) to type; helps: family to help; samples: (name, labels) to value."""

    def __init__(self, text, content_type="text/plain"):
        self.text = text
        self.openmetrics = "openmetrics" in content_type
        parser = openmetrics_parser if self.openmetrics else text_parser
        self.types = {}
        self.helps = {}
        self.samples = {}
        for family in parser.text_string_to_metric_families(text):
            if family.name in self.types:
                raise AssertionError(f"family {family.name} appears twice")
            self.types[family.name] = family.type
            self.helps[family.name] = family.documentation
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                if key in self.samples:
                    raise AssertionError(f"sample {key} appears twice")
                self.samples[key] = sample.value

    def value(self, name, **labels):
        """The value of one series; None when it is not there."""
        return self.samples.get((name, frozenset(labels.items())))

    def series(self, name, **labels):
        """[(labels, value)] of the series with at least these labels."""
        wanted = labels.items()
        return [(dict(own), value) for (sample, own), value in self.samples.items()
                if sample == name and wanted <= dict(own).items()]

    def sum(self, name, **labels):
        return sum(value for _, value in self.series(name, **labels))

    def cumulative(self):
        """The samples that may only grow."""
        found = {}
        for (name, labels), value in self.samples.items():
            for suffix in ("_total", "_bucket", "_count", "_sum"):
                family = name[: -len(suffix)] if name.endswith(suffix) else None
                if family and suffix in CUMULATIVE_SUFFIXES.get(self.types.get(family), ()):
                    found[name, labels] = value
        return found

    def faults(self):
        """What is wrong within the exposition: buckets that do not ascend, a +Inf that is not the count."""
        faults = []
        buckets = {}
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket") and self.types.get(name[:-7]) == "histogram":
                own = dict(labels)
                bound = float(own.pop("le"))
                buckets.setdefault((name[:-7], frozenset(own.items())), []).append((bound, value))
        for (family, labels), points in buckets.items():
            counts = [count for _, count in sorted(points)]
            if counts != sorted(counts) or sorted(points)[-1][0] != float("inf"):
                faults.append(f"{family}{dict(labels)}: buckets {counts}")
            count = self.samples.get((family + "_count", labels))
            if count is not None and count != counts[-1]:
                faults.append(f"{family}{dict(labels)}: +Inf is {counts[-1]}, _count {count}")
        return faults


def totals(cumulative):
    """By name and bucket, over all other labels."""
    sums = {}
    for (name, labels), value in cumulative.items():
        bucket = name, dict(labels).get("le")
        sums[bucket] = sums.get(bucket, 0) + value
    return sums


def went_backwards(before, after, may_vanish=None):
    """Every counter, bucket, sum and count of `before` that `after` shows lower, or not at all. Where series may
    vanish, what they had must be in another one of their name."""
    now, then = after.cumulative(), before.cumulative()
    faults = []
    if may_vanish:
        later_totals = totals(now)
        faults = [f"all {name} with le={bound} went from {value} to {later_totals.get((name, bound), 0)}"
                  for (name, bound), value in totals(then).items()
                  if later_totals.get((name, bound), 0) < value * (1 - 1e-9)]
    for (name, labels), value in then.items():
        later = now.get((name, labels))
        if later is None and may_vanish and may_vanish(dict(labels)):
            continue
        if later is None:
            faults.append(f"{name}{dict(labels)} vanished at {value}")
        elif later < value:
            faults.append(f"{name}{dict(labels)} went from {value} to {later}")
    return faults


class Monotonic:
    """Compares each exposition with the one before it in the same format: OpenMetrics has no _count without a
    _sum."""

    def __init__(self):
        self._last = {}
        self.scrapes = 0
        self.may_vanish = None  # whether series with these labels may

    def check(self, exposition):
        faults = exposition.faults()
        last = self._last.get(exposition.openmetrics)
        if last is not None:
            faults += went_backwards(last, exposition, self.may_vanish)
        self._last[exposition.openmetrics] = exposition
        self.scrapes += 1
        assert not faults, "\n".join(faults[:20])
