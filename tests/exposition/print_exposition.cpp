// SPDX-License-Identifier: Apache-2.0
// print_exposition text|openmetrics: the sample families on stdout, for parsers that are not ours.
#include <cstdio>
#include <string_view>

#include "exposition/writer.h"
#include "sample_families.h"

int main(int argc, char** argv) {
  using kernel_exporter::Format;
  if (argc != 2) return 2;
  const bool text = std::string_view(argv[1]) == "text";
  std::string out;
  const auto writer =
      kernel_exporter::make_writer(text ? Format::kText004 : Format::kOpenMetrics100, out);
  kernel_exporter::write_sample_families(*writer);
  writer->finish();
  return std::fwrite(out.data(), 1, out.size(), stdout) == out.size() ? 0 : 1;
}
