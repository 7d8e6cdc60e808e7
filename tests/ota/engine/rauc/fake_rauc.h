// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemd/sd-bus.h>

#include <functional>
#include <string>
#include <vector>

#include "../dbus/private_bus.h"
#include "ota/engine/rauc/rauc_words.h"

namespace kernel_exporter {

// The interface of RAUC's service as far as the adapter uses it. It answers only in serve(), so
// that one that is never called is one that hangs.
class FakeRauc {
 public:
  explicit FakeRauc(const std::string& address);
  ~FakeRauc();  // leaves the bus as a process that was killed does

  void appear();  // takes its name: whoever waits for it asks at once
  void serve(int milliseconds);

  void set_operation(const std::string& operation);
  void set_last_error(const std::string& error);
  void set_progress(int percentage, const std::string& message);
  void complete(int result);
  void send_nonsense();

  // Seen by who asks the next time.
  std::vector<RaucSlot> slots;
  std::string primary;
  std::function<void()> before_primary;  // called before GetPrimary is answered
  int slots_asked = 0;

  // Seen by who asks, not signalled.
  std::string operation = "idle";
  std::string last_error;
  int percentage = 0;
  std::string message;

 private:
  static int get_slots(sd_bus_message* call, void* self, sd_bus_error* error);
  static int get_primary(sd_bus_message* call, void* self, sd_bus_error* error);
  static int get_text(sd_bus* bus, const char* path, const char* interface, const char* property,
                      sd_bus_message* reply, void* self, sd_bus_error* error);
  static int get_progress(sd_bus* bus, const char* path, const char* interface,
                          const char* property, sd_bus_message* reply, void* self,
                          sd_bus_error* error);
  void signal(const char* property);

  static const sd_bus_vtable kTable[];
  sd_bus* bus_ = nullptr;
};

}  // namespace kernel_exporter
