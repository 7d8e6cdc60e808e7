// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace kernel_exporter {

bool has_module(const std::string& name);  // for this kernel, loaded or not

// A module of the kernel, loaded with these parameters ("parts=64,64") and removed.
class KernelModule {
 public:
  explicit KernelModule(const std::string& name, const std::vector<std::string>& parameters = {});
  ~KernelModule();
  KernelModule(const KernelModule&) = delete;
  KernelModule& operator=(const KernelModule&) = delete;

 private:
  std::string name_;
};

}  // namespace kernel_exporter
