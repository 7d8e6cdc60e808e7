// SPDX-License-Identifier: Apache-2.0
#include "block_device.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "child_process.h"
#include "text.h"

namespace kernel_exporter {
namespace {

constexpr int kSectorSize = 512;

// Of "none [mq-deadline] kyber".
std::string chosen(const std::string& words) {
  const size_t begin = words.find('[') + 1;
  return words.substr(begin, words.find(']') - begin);
}

// A line of device-mapper's table: sectors that are those of the device below.
std::string linear(int64_t first, int64_t end, const std::string& below) {
  return std::to_string(first) + " " + std::to_string(end - first) + " linear /dev/" + below + " " +
         std::to_string(first) + "\n";
}

}  // namespace

void make_node(const std::string& name) {
  const std::string node = "/dev/" + name;
  if (::access(node.c_str(), F_OK) == 0) return;
  const std::string number = read_text("/sys/block/" + name + "/dev");
  const size_t colon = number.find(':');
  run_program({"mknod", node, "b", number.substr(0, colon), words(number.substr(colon + 1)).at(0)});
}

DiskStats disk_stats(const std::string& device) {
  for (const std::string& line : lines(read_text("/proc/diskstats"))) {
    const std::vector<std::string> field = words(line);
    if (field.size() < 11 || field[2] != device) continue;
    return {std::stoull(field[3]), std::stoull(field[5]) * kSectorSize, std::stod(field[6]) / 1e3,
            std::stoull(field[7]), std::stoull(field[9]) * kSectorSize, std::stod(field[10]) / 1e3};
  }
  give_up_plainly("/proc/diskstats: no " + device);
}

uint64_t requests_but_of_loop_devices() {
  uint64_t requests = 0;
  for (const std::string& line : lines(read_text("/proc/diskstats"))) {
    const std::vector<std::string> field = words(line);
    if (field.size() < 4 || field[2].starts_with("loop")) continue;
    for (const size_t completed : {3u, 7u, 14u, 18u}) {  // reads, writes, discards, flushes
      if (completed < field.size()) requests += std::stoull(field[completed]);
    }
  }
  return requests;
}

MemoryFileSystem::MemoryFileSystem(size_t bytes) {
  char path[] = "/tmp/kernel_tests.XXXXXX";
  if (::mkdtemp(path) == nullptr) give_up(path);
  path_ = path;
  const std::string options = "size=" + std::to_string(bytes);
  checked(::mount("none", path, "tmpfs", 0, options.c_str()), path);
}

MemoryFileSystem::~MemoryFileSystem() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

void MemoryFileSystem::fill() {
  const std::string path = path_ + "/filling";
  const UniqueFd fd(checked(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), path));
  char page[4096] = {};
  while (::write(fd.get(), page, sizeof page) > 0) continue;
  if (errno != ENOSPC) give_up(path);
}

LoopDevice::LoopDevice(const std::string& folder, size_t bytes) {
  const std::string path = folder + "/backing";
  const UniqueFd file(
      checked(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path));
  checked(::ftruncate(file.get(), static_cast<off_t>(bytes)), path);
  const UniqueFd control(
      checked(::open("/dev/loop-control", O_RDWR | O_CLOEXEC), "/dev/loop-control"));
  // Somebody else may take the free one first.
  for (int attempt = 0; attempt < 10; ++attempt) {
    const int number = checked(::ioctl(control.get(), LOOP_CTL_GET_FREE), "LOOP_CTL_GET_FREE");
    name_ = "loop" + std::to_string(number);
    make_node(name_);
    device_ = UniqueFd(checked(::open(("/dev/" + name_).c_str(), O_RDWR | O_CLOEXEC), name_));
    if (::ioctl(device_.get(), LOOP_SET_FD, file.get()) == 0) return;
    if (errno != EBUSY) break;
  }
  give_up("loop device " + name_);
}

LoopDevice::~LoopDevice() { ::ioctl(device_.get(), LOOP_CLR_FD, 0); }

LoopDevices::LoopDevices(int count) : files_(size_t{64} << 20) {
  std::set<std::string> before;
  for (const auto& disk : std::filesystem::directory_iterator("/sys/block")) {
    before.insert(disk.path().filename());
  }
  for (int i = 0; i < count; ++i) {
    const std::string folder = files_.path() + "/" + std::to_string(i);
    std::filesystem::create_directory(folder);
    names_.push_back(devices_.emplace_back(folder, size_t{1} << 20).name());
    if (!before.contains(names_.back())) added_.push_back(names_.back());
  }
}

LoopDevices::~LoopDevices() {
  devices_.clear();
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  for (const std::string& name : added_) {
    const int number = std::stoi(name.substr(sizeof "loop" - 1));
    // The last one to close the device may still be on its way out.
    for (int attempt = 0; attempt < 100; ++attempt) {
      if (::ioctl(control.get(), LOOP_CTL_REMOVE, number) >= 0 || errno != EBUSY) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::unlink(("/dev/" + name).c_str());
  }
}

ZramDevice::ZramDevice(size_t bytes, size_t limit) {
  number_ = words(read_text("/sys/class/zram-control/hot_add")).at(0);
  name_ = "zram" + number_;
  const std::string folder = "/sys/block/" + name_;
  write_text(folder + "/disksize", std::to_string(bytes));
  if (limit != 0) write_text(folder + "/mem_limit", std::to_string(limit));
  make_node(name_);
}

// The last one to close the device may still be on its way out.
ZramDevice::~ZramDevice() {
  const UniqueFd control(::open("/sys/class/zram-control/hot_remove", O_WRONLY | O_CLOEXEC));
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::write(control.get(), number_.data(), number_.size()) > 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool has_device_mapper() { return ::access("/sys/class/misc/device-mapper", F_OK) == 0; }

MappedDevice::MappedDevice(const std::string& name, const std::string& below, int64_t seam,
                           int64_t bad_sectors)
    : mapping_(name) {
  const int64_t sectors = std::stoll(read_text("/sys/block/" + below + "/size"));
  std::string table = linear(0, seam, below);
  if (bad_sectors > 0) {
    table += std::to_string(seam) + " " + std::to_string(bad_sectors) + " error\n";
  }
  table += linear(seam + bad_sectors, sectors, below);
  // Nobody runs udev here: dmsetup makes the node under /dev/mapper itself.
  run_program({"dmsetup", "create", name, "--noudevsync", "--noudevrules", "--table", table});
  name_ = words(run_program({"dmsetup", "info", "--columns", "--noheadings", "--options",
                             "blkdevname", name}))
              .at(0);
  make_node(name_);
}

MappedDevice::~MappedDevice() {
  run_program({"dmsetup", "remove", "--noudevsync", "--noudevrules", "--retry", mapping_});
}

Scheduler::Scheduler(const std::string& device, const std::string& name)
    : queue_("/sys/block/" + device + "/queue/"),
      name_before_(chosen(read_text(queue_ + "scheduler"))),
      merges_before_(read_text(queue_ + "nomerges")) {
  write_text(queue_ + "scheduler", name);
  write_text(queue_ + "nomerges", "2");
}

Scheduler::~Scheduler() {
  write_text(queue_ + "scheduler", name_before_);
  write_text(queue_ + "nomerges", merges_before_);
}

void DirectIo::Free::operator()(void* memory) const { std::free(memory); }

DirectIo::DirectIo(const std::string& device, size_t bytes_at_once)
    : device_(checked(::open(("/dev/" + device).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC), device)),
      size_(bytes_at_once),
      memory_(static_cast<unsigned char*>(std::aligned_alloc(4096, bytes_at_once))) {
  // Random, so that nothing on the way can compress it.
  std::mt19937 random(1);
  for (size_t i = 0; i < size_; ++i) memory_.get()[i] = static_cast<unsigned char>(random());
}

int DirectIo::write(int block) {
  const auto at = static_cast<off_t>(size_) * block;
  const ssize_t done = ::pwrite(device_.get(), memory_.get(), size_, at);
  return done == static_cast<ssize_t>(size_) ? 0 : errno;
}

int DirectIo::read(int block) {
  const auto at = static_cast<off_t>(size_) * block;
  const ssize_t done = ::pread(device_.get(), memory_.get(), size_, at);
  return done == static_cast<ssize_t>(size_) ? 0 : errno;
}

int DirectIo::write_together(int blocks) { return submit_together(IOCB_CMD_PWRITE, blocks); }

int DirectIo::read_together(int blocks) { return submit_together(IOCB_CMD_PREAD, blocks); }

int DirectIo::submit_together(int command, int blocks) {
  const auto count = static_cast<size_t>(blocks);
  aio_context_t context = 0;
  checked(static_cast<int>(::syscall(SYS_io_setup, blocks, &context)), "io_setup");
  std::vector<iocb> requests(count);
  std::vector<iocb*> pointers;
  for (iocb& request : requests) {
    request.aio_lio_opcode = static_cast<__u16>(command);
    request.aio_fildes = static_cast<__u32>(device_.get());
    request.aio_buf = reinterpret_cast<uint64_t>(memory_.get());
    request.aio_nbytes = size_;
    request.aio_offset = static_cast<__s64>(size_) * static_cast<__s64>(pointers.size());
    pointers.push_back(&request);
  }
  std::vector<io_event> events(count);
  int error_number = 0;
  for (size_t submitted = 0; submitted < count && error_number == 0;) {
    const long more =
        ::syscall(SYS_io_submit, context, count - submitted, pointers.data() + submitted);
    if (more <= 0) error_number = errno;
    if (more > 0) submitted += static_cast<size_t>(more);
  }
  if (error_number == 0) {
    ::syscall(SYS_io_getevents, context, blocks, blocks, events.data(), nullptr);
    for (const io_event& event : events) {
      if (event.res != static_cast<__s64>(size_)) error_number = EIO;
    }
  }
  ::syscall(SYS_io_destroy, context);
  return error_number;
}

}  // namespace kernel_exporter
