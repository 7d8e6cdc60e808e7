// SPDX-License-Identifier: Apache-2.0
#include "config/one_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <sstream>

namespace kernel_exporter {
namespace {

// Aliases make much of little: counted as often as they are used, the values of a document and
// their characters are no more than these, and lie no deeper (an alias may even stand inside of
// what it stands for).
constexpr size_t kMaxValues = 50'000;
constexpr size_t kMaxCharacters = 4 << 20;
constexpr int kMaxDepth = 64;

[[noreturn]] void refuse(const YAML::Mark& mark, const std::string& why) {
  throw YAML::ParserException(mark, why);
}

[[noreturn]] void refuse_values(const YAML::Mark& mark) {
  refuse(mark, "more than 50000 values, with aliases expanded");
}

// What is left while the values under a node are counted, aliases expanded.
struct Allowance {
  size_t values = kMaxValues;
  size_t characters = kMaxCharacters;

  void spend(const YAML::Node& node, int depth) {
    if (depth == 0) refuse(node.Mark(), "lists and mappings are nested too deeply");
    if (values-- == 0) refuse_values(YAML::Mark::null_mark());
    if (node.IsScalar()) {
      if (node.Scalar().size() > characters) {
        refuse(node.Mark(), "more than 4 MiB of text, with aliases expanded");
      }
      characters -= node.Scalar().size();
    }
    for (const auto& entry : node) {
      if (node.IsMap()) spend(entry.first, depth - 1);
      spend(node.IsMap() ? entry.second : entry, depth - 1);
    }
  }
};

// Counts values, and refuses every document after the first one. YAML::LoadAll of yaml-cpp 0.7
// makes empty documents without end of some malformed texts, because its parser consumes nothing
// there; this looks no further than the start of the second.
class OneDocument : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      refuse(mark, "more than one YAML document in the file");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { count(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    count(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    count(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    count(mark);
  }
  void OnMapEnd() override {}

 private:
  // Before a tree of them is built, which takes two hundred bytes for each.
  void count(const YAML::Mark& mark) {
    if (++values_ > kMaxValues) refuse_values(mark);
  }

  int documents_ = 0;
  size_t values_ = 0;
};

}  // namespace

YAML::Node load_one_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  OneDocument only;
  while (parser.HandleNextDocument(only)) {
  }
  YAML::Node document = YAML::Load(text);
  Allowance().spend(document, kMaxDepth);
  return document;
}

}  // namespace kernel_exporter
