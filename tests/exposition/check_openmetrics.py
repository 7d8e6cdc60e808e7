#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_openmetrics.py PRINT_EXPOSITION: Prometheus's Python parser reads the OpenMetrics format."""
import math
import subprocess
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def samples_of(text):
    families = list(text_string_to_metric_families(text))
    samples = {}
    for family in families:
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return {family.name: family for family in families}, samples


def check(text):
    families, samples = samples_of(text)
    dropped = families["kernel_netdev_rx_dropped"]
    assert dropped.type == "counter"
    assert dropped.documentation == 'Frames "dropped" by the kernel.', dropped.documentation
    assert families["ota_written_bytes"].unit == "bytes"
    assert families["ota_written_bytes"].documentation == "Bytes written.\nBackslash: \\"
    assert families["kernel_entries"].unit == ""
    assert samples["kernel_netdev_rx_dropped_total", (("device", 'a"b\\c\nd'),)] == 0
    assert samples["kernel_netdev_rx_dropped_total", (("device", "grün"),)] == 7
    assert samples["ota_written_bytes_total", ()] == 0.1 + 0.2
    assert math.isnan(samples["kernel_temperature", (("kind", "none"),)])
    bucket = "kernel_softirq_latency_seconds_bucket"
    assert samples[bucket, (("le", "1e-05"), ("vector", "net_rx"))] == 1
    assert samples[bucket, (("le", "+Inf"), ("vector", "net_rx"))] == 7
    assert samples["kernel_runqueue_latency_seconds_bucket", (("le", "+Inf"),)] == 7
    assert ("kernel_runqueue_latency_seconds_count", ()) not in samples
    assert samples["kernel_exporter_scrape_duration_seconds_count", ()] == 12


def refuses(text):
    try:
        samples_of(text)
    except ValueError:
        return True
    return False


def main():
    text = subprocess.run([sys.argv[1], "openmetrics"], check=True, stdout=subprocess.PIPE).stdout.decode()
    check(text)
    assert refuses(text.replace("# EOF\n", "")), "the parser accepts a truncated exposition"


main()
