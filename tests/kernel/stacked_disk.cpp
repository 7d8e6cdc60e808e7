// SPDX-License-Identifier: Apache-2.0
#include "stacked_disk.h"

#include <unistd.h>

#include <chrono>
#include <thread>

#include "block_device.h"
#include "child_process.h"
#include "kernel_module.h"
#include "text.h"

namespace kernel_exporter {
namespace {

constexpr char kName[] = "md120";
constexpr char kChunk[] = "65536";

// An alias of it.
std::string module_of(const std::string& level) { return "md-" + level; }

}  // namespace

bool has_md(const std::string& level) { return has_module(module_of(level)); }

MdArray::MdArray(const std::string& level, const std::vector<std::string>& disks) : name_(kName) {
  run_program({"/sbin/modprobe", module_of(level)});
  write_text("/sys/module/md_mod/parameters/new_array", name_);
  const std::string array = "/sys/block/" + name_ + "/md/";
  write_text(array + "metadata_version", "none");
  write_text(array + "level", level);
  write_text(array + "raid_disks", std::to_string(disks.size()));
  if (level != "raid1") write_text(array + "chunk_size", kChunk);
  int slot = 0;
  for (const std::string& disk : disks) {
    write_text(array + "new_dev", words(read_text("/sys/block/" + disk + "/dev")).at(0));
    const std::string member = array + "dev-" + disk + "/";
    const int64_t sectors = std::stoll(read_text("/sys/block/" + disk + "/size"));
    write_text(member + "size", std::to_string(sectors / 2));
    write_text(member + "slot", std::to_string(slot++));
  }
  if (level == "raid1" || level == "raid5") {
    const int64_t sectors = std::stoll(read_text("/sys/block/" + disks.at(0) + "/size"));
    write_text(array + "component_size", std::to_string(sectors / 2));
    write_text(array + "resync_start", "none");  // nothing is copied in the background
  }
  write_text(array + "array_state", "active");
  make_node(name_);
}

// The last one to close the device may still be on its way out.
MdArray::~MdArray() {
  const std::string state = "/sys/block/" + name_ + "/md/array_state";
  for (int attempt = 0; attempt < 100; ++attempt) {
    try {
      write_text(state, "clear");
      break;
    } catch (const std::exception&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ::unlink(("/dev/" + name_).c_str());
}

}  // namespace kernel_exporter
