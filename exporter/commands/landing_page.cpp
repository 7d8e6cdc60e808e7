// SPDX-License-Identifier: Apache-2.0
#include "commands/landing_page.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "commands/version.h"

namespace kernel_exporter {
namespace {

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string state_cell(const ProgramStatus& program) {
  switch (program.state) {
    case AttachState::kAttached:
      return "<td class=good>attached</td>";
    case AttachState::kIdle:
      return "<td>idle</td>";
    case AttachState::kUnsupported:
      return "<td>not supported by this kernel</td>";
    default:
      return "<td class=bad>failed</td>";
  }
}

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>kernel_exporter</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd }
td:nth-child(-n+4) { white-space: nowrap }
.good { color: #176b2c } .bad { color: #a11 }
</style></head><body>
)";

}  // namespace

std::string landing_page(const std::vector<ProgramStatus>& programs) {
  std::string page(kHead);
  page += fmt::format(
      "<h1>kernel_exporter {}</h1>\n<p>Kernel internals and over-the-air updates as Prometheus "
      "metrics.</p>\n"
      "<p><a href=\"/metrics\">Metrics</a>, <a href=\"/-/healthy\">health</a>, <a "
      "href=\"/-/ready\">readiness</a>.</p>\n"
      "<table><tr><th>Probe</th><th>Program</th><th>Hook</th><th>State</th><th>Reason</th></tr>\n",
      kVersion);
  for (const ProgramStatus& program : programs) {
    if (program.state == AttachState::kNotNeeded) continue;
    page += fmt::format("<tr><td>{}</td><td>{}</td><td>{} {}</td>{}<td>{}</td></tr>\n",
                        escape(program.probe), escape(program.program), escape(program.mechanism),
                        escape(program.target), state_cell(program), escape(program.reason));
  }
  return page + "</table></body></html>\n";
}

}  // namespace kernel_exporter
