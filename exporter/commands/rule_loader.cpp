// SPDX-License-Identifier: Apache-2.0
#include "commands/rule_loader.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "probe/map_keys.h"
#include "probe/object.h"
#include "rules/compile.h"
#include "rules/parse.h"

namespace kernel_exporter {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> rule_files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code status;
  for (fs::directory_iterator entry(folder, status), end; !status && entry != end;
       entry.increment(status)) {
    const fs::path& path = entry->path();
    // As a shell expands *.yaml: an editor's .#softirq.yaml is no rule file.
    if (path.extension() == ".yaml" && !path.filename().string().starts_with('.')) {
      files.push_back(path);
    }
  }
  if (status) return fail("rules: " + folder + ": " + status.message());
  if (files.empty()) return fail("rules: no *.yaml in " + folder);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string default_rule_folder() {
  std::string folder = "rules/events";
  std::error_code status;
  if (fs::exists(folder, status)) return folder;
  const fs::path program = fs::read_symlink("/proc/self/exe", status);
  const fs::path installed = program.parent_path().parent_path() / "share/kernel_exporter" / folder;
  return fs::exists(installed, status) ? installed.string() : folder;
}

Result<std::vector<std::string>> find_rule_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code status;
    const fs::file_status file = fs::status(path, status);
    if (file.type() == fs::file_type::not_found) {
      return fail("rules: no such file or folder: " + path);
    }
    if (status) return fail("rules: " + path + ": " + status.message());
    if (file.type() != fs::file_type::directory) {
      files.push_back(path);
      continue;
    }
    auto found = rule_files_in(path);
    if (!found) return found;
    files.insert(files.end(), found->begin(), found->end());
  }
  // A file named twice, by itself and by its folder, say, is read once.
  std::set<std::string> seen;
  std::erase_if(files, [&seen](const std::string& path) {
    std::error_code status;
    const fs::path real = fs::weakly_canonical(path, status);
    return !seen.insert(status ? path : real.string()).second;
  });
  return files;
}

LoadedRules load_rules(const std::vector<std::string>& files, HostTables& host,
                       const KernelBtf* kernel, bool updates) {
  LoadedRules loaded;
  const ObjectSource source;
  const auto embedded = inspect_object(source.name(), embedded_object());
  if (!embedded) {
    loaded.diagnostics.add({source.name(), 0}, embedded.error().message);
    loaded.faulty_files = files;
    return loaded;
  }
  CompileContext context;
  context.embedded_object = &*embedded;
  context.kernel = kernel;
  context.host = &host;
  context.possible_cpus = possible_cpus();
  context.disks = host.disks;
  RuleCompiler compiler(context);
  for (const std::string& path : files) {
    Diagnostics own_faults;
    const RuleFile file = read_rules(path, own_faults);
    if (own_faults.empty() && file.updates && !updates) {
      loaded.files_for_updates.push_back(path);
    } else if (!own_faults.empty() || !compiler.add(file, own_faults)) {
      loaded.faulty_files.push_back(path);
    }
    loaded.diagnostics.append(own_faults);
  }
  loaded.plan = compiler.finish();
  return loaded;
}

}  // namespace kernel_exporter
