// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "child_process.h"

namespace kernel_exporter {

// A network namespace of our own, with lo up and without IPv6, in which nothing stirs but what a
// test sends. A parked process keeps it visible under /proc.
class PrivateNetwork {
 public:
  PrivateNetwork();

  // While it lives, the thread is in the namespace.
  class Inside {
   public:
    explicit Inside(const PrivateNetwork& network);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    UniqueFd before_;
  };

  // A veth pair, both ends up in the namespace.
  void add_veth_pair(const std::string& one, const std::string& other);

  std::string inode() const;

 private:
  UniqueFd namespace_;
  std::optional<ChildProcess> holder_;
};

// What netlink counts for a device of the thread's network namespace.
struct LinkCounts {
  uint64_t rx_packets;
  uint64_t rx_dropped;
};
LinkCounts link_counts(const std::string& device);

// A counter of /proc/net/snmp in the thread's network namespace: snmp_counter("Udp", "NoPorts").
uint64_t snmp_counter(const std::string& protocol, const std::string& name);

// An nf_tables chain without rules whose policy drops all input to the thread's network namespace.
void drop_all_input();

// Raw frames of one ethertype on one device, in the thread's network namespace.
class FrameSocket {
 public:
  // `ethertype` 0 only sends.
  FrameSocket(const std::string& device, uint16_t ethertype);

  void broadcast(uint16_t ethertype, const std::vector<unsigned char>& payload);
  bool receive();  // whether a frame came within 10 s

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  int ifindex_;
};

}  // namespace kernel_exporter
