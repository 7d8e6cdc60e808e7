// SPDX-License-Identifier: Apache-2.0
#include "probe/loader.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "probe/attach_target.h"
#include "probe/bpf_handle.h"
#include "probe/libbpf_log.h"
#include "probe/load_error.h"
#include "probe/load_plan.h"
#include "probe/needs.h"
#include "probe/relocation_types.h"

namespace kernel_exporter {
namespace {

// Trampolines (fentry, fexit) that the kernel or its architecture does not have.

Refusal explain_attach(const ProgramStatus& program, int error, std::string_view log) {
  const std::string event = program.mechanism + " " + program.target;
  if (error == EOPNOTSUPP && log.empty()) {
    return {AttachState::kFailed, "its section does not name an event to attach to: " + event};
  }
  const bool unsupported = error == ENOENT || error == kKernelNotSupported;
  return {unsupported ? AttachState::kUnsupported : AttachState::kFailed,
          "attaching to " + event + ": " + explain_refusal(error, log)};
}

struct Attachment {
  LinkHandle link;  // null when refused
  Refusal refusal;
};

Attachment try_attach(bpf_program* program, const ProgramStatus& status) {
  take_libbpf_log();
  LinkHandle link(program ? attach_program(program) : nullptr);
  const int error = errno;
  if (link) return {std::move(link), {}};
  return {nullptr, explain_attach(status, error, take_libbpf_log())};
}

// By program, as an index into the plan's statuses.
using Links = std::map<size_t, LinkHandle>;

class Loaded : public LoadedObject {
 public:
  Loaded(ObjectInfo info, std::vector<ProgramStatus> programs, ObjectHandle object, Links links)
      : info_(std::move(info)),
        programs_(std::move(programs)),
        object_(std::move(object)),
        links_(std::move(links)) {}

  std::vector<ProgramStatus> programs() const override {
    const Lock lock(mutex_);
    return programs_;
  }

  Result<void> attach_requested(bool attached) override {
    const Lock lock(mutex_);
    Result<void> outcome;
    for (size_t index = 0; index < programs_.size(); ++index) {
      ProgramStatus& program = programs_[index];
      if (!program.on_request || program.fd < 0) continue;
      if (!attached) {
        links_.erase(index);
        program.state = AttachState::kIdle;
        program.reason = kIdleReason;
      } else if (!links_.contains(index)) {
        const Result<void> now = attach(index);
        if (!now && outcome) outcome = now;
      }
    }
    return outcome;
  }

  int map_fd(std::string_view name) const override {
    if (!object_) return -1;
    const bpf_map* map = bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
    const int fd = map ? bpf_map__fd(map) : -1;
    return fd < 0 ? -1 : fd;
  }

  const MapInfo* map(std::string_view name) const override { return info_.map(name); }

 private:
  Result<void> attach(size_t index) REQUIRES(mutex_);

  ObjectInfo info_;
  mutable Mutex mutex_;
  std::vector<ProgramStatus> programs_ GUARDED_BY(mutex_);
  ObjectHandle object_;
  Links links_ GUARDED_BY(mutex_);  // behind object_: a link ends before its program
};

Result<void> Loaded::attach(size_t index) {
  ProgramStatus& status = programs_[index];
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    if (bpf_program__fd(program) == status.fd) break;
  }
  Attachment attachment = try_attach(program, status);
  status.state = attachment.link ? AttachState::kAttached : attachment.refusal.state;
  status.reason = attachment.refusal.reason;
  if (!attachment.link) return fail(status.program + ": " + status.reason);
  links_[index] = std::move(attachment.link);
  return {};
}

// One attempt after the other at loading the same image: libbpf cannot load an object twice.
class Loader {
 public:
  Loader(const ObjectSource& source, std::span<const std::byte> image,
         const ObjectSettings& settings, const KernelBtf* kernel)
      : source_(source),
        image_(image),
        settings_(settings),
        kernel_(kernel),
        relocation_types_(image, kernel) {}

  Result<std::unique_ptr<LoadedObject>> run(std::span<const ProbeRequest> probes);

 private:
  struct Attempt {
    ObjectHandle object;  // null when refused
    std::string reason;
    bool unsupported = false;
  };

  Result<ObjectHandle> open() const;
  Result<void> prepare(bpf_object* object) const;
  Result<void> set_constants(bpf_object* object) const;
  bool is_set(const bpf_object* object, const std::string& constant) const;
  bool is_used(const bpf_object* object, const bpf_map* map,
               const std::set<std::string>& used) const;
  std::set<std::string> select(bpf_object* object, const LoadPlan& plan,
                               const std::vector<size_t>& chosen) const;
  int load_selected(bpf_object* object) const;
  Attempt attempt(const LoadPlan& plan, const std::vector<size_t>& chosen);
  std::map<size_t, Attempt> culprits(const LoadPlan& plan, const std::vector<size_t>& chosen,
                                     const Attempt& all);
  void load(LoadPlan& plan);
  bool attach(LoadPlan& plan, const std::vector<size_t>& chosen);

  const ObjectSource& source_;
  const std::span<const std::byte> image_;
  const ObjectSettings& settings_;
  const KernelBtf* kernel_;
  const RelocationTypes relocation_types_;
  std::map<std::string, std::string> conditions_;  // MapInfo::only_if by map
  ObjectHandle fresh_;                             // opened, not yet loaded
  ObjectHandle object_;
  Links links_;
};

Result<void> Loader::set_constants(bpf_object* object) const {
  if (settings_.constants.empty()) return {};
  bpf_map* map = constants_map(object);
  size_t size = 0;
  const void* initial = map ? bpf_map__initial_value(map, &size) : nullptr;
  std::vector<std::byte> data(size);
  if (initial) std::memcpy(data.data(), initial, size);
  const std::vector<Variable> variables = variables_of(object, ".rodata");
  for (const auto& [name, value] : settings_.constants) {
    const auto found = std::find_if(
        variables.begin(), variables.end(),
        [&wanted = name](const Variable& variable) { return variable.name == wanted; });
    if (found == variables.end() || found->offset > size || found->size > size - found->offset) {
      return fail(source_.name() + ": no constant \"" + name + "\" in this object");
    }
    if (value.size() != found->size) {
      return fail(source_.name() + ": constant \"" + name + "\" has " +
                  std::to_string(found->size) + " bytes, got " + std::to_string(value.size()));
    }
    std::memcpy(data.data() + found->offset, value.data(), value.size());
  }
  const int error = bpf_map__set_initial_value(map, data.data(), data.size());
  if (error) return fail_errno(error, source_.name() + ": setting constants");
  return {};
}

Result<ObjectHandle> Loader::open() const {
  Result<ObjectHandle> opened = open_object(source_.name(), image_, relocation_types_.path());
  if (!opened) return opened;
  if (const Result<void> ready = prepare(opened->get()); !ready) {
    return tl::unexpected(ready.error());
  }
  return opened;
}

Result<void> Loader::prepare(bpf_object* object) const {
  for (const auto& [name, entries] : settings_.max_entries) {
    bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
    if (!map) return fail(source_.name() + ": no map \"" + name + "\" in this object");
    const int error = bpf_map__set_max_entries(map, entries);
    if (error) return fail_errno(error, source_.name() + ": setting max_entries of map " + name);
  }
  return set_constants(object);
}

// A constant that the object does not have counts as set.
bool Loader::is_set(const bpf_object* object, const std::string& constant) const {
  bpf_map* map = constants_map(object);
  size_t size = 0;
  const auto* data =
      map ? static_cast<const std::byte*>(bpf_map__initial_value(map, &size)) : nullptr;
  for (const Variable& variable : variables_of(object, ".rodata")) {
    if (variable.name != constant || variable.offset > size) continue;
    const auto bytes = std::span(data, size).subspan(variable.offset);
    const auto value = bytes.first(std::min<size_t>(variable.size, bytes.size()));
    return std::ranges::any_of(value, [](std::byte byte) { return byte != std::byte{0}; });
  }
  return true;
}

// `used`: the maps that the chosen programs refer to.
bool Loader::is_used(const bpf_object* object, const bpf_map* map,
                     const std::set<std::string>& used) const {
  const std::string name = bpf_map__name(map);
  if (bpf_map__is_internal(map)) return name != kNeedsSection;
  if (source_.follows_conventions() && !used.contains(name)) return false;
  const auto condition = conditions_.find(name);
  return condition == conditions_.end() || is_set(object, condition->second);
}

// The names of the programs that are to be loaded.
std::set<std::string> Loader::select(bpf_object* object, const LoadPlan& plan,
                                     const std::vector<size_t>& chosen) const {
  std::set<std::string> programs;
  std::set<std::string> maps;
  for (const size_t index : chosen) {
    programs.insert(plan.program(index).name);
    maps.insert(plan.program(index).maps.begin(), plan.program(index).maps.end());
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_program__set_autoload(program, programs.contains(bpf_program__name(program)));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (!is_used(object, map, maps)) bpf_map__set_autocreate(map, false);
  }
  return programs;
}

int Loader::load_selected(bpf_object* object) const {
  const AttachTargets targets(kernel_);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const int error = bpf_program__autoload(program) ? find_module_target(program) : 0;
    if (error) return error;
  }
  return bpf_object__load(object);
}

Loader::Attempt Loader::attempt(const LoadPlan& plan, const std::vector<size_t>& chosen) {
  ObjectHandle object = std::move(fresh_);
  if (!object) {
    Result<ObjectHandle> opened = open();
    if (!opened) return {nullptr, opened.error().message};
    object = std::move(*opened);
  }
  const std::set<std::string> programs = select(object.get(), plan, chosen);
  if (!relocation_types_.prepare(programs)) {
    return {nullptr, "the kernel's types could not be copied for its relocations"};
  }
  take_libbpf_log();
  const int error = load_selected(object.get());
  if (error == 0) return {std::move(object), ""};
  const std::string log = take_libbpf_log();
  if (is_policy(error, log)) {
    return {nullptr, explain_policy(log), true};
  }
  return {nullptr, explain_refusal(error, log), -error == kKernelNotSupported};
}

// Each probe alone, and where that fails each program alone. When nothing fails alone, all are
// guilty together.
std::map<size_t, Loader::Attempt> Loader::culprits(const LoadPlan& plan,
                                                   const std::vector<size_t>& chosen,
                                                   const Attempt& all) {
  std::map<std::string, std::vector<size_t>> by_probe;
  for (const size_t index : chosen) by_probe[plan.statuses()[index].probe].push_back(index);
  std::map<size_t, Attempt> guilty;
  for (const auto& [probe, indexes] : by_probe) {
    Attempt together = by_probe.size() > 1 ? attempt(plan, indexes)
                                           : Attempt{nullptr, all.reason, all.unsupported};
    if (together.object) continue;
    const size_t before = guilty.size();
    for (const size_t index : indexes) {
      Attempt alone = indexes.size() > 1 ? attempt(plan, {index})
                                         : Attempt{nullptr, together.reason, together.unsupported};
      if (!alone.object) guilty.emplace(index, std::move(alone));
    }
    if (guilty.size() > before) continue;
    for (const size_t index : indexes) {
      guilty.emplace(index, Attempt{nullptr, together.reason, together.unsupported});
    }
  }
  return guilty;
}

// Attaches what is loaded. False when a program has a further variant to try: that takes a new
// load.
bool Loader::attach(LoadPlan& plan, const std::vector<size_t>& chosen) {
  bool complete = true;
  for (const size_t index : chosen) {
    const char* name = plan.program(index).name.c_str();
    bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
    Attachment attachment = try_attach(program, plan.statuses()[index]);
    if (attachment.link) {
      plan.accept(index, bpf_program__fd(program));
      if (!plan.statuses()[index].on_request) links_[index] = std::move(attachment.link);
      continue;
    }
    if (plan.reject(index, attachment.refusal)) complete = false;
  }
  return complete;
}

void Loader::load(LoadPlan& plan) {
  for (std::vector<size_t> chosen = plan.chosen(); !chosen.empty(); chosen = plan.chosen()) {
    Attempt all = attempt(plan, chosen);
    if (all.object) {
      object_ = std::move(all.object);
      if (attach(plan, chosen)) return;
      links_.clear();
      object_.reset();
      continue;
    }
    std::map<size_t, Attempt> guilty = culprits(plan, chosen, all);
    for (const size_t index : chosen) {
      const auto found = guilty.find(index);
      if (found == guilty.end() && !guilty.empty()) continue;
      const Attempt& blame = found != guilty.end() ? found->second : all;
      plan.reject(index, {blame.unsupported ? AttachState::kUnsupported : AttachState::kFailed,
                          blame.reason});
    }
  }
}

Result<std::unique_ptr<LoadedObject>> Loader::run(std::span<const ProbeRequest> probes) {
  Result<ObjectHandle> opened = open();
  if (!opened) return tl::unexpected(opened.error());
  fresh_ = std::move(*opened);
  ObjectInfo info = describe_object(fresh_.get(), image_);
  for (const MapInfo& map : info.maps) {
    if (!map.only_if.empty()) conditions_[map.name] = map.only_if;
  }
  LoadPlan plan(info, probes, source_, settings_, kernel_);
  load(plan);
  return std::make_unique<Loaded>(std::move(info), std::move(plan.statuses()), std::move(object_),
                                  std::move(links_));
}

}  // namespace

Result<std::unique_ptr<LoadedObject>> load_object(const ObjectSource& source,
                                                  std::span<const ProbeRequest> probes,
                                                  const ObjectSettings& settings,
                                                  const KernelBtf* kernel) {
  const Result<ObjectImage> image = source.read();
  if (!image) return tl::unexpected(image.error());
  return Loader(source, image->bytes, settings, kernel).run(probes);
}

}  // namespace kernel_exporter
