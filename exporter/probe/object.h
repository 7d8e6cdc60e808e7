#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/kernel_btf.h"
#include "probe/layout.h"

struct bpf_object;
struct bpf_link;

namespace kernel_exporter {

struct MapInfo {
  std::string name;
  uint32_t type = 0;  // enum bpf_map_type
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  bool per_cpu = false;
  Layout key;    // size 0 when the object has no BTF for it
  Layout value;  // of one CPU's value

  // Kernel memory of the entries alone, keys and values of all possible CPUs.
  uint64_t bytes(int possible_cpus) const;
};

// What is in a .bpf.o file before anything is loaded. Needs no privilege and no kernel BTF.
struct ObjectInfo {
  struct Program {
    std::string name;
    std::string section;             // "tp_btf/softirq_raise"
    std::vector<std::string> needs;  // see bpf/lib/needs.bpf.h
  };
  std::vector<MapInfo> maps;  // internal ones (.rodata, .bss) left out
  std::vector<Program> programs;
  std::map<std::string, uint32_t> constants;  // const volatile variables by name: size in bytes
  std::map<std::string, std::map<int64_t, std::string>> enums;

  const MapInfo* map(std::string_view name) const;
};

// `image` is the ELF file; `name` is for messages.
[[nodiscard]] Result<ObjectInfo> inspect_object(std::string_view name,
                                                std::span<const std::byte> image);

// What a rule file changes in an object before it is loaded.
struct ObjectSettings {
  std::map<std::string, std::vector<std::byte>> constants;  // by variable name; size must match
  std::map<std::string, uint32_t> max_entries;              // by map name
};

enum class AttachState {
  kAttached,
  kNotNeeded,    // another variant of the same program does the work
  kUnsupported,  // this kernel has no such event or field: not a failure
  kFailed,
};

// One program as `kernel_exporter probes` lists it.
struct ProgramStatus {
  std::string probe;
  std::string program;    // without its variant: "netdrop_kfree_skb"
  std::string variant;    // "" or what follows "__" in the program's name
  std::string mechanism;  // "tp_btf", "raw_tp", "fentry", "kprobe", "tracepoint"
  std::string target;     // "kfree_skb"
  AttachState state = AttachState::kFailed;
  std::string reason;     // one line, empty when attached
  uint64_t run_count = 0;        // filled by read_run_stats
  uint64_t run_time_ns = 0;
  int fd = -1;                   // -1 unless attached
};

// A probe to load from an object: its name and which programs (without variants) belong to it.
// For the project's own object, a program belongs to the probe whose name and "_" it begins with.
struct ProbeRequest {
  std::string probe;
  std::set<std::string> programs;  // empty: all that belong to the probe, or all of a foreign object
};

// A loaded object with its links. Destruction detaches. Maps stay readable while it lives.
class LoadedObject {
 public:
  virtual ~LoadedObject() = default;

  virtual const std::vector<ProgramStatus>& programs() const = 0;
  // File descriptor of a map, -1 when the map was not created because no attached program uses it.
  virtual int map_fd(std::string_view name) const = 0;
  virtual const MapInfo* map(std::string_view name) const = 0;
};

// Loads and attaches all probes of one object. A program's variants (ROLE__VARIANT) are tried in
// the order they have in the object: one whose needs the kernel's BTF does not meet is kUnsupported,
// the first that loads and attaches wins. A probe or program that does not load never stops the
// others: all are loaded in one go first; when that fails, each probe, then each program, is tried
// alone to find the culprit, and the rest is loaded without it. Only an object that cannot even be
// opened is an error.
[[nodiscard]] Result<std::unique_ptr<LoadedObject>> load_object(
    std::string_view name, std::span<const std::byte> image, std::span<const ProbeRequest> probes,
    bool own_object, const ObjectSettings& settings, const KernelBtf* kernel);

// The project's own programs, linked into one object and embedded in the binary.
std::span<const std::byte> embedded_object();

// Fills run_count and run_time_ns from the kernel (kernel.bpf_stats_enabled, or enable_run_stats).
void read_run_stats(std::vector<ProgramStatus>& programs);

// Turns BPF_STATS_RUN_TIME on while the descriptor is held.
[[nodiscard]] Result<int> enable_run_stats();

// Keeps libbpf quiet and its last complaint for our own messages. Call once at start.
void capture_libbpf_log();

}  // namespace kernel_exporter
