// SPDX-License-Identifier: Apache-2.0
#include "probe/ring_reader.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <utility>

namespace kernel_exporter {
namespace {

int hand_out(void* context, void* data, size_t size) {
  const auto& handler = *static_cast<RingReader::Handler*>(context);
  handler({static_cast<const std::byte*>(data), size});
  return 0;
}

}  // namespace

void RingReader::Free::operator()(ring_buffer* rings) const { ring_buffer__free(rings); }

Result<void> RingReader::add(int map_fd, Handler handler) {
  auto kept = std::make_unique<Handler>(std::move(handler));
  int error = 0;
  if (rings_) {
    error = ring_buffer__add(rings_.get(), map_fd, hand_out, kept.get());
  } else {
    rings_.reset(ring_buffer__new(map_fd, hand_out, kept.get(), nullptr));
    error = rings_ ? 0 : -errno;
  }
  if (error) return fail_errno(-error, "mapping a ring buffer");
  handlers_.push_back(std::move(kept));
  return {};
}

int RingReader::fd() const { return rings_ ? ring_buffer__epoll_fd(rings_.get()) : -1; }

void RingReader::drain() {
  if (rings_) ring_buffer__consume(rings_.get());
}

}  // namespace kernel_exporter
