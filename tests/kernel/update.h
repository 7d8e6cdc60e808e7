// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "temporary_folder.h"

namespace kernel_exporter {

// What an exporter needs to follow updates, in a folder of its own, and an agent that speaks to it.
class Update {
 public:
  Update();

  std::vector<std::string> options() const {
    return {"--ota.config", folder_.path() + "/ota.yaml"};
  }

  // `kernel_exporter ota WORDS`; gives up when the exporter refuses.
  std::string tell(const std::vector<std::string>& words) const;

 private:
  TemporaryFolder folder_;
};

}  // namespace kernel_exporter
