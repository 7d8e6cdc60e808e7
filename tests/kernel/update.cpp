// SPDX-License-Identifier: Apache-2.0
#include "update.h"

#include <fstream>

#include "child_process.h"
#include "text.h"

namespace kernel_exporter {

Update::Update() {
  const std::string& folder = folder_.path();
  std::ofstream(folder + "/ota.yaml") << "socket: " << folder << "/ota.sock\nledger: " << folder
                                      << "/ota.ledger\nengines: [custom]\n";
}

std::string Update::tell(const std::vector<std::string>& words) const {
  std::vector<std::string> command = {KERNEL_EXPORTER_BINARY, "ota", "--socket",
                                      folder_.path() + "/ota.sock"};
  command.insert(command.end(), words.begin(), words.end());
  return run_program(command);
}

}  // namespace kernel_exporter
