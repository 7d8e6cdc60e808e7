// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include "labels/steps.h"

namespace kernel_exporter {

MadeDecoder make_inet(const Arguments&, const DecoderContext&) {
  return make_step([](Value& value, std::span<const std::byte>) {
    const int family = value.bytes.size() == 4 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && value.bytes.size() != 16) return;
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(family, value.bytes.data(), text, sizeof text)) set_text(value, text);
  });
}

}  // namespace kernel_exporter
