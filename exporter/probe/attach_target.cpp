// SPDX-License-Identifier: Apache-2.0
#include "probe/attach_target.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <string>

namespace kernel_exporter {
namespace {

struct Section {
  std::string_view name;
  const char* pattern;  // the section alone, or followed by "/" and the target
  bpf_attach_type type;
};
constexpr std::array kSections = {Section{"tp_btf", "tp_btf+", BPF_TRACE_RAW_TP},
                                  Section{"fentry", "fentry+", BPF_TRACE_FENTRY},
                                  Section{"fexit", "fexit+", BPF_TRACE_FEXIT}};

// libbpf calls back in the thread that called it.
thread_local const KernelBtf* kernel_types = nullptr;

std::string target_of(const bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  const size_t slash = section.find('/');
  return slash == std::string_view::npos ? "" : std::string(section.substr(slash + 1));
}

bool is_ours(const bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  for (const Section& ours : kSections) {
    if (section.substr(0, section.find('/')) == ours.name) return true;
  }
  return false;
}

std::optional<uint32_t> image_target(const bpf_program* program) {
  if (kernel_types == nullptr) return std::nullopt;
  const std::string target = target_of(program);
  return bpf_program__expected_attach_type(program) == BPF_TRACE_RAW_TP
             ? kernel_types->tracepoint_id(target)
             : kernel_types->function_id(target);
}

int prepare_load(bpf_program* program, bpf_prog_load_opts* options, long) {
  if (options->attach_btf_id != 0) return 0;  // find_module_target has found it
  const auto target = image_target(program);
  if (!target) return -ESRCH;
  options->attach_btf_id = *target;
  return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

}  // namespace

// libbpf reads the kernel's BTF as soon as an object has a program of type TRACING, so ours have
// another type until they are loaded.
void handle_tracing_sections() {
  static std::once_flag once;
  std::call_once(once, [] {
    LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = prepare_load);
    for (const Section& section : kSections) {
      libbpf_register_prog_handler(section.pattern, BPF_PROG_TYPE_RAW_TRACEPOINT, section.type,
                                   &options);
    }
  });
}

AttachTargets::AttachTargets(const KernelBtf* kernel) { kernel_types = kernel; }

AttachTargets::~AttachTargets() { kernel_types = nullptr; }

// libbpf 1.2 and later forget a program's section when its type is changed.
bpf_link* attach_program(const bpf_program* program) {
  return is_ours(program) ? bpf_program__attach_trace(program) : bpf_program__attach(program);
}

int find_module_target(bpf_program* program) {
  if (!is_ours(program) || image_target(program)) return 0;
  const int error = bpf_program__set_attach_target(program, 0, target_of(program).c_str());
  return error ? error : bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

}  // namespace kernel_exporter
