// SPDX-License-Identifier: Apache-2.0
// Any text as a rule file: parsed, and compiled against the project's own object on a kernel
// without BTF. Every message must be one line that names the file.
#include <cstdlib>

#include "probe/object.h"
#include "rules/compile.h"
#include "rules/parse.h"

namespace kernel_exporter {
namespace {

void check(const Diagnostics& diagnostics) {
  for (const std::string& message : diagnostics.messages()) {
    if (!message.starts_with("fuzz.yaml") || message.find('\n') != std::string::npos) abort();
  }
}

void run(std::string_view text) {
  static const ObjectInfo object = *inspect_object("own", embedded_object());
  static HostTables host{HostPaths{}};
  CompileContext context;
  context.embedded_object = &object;
  context.host = &host;
  context.possible_cpus = 4;
  Diagnostics diagnostics;
  RuleFile file = parse_rules("fuzz.yaml", text, diagnostics);
  check(diagnostics);
  if (!diagnostics.empty()) return;
  // Objects of others are another parser's matter.
  file.object = {};
  RuleCompiler compiler(context);
  if (compiler.add(file, diagnostics) != diagnostics.empty()) abort();
  check(diagnostics);
  (void)compiler.finish().program_signature();
}

}  // namespace
}  // namespace kernel_exporter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kernel_exporter::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
