#include "update.h"

#include <fcntl.h>
#include <unistd.h>

#include "text.h"

namespace kernel_exporter {
namespace {

constexpr size_t kFolderBytes = 16 << 20;
constexpr size_t kDeviceBytes = 8 << 20;

}  // namespace

Update::Update(const std::string& name)
    : folder_(kFolderBytes), loop_(folder_.path(), kDeviceBytes), cgroup_("/" + name) {
  const std::string config = folder_.path() + "/ota.yaml";
  const UniqueFd file(
      checked(::open(config.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), config));
  const std::string text = "socket: " + folder_.path() + "/ota.sock\nledger: " + folder_.path() +
                           "/ota.ledger\nengines: [test]\n";
  checked(static_cast<int>(::write(file.get(), text.data(), text.size())), config);
  const std::vector<std::string> rules = {KERNEL_EXPORTER_SOURCE_DIR "/rules/ota-full"};
  exporter_.emplace(rules, std::vector<std::string>{"--ota.config", config});
}

std::string Update::ota(std::vector<std::string> arguments) const {
  std::vector<std::string> command = {KERNEL_EXPORTER_BINARY, "ota", "--socket",
                                      folder_.path() + "/ota.sock"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command);
}

void Update::begin() {
  ota({"begin", "--id", "update", "--engine", "test", "--device", "/dev/" + loop_.name() + "=slot",
       "--cgroup", cgroup_.path()});
}

std::string Update::fail() {
  return words(ota({"end", "failed"})).back();  // "transaction 1: failed, io_error"
}

std::string Update::detail() const { return ota({"history", "--json"}); }

void Update::enter(const char* processes_file) {
  const int file = ::open(processes_file, O_WRONLY | O_CLOEXEC);
  if (file < 0 || ::write(file, "0", 1) != 1) ::_exit(126);
  ::close(file);
}

}  // namespace kernel_exporter
