// SPDX-License-Identifier: Apache-2.0
#include "config/one_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <sstream>

namespace kernel_exporter {
namespace {

// Refuses every document after the first one. YAML::LoadAll of yaml-cpp 0.7 makes empty documents
// without end of some malformed texts, because its parser consumes nothing there; this looks no
// further than the start of the second.
class OneDocument : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw YAML::ParserException(mark, "more than one YAML document in the file");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int documents_ = 0;
};

}  // namespace

YAML::Node load_one_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  OneDocument only;
  while (parser.HandleNextDocument(only)) {
  }
  return YAML::Load(text);
}

}  // namespace kernel_exporter
