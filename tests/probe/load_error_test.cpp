// SPDX-License-Identifier: Apache-2.0
#include "probe/load_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace kernel_exporter {
namespace {

const std::string kRefused =
    "libbpf: prog 'bad': BPF program load failed: Permission denied\n"
    "libbpf: prog 'bad': -- BEGIN PROG LOAD LOG --\n"
    "0: R1=ctx(off=0,imm=0) R10=fp0\n"
    "invalid access to map value, value_size=8 off=8000 size=8\n"
    "\n"
    "processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'bad': failed to load: -13\n"
    "libbpf: failed to load object 'x'\n";

TEST(VerifierVerdict, IsTheLastLineThatIsNoStatistics) {
  struct Row {
    std::string log;
    const char* expected;
  };
  const Row rows[] = {
      {kRefused, "invalid access to map value, value_size=8 off=8000 size=8"},
      {"", ""},
      {"libbpf: map 'x': failed to create: Cannot allocate memory(-12)\n", ""},
      {"-- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n", ""},
      {"-- BEGIN PROG LOAD LOG --\ncut off", "cut off"},
  };
  for (const Row& row : rows) EXPECT_EQ(verifier_verdict(row.log), row.expected) << row.log;
}

TEST(ExplainRefusal, PrefersTheVerifierThenLibbpfThenErrno) {
  EXPECT_EQ(explain_refusal(-EACCES, kRefused),
            "rejected by the verifier: invalid access to map value, value_size=8 off=8000 size=8");
  EXPECT_EQ(explain_refusal(-E2BIG,
                            "libbpf: map 'x': failed to create: Argument list too long\n"
                            "libbpf: failed to load object 'x'\n"),
            "map 'x': failed to create: Argument list too long");
  EXPECT_EQ(explain_refusal(-EINVAL, ""), "Invalid argument");
}

TEST(LockdownRefusal, IsNamedOnlyWhereLockdownTakesTheHelper) {
  constexpr char kConfidential[] = "none integrity [confidentiality]";
  struct Row {
    const char* verdict;
    const char* lockdown;
    bool named;
  };
  const Row rows[] = {
      {"cannot use helper bpf_probe_read#4", kConfidential, true},
      {"program of this type cannot use helper bpf_probe_read_kernel#113", kConfidential, true},
      {"unknown func bpf_probe_read_kernel#113", kConfidential, true},
      {"cannot use helper bpf_probe_read#4", "none [integrity] confidentiality", false},
      {"cannot use helper bpf_probe_read#4", "", false},
      {"cannot use helper bpf_override_return#58", kConfidential, false},
      {"invalid access to map value", kConfidential, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(!lockdown_refusal(row.verdict, row.lockdown).empty(), row.named) << row.verdict;
  }
}

TEST(ExplainRefusal, NamesTheCapabilities) {
  EXPECT_EQ(explain_refusal(EPERM, ""), "not permitted: needs CAP_BPF and CAP_PERFMON, or root");
}

}  // namespace
}  // namespace kernel_exporter
