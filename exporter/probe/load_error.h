// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kernel_exporter {

// Where is_policy() holds.
inline constexpr std::string_view kPolicyRefusal =
    "not permitted (lockdown, a security policy, or CAP_SYS_ADMIN missing for a function of a "
    "module)";

// One line saying why libbpf refused: errno classified (privilege, locked memory), else the last
// meaningful line of the verifier, else libbpf's last complaint. `log` is take_libbpf_log().
std::string explain_refusal(int error_number, std::string_view log);

// In its mode "confidentiality", kernel lockdown takes from programs the helpers that read kernel
// memory (LOCKDOWN_BPF_READ_KERNEL, kernel/trace/bpf_trace.c). `lockdown`: the text of
// /sys/kernel/security/lockdown. "" if the verdict has another reason.
std::string lockdown_refusal(std::string_view verdict, std::string_view lockdown);

// The kernel refused what the privileges that we have permit elsewhere: not a failure of ours.
bool is_policy(int error_number, std::string_view log);
std::string explain_policy(std::string_view log);  // where it does

// The verifier's last line that says something, "" when `log` holds no verifier log.
std::string verifier_verdict(std::string_view log);

}  // namespace kernel_exporter
