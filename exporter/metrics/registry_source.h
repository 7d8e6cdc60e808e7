// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <optional>
#include <vector>

#include "metrics/sample_sink.h"

namespace kernel_exporter {

// Streams what a prometheus-cpp Collectable collected into a sink. Untyped becomes gauge; a counter
// whose name lacks _total gets it, so that every format shows one name. Families without metrics
// are left out. Quantiles of summaries and timestamps are dropped: a sink has neither. `start`:
// when all of them that count stood at 0.
void write_families(const std::vector<prometheus::MetricFamily>& families,
                    std::optional<SystemTime> start, SampleSink& sink);

}  // namespace kernel_exporter
