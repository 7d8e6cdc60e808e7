// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/btf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "probe/btf_handle.h"

namespace kernel_exporter {

// A kernel image and one module, as their types lie in sysfs. Add to image(), then to module(),
// whose ids go on where those of the image end, then write().
class FakeKernel {
 public:
  FakeKernel() : image_(btf__new_empty()) {}
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;
  ~FakeKernel() { std::filesystem::remove_all(sysfs_); }

  btf* image() { return image_.get(); }
  btf* module() {
    if (!module_) module_.reset(btf__new_empty_split(image_.get()));
    return module_.get();
  }

  void write() {
    std::filesystem::create_directories(sysfs_ + "/kernel/btf");
    write("vmlinux", image());
    write("driver", module());
  }

  const std::string& sysfs() const { return sysfs_; }

 private:
  void write(const std::string& name, const btf* types) const {
    uint32_t size = 0;
    const void* data = btf__raw_data(types, &size);
    std::ofstream(sysfs_ + "/kernel/btf/" + name, std::ios::binary)
        .write(static_cast<const char*>(data), size);
  }

  const std::string sysfs_ = ::testing::TempDir() + "fake_kernel." + std::to_string(::getpid());
  BtfHandle image_;
  BtfHandle module_;
};

}  // namespace kernel_exporter
