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

// The kernel refused what the privileges that we have permit elsewhere: not a failure of ours.
bool is_policy(int error_number, std::string_view log);

// The verifier's last line that says something, "" when `log` holds no verifier log.
std::string verifier_verdict(std::string_view log);

}  // namespace kernel_exporter
