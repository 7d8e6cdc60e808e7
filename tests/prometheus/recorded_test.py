# SPDX-License-Identifier: Apache-2.0
"""The cases of the rules feed on what the exporter really says."""
import unittest

import rule_files
from recording import Recording

# What a vehicle calls its own; every other label's value must be one that was recorded.
FREE = {"engine", "txid", "from", "to", "device", "version"}
OF_PROMETHEUS = {"up"}  # made by Prometheus itself
OVERFLOW = "other"  # any label of a metric at its series limit


def shape(metric, labels):
    """A series without what Prometheus adds and with a hole for each free value."""
    return metric, frozenset((name, "" if name in FREE else value) for name, value in labels.items()
                             if name not in ("job", "instance"))


class Recorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        recording = Recording()
        cls.shapes = {shape(metric, dict(labels)) for metric, labels in recording.series}
        cls.bootenv_writes = recording.bootenv_writes
        cls.metrics = {metric for metric, _ in recording.series}

    def known(self, metric, labels):
        names = {name for name, _ in labels}
        if OVERFLOW in dict(labels).values():
            return any(metric == other and names == {name for name, _ in recorded} for other, recorded in self.shapes)
        return metric in OF_PROMETHEUS or (metric, labels) in self.shapes

    def unknown(self, series):
        return sorted({f"{metric}{dict(labels)}" for metric, labels in (shape(*one) for one in series)
                       if not self.known(metric, labels)})

    def test_every_series_of_every_case_was_recorded(self):
        self.assertEqual(self.unknown(one for _, _, series, _ in rule_files.cases() for one in series), [])

    def test_a_series_that_was_not_is_found(self):
        wrong = [("ota_state", {"engine": "x", "state": "aplying"}), ("ota_state", {"state": "applying"}),
                 ("ota_status", {"engine": "x", "state": "applying"}), ("ota_state", {"engin": "x", "state": "other"})]
        self.assertEqual(len(self.unknown(wrong)), 4)
        self.assertEqual(self.unknown([("ota_state", {"engine": "x", "state": "applying"})]), [])

    def test_a_write_to_the_boot_environment_counts_once(self):
        self.assertEqual(self.bootenv_writes, 1)

    def test_every_metric_behind_an_alert_was_recorded(self):
        for name, alert in rule_files.alerts().items():
            missing = rule_files.metrics_behind(alert["expr"]) - self.metrics - OF_PROMETHEUS
            self.assertEqual(missing, set(), name)


if __name__ == "__main__":
    unittest.main()
