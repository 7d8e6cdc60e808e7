// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// The bytes of an object, which stay where they are while this lives.
struct ObjectImage {
  std::span<const std::byte> bytes;
  std::shared_ptr<const std::vector<std::byte>> owner;  // null for the embedded object
};

// Where a BPF object comes from, and what may be assumed about it. A value: copies share the bytes
// of a generated object. Two are equal when they have the same kind and name.
class ObjectSource {
 public:
  enum class Kind {
    kEmbedded,   // the project's own programs, in the binary
    kFile,       // a .bpf.o file that a rule file names
    kGenerated,  // an ELF file made in memory
  };

  // The embedded object.
  ObjectSource() = default;
  static ObjectSource file(std::string path);
  // `name` tells it from other generated objects and appears in messages.
  static ObjectSource generated(std::string name, std::vector<std::byte> image);

  Kind kind() const { return kind_; }
  bool is_embedded() const { return kind_ == Kind::kEmbedded; }
  // For messages and for telling objects apart; the path of a file.
  const std::string& name() const { return name_; }

  // Whether the object keeps to the naming rules of CONTRIBUTING.md, as those that the project
  // writes or generates do. Files of others need not know them.
  // - A program or map belongs to the probe PROBE whose name and "_" it begins with (a file has one
  //   probe, with everything in it).
  // - ROLE__VARIANT is a variant of program ROLE (in a file only when some program has needs).
  // - A program whose section begins with "?" is attached on request (in a file it is left out
  //   unless it is named).
  // - Maps that no loaded program uses are not created (in a file all are: others may read them).
  // - PROBE_lost counts what the probe lost.
  bool follows_conventions() const { return kind_ != Kind::kFile; }

  // A file is read anew each time.
  [[nodiscard]] Result<ObjectImage> read() const;

  std::strong_ordering operator<=>(const ObjectSource& other) const;
  bool operator==(const ObjectSource& other) const { return std::is_eq(*this <=> other); }

 private:
  ObjectSource(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}

  Kind kind_ = Kind::kEmbedded;
  std::string name_ = "kernel_exporter.bpf.o";
  std::shared_ptr<const std::vector<std::byte>> image_;  // of a generated object
};

}  // namespace kernel_exporter
