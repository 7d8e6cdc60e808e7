// SPDX-License-Identifier: Apache-2.0
#include "host/ksym.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "host/text_file.h"

namespace kernel_exporter {
namespace {

struct Line {
  uint64_t address = 0;
  char type = 0;
  std::string_view name;
};

// "ffffffff81000000 T _text" or "ffffffffc0a1b000 t helper\t[module]".
std::optional<Line> parse(std::string_view text) {
  Line line;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, line.address, 16);
  if (error != std::errc() || end - rest < 4 || rest[0] != ' ' || rest[2] != ' ') return {};
  line.type = rest[1];
  line.name = std::string_view(rest + 3, static_cast<size_t>(end - rest - 3));
  line.name = line.name.substr(0, line.name.find_first_of("\t "));
  return line;
}

// Also weak text (w): data is listed as weak under V.
bool is_text(char type) { return std::strchr("tTwW", type) != nullptr; }

}  // namespace

KernelSymbols::KernelSymbols(HostPaths paths) : paths_(std::move(paths)) {}

std::optional<std::string> KernelSymbols::name(uint64_t address) {
  if (!loaded_) load();
  const auto after = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](uint64_t wanted, const Symbol& symbol) { return wanted < symbol.address; });
  if (after == symbols_.begin()) return std::nullopt;
  const char* const found = names_.c_str() + std::prev(after)->name;
  if (*found == '\0') return std::nullopt;
  return std::string(found);
}

void KernelSymbols::load() {
  loaded_ = true;
  const Result<std::string> text = read_text_file(paths_.procfs + "/kallsyms");
  if (!text) return;
  names_.assign(1, '\0');
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::optional<Line> line = parse(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // With kptr_restrict all addresses read as 0; per-CPU offsets are small too.
    if (!line || line->address == 0) continue;
    uint32_t name = 0;
    if (is_text(line->type)) {
      name = static_cast<uint32_t>(names_.size());
      names_.append(line->name).push_back('\0');
    }
    symbols_.push_back({line->address, name});
  }
  // Of several symbols at one address the first is kept, as the kernel's own %ps prints it. Data
  // stays in as the end of the text before it, one entry for a run of data.
  const auto by_address = [](const Symbol& a, const Symbol& b) { return a.address < b.address; };
  std::stable_sort(symbols_.begin(), symbols_.end(), by_address);
  const auto redundant = [](const Symbol& kept, const Symbol& next) {
    return kept.address == next.address || (kept.name == 0 && next.name == 0);
  };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), redundant), symbols_.end());
  symbols_.shrink_to_fit();
}

}  // namespace kernel_exporter
