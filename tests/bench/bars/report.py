# SPDX-License-Identifier: Apache-2.0
"""The table of bars: collected row by row, printed once, written as markdown, quoted in docs/benchmarks.md."""
import os
import platform
import statistics
import time

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
HEADER = ("what", "bar", "measured", "peer, same run", "verdict")


class Row:
    """`met` is None for a row without a bar."""

    def __init__(self, what, bar, measured, peer="", met=None):
        verdict = "–" if met is None else "met" if met else "MISSED"
        self.cells = (what, bar, measured, peer or "–", verdict)


class Sample:
    """Repeated readings of one quantity: their median, and half the interquartile range as noise."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)
        quartiles = statistics.quantiles(self.values, n=4) if len(self.values) > 1 else [0, 0, 0]
        self.noise = (quartiles[2] - quartiles[0]) / 2

    @property
    def error(self):
        """Standard error of the median, as if the readings came from a normal distribution."""
        return 1.25 * 1.48 * self.noise / len(self.values) ** 0.5

    def text(self, unit, scale=1.0, digits=0):
        return f"{self.median * scale:.{digits}f} ± {self.noise * scale:.{digits}f} {unit}"


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith(("model name", "Model")):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as info:
        memory = int(info.readline().split()[1]) / 2**20
    return f"{os.cpu_count()} CPUs ({model}), {memory:.0f} GiB, Linux {platform.release()}"


def busy_share(seconds=1.0):
    """Share of all CPUs' time that other processes use: close to 0 on a quiet machine."""
    def idle_and_all():
        with open("/proc/stat", encoding="ascii") as file:
            times = [int(word) for word in file.readline().split()[1:9]]
        return times[3] + times[4], sum(times)

    idle, total = idle_and_all()
    time.sleep(seconds)
    later_idle, later_total = idle_and_all()
    return 1 - (later_idle - idle) / max(later_total - total, 1)


def as_text(rows):
    lines = [HEADER] + [row.cells for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def as_markdown(rows, busy=0.0):
    lines = [HEADER, ("---",) * len(HEADER)] + [row.cells for row in rows]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                      for line in lines)
    return (f"Measured by `tests/bench/run` on {machine()}; other processes used {100 * busy:.0f} % of\n"
            f"the CPUs at the start. Numbers with ± are a median and half the interquartile range; *net* means that the\n"
            f"cost of an empty program on the same hook is subtracted.\n\n"
            f"{table}\n")


def replace_part(text, part):
    """`text` with what stands between the markers replaced; None when it has no such markers."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return None
    return text[:begin + len(BEGIN)] + "\n" + part.rstrip("\n") + "\n" + text[end:]


def update_document(path, part):
    """Replaces the quoted part and returns what was done; a file that is absent or has no markers stays as it is."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return f"{path} does not exist: nothing to update"
    updated = replace_part(text, part)
    if updated is None:
        return f"{path} has no part between {BEGIN} and {END}: nothing to update"
    with open(path, "w", encoding="utf-8") as file:
        file.write(updated)
    return f"{path} updated"
