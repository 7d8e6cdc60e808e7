// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "metrics/sample_sink.h"

namespace kernel_exporter {

// Every type, every escape, empty and full label blocks, numbers of every kind.
void write_sample_families(SampleSink& sink);

}  // namespace kernel_exporter
