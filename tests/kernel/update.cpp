#include "update.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "child_process.h"
#include "text.h"

namespace kernel_exporter {

Update::Update() : folder_("/tmp/kernel_exporter_update.XXXXXX") {
  if (::mkdtemp(folder_.data()) == nullptr) give_up(folder_);
  std::ofstream(folder_ + "/ota.yaml") << "socket: " << folder_ << "/ota.sock\nledger: " << folder_
                                       << "/ota.ledger\nengines: [custom]\n";
}

Update::~Update() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Update::tell(const std::vector<std::string>& words) const {
  std::vector<std::string> command = {KERNEL_EXPORTER_BINARY, "ota", "--socket",
                                      folder_ + "/ota.sock"};
  command.insert(command.end(), words.begin(), words.end());
  return run_program(command);
}

std::string ota_rules(const std::string& probe) {
  return KERNEL_EXPORTER_SOURCE_DIR "/rules/ota/" + probe + ".yaml";
}

std::string full_ota_rules(const std::string& probe) {
  return KERNEL_EXPORTER_SOURCE_DIR "/rules/ota-full/" + probe + ".yaml";
}

}  // namespace kernel_exporter
