// SPDX-License-Identifier: Apache-2.0
#include "slow_receiver.h"

#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <iterator>

#include "text.h"

namespace kernel_exporter {
namespace {

constexpr uint16_t kEthertype = 0x88b5;  // IEEE 802 local experimental
// One filter is bounded, by the verifier's million instructions; together they outlast any delay
// that a test asks for.
constexpr int kReceivers = 100;
constexpr int kRounds = 64;
constexpr int kReadsInRound = 3000;

constexpr bpf_insn instruction(int code, int to, int from, int offset, int immediate) {
  bpf_insn insn{};
  insn.code = static_cast<__u8>(code);
  insn.dst_reg = static_cast<__u8>(to) & 0xf;
  insn.src_reg = static_cast<__u8>(from) & 0xf;
  insn.off = static_cast<__s16>(offset);
  insn.imm = immediate;
  return insn;
}

constexpr bpf_insn call(int function) { return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
constexpr bpf_insn set(int to, int value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn add(int to, int value) {
  return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn copy(int to, int from) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

// Reads the clock over and over, and looks at the deadline once a round.
UniqueFd load_filter() {
  const bpf_insn program[] = {
      set(BPF_REG_2, 0),
      copy(BPF_REG_3, BPF_REG_10),
      add(BPF_REG_3, -8),
      set(BPF_REG_4, 8),
      call(BPF_FUNC_skb_load_bytes),
      instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 10, 0),  // too short: out
      instruction(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_10, -8, 0),
      set(BPF_REG_7, kRounds),
      // A round: the deadline first.
      set(BPF_REG_8, kReadsInRound),
      call(BPF_FUNC_ktime_get_ns),
      instruction(BPF_JMP | BPF_JGE | BPF_X, BPF_REG_0, BPF_REG_6, 5, 0),  // past: out
      call(BPF_FUNC_ktime_get_ns),
      add(BPF_REG_8, -1),
      instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_8, 0, -3, 0),
      add(BPF_REG_7, -1),
      instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_7, 0, -8, 0),
      set(BPF_REG_0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  static constexpr char kLicense[] = "GPL";
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<uint64_t>(program);
  attributes.insn_cnt = static_cast<__u32>(std::size(program));
  attributes.license = reinterpret_cast<uint64_t>(kLicense);
  const long fd = ::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
  return UniqueFd(checked(static_cast<int>(fd), "socket filter"));
}

uint64_t monotonic_now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

SlowReceiver::SlowReceiver() : sender_("lo", 0) {
  const UniqueFd filter = load_filter();
  const int fd = filter.get();
  for (int i = 0; i < kReceivers; ++i) {
    FrameSocket& receiver = receivers_.emplace_back("lo", kEthertype);
    checked(::setsockopt(receiver.fd(), SOL_SOCKET, SO_ATTACH_BPF, &fd, sizeof fd),
            "socket filter on a packet socket");
  }
}

void SlowReceiver::hold_net_rx(uint64_t nanoseconds) {
  const uint64_t deadline = monotonic_now() + nanoseconds;
  std::vector<unsigned char> payload(64);
  std::memcpy(payload.data(), &deadline, sizeof deadline);
  sender_.broadcast(kEthertype, payload);
}

}  // namespace kernel_exporter
