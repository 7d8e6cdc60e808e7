// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "labels/arguments.h"
#include "labels/decoder.h"

namespace kernel_exporter {

// What the decoders of this room share. Each is made by a function of its own, listed in
// decoder.cpp; what it does is told in docs/decoders.md.
using MadeDecoder = Result<std::unique_ptr<Decoder>>;

MadeDecoder make_cgroup(const Arguments&, const DecoderContext&);
MadeDecoder make_device(const Arguments&, const DecoderContext&);
MadeDecoder make_enum(const Arguments&, const DecoderContext&);
MadeDecoder make_errno(const Arguments&, const DecoderContext&);
MadeDecoder make_hex(const Arguments&, const DecoderContext&);
MadeDecoder make_hex_to_int(const Arguments&, const DecoderContext&);
MadeDecoder make_ifname(const Arguments&, const DecoderContext&);
MadeDecoder make_inet(const Arguments&, const DecoderContext&);
MadeDecoder make_int(const Arguments&, const DecoderContext&);
MadeDecoder make_ksym(const Arguments&, const DecoderContext&);
MadeDecoder make_lower(const Arguments&, const DecoderContext&);
MadeDecoder make_prefix_split(const Arguments&, const DecoderContext&);
MadeDecoder make_regexp(const Arguments&, const DecoderContext&);
MadeDecoder make_softirq(const Arguments&, const DecoderContext&);
MadeDecoder make_static_map(const Arguments&, const DecoderContext&);
MadeDecoder make_string(const Arguments&, const DecoderContext&);
MadeDecoder make_strip_prefix(const Arguments&, const DecoderContext&);
MadeDecoder make_syscall(const Arguments&, const DecoderContext&);
MadeDecoder make_uint(const Arguments&, const DecoderContext&);

template <typename Function>
class Step final : public Decoder {
 public:
  explicit Step(Function function) : function_(std::move(function)) {}
  void decode(Value& value, std::span<const std::byte> key) const override {
    function_(value, key);
  }

 private:
  Function function_;
};

// A decoder from a function (Value&, std::span<const std::byte> key).
template <typename Function>
MadeDecoder make_step(Function function) {
  return std::make_unique<Step<Function>>(std::move(function));
}

constexpr char kUnknown[] = "unknown";

// The value is a text from now on.
void set_text(Value& value, std::string text);

// The integer that the value is: its number, a text of decimal digits, or the raw bytes of a field
// of 1, 2, 4 or 8 bytes that came without a text. nullopt: it is none.
std::optional<int64_t> integer_of(const Value& value);

// The same as an unsigned integer as wide as the field (a signed 32-bit -1 is 0xffffffff), and as a
// signed one (an unsigned 32-bit 0xffffffff is -1). A number that the field cannot hold, made by an
// earlier decoder, keeps its 64 bits.
std::optional<uint64_t> unsigned_of(const Value& value);
std::optional<int64_t> signed_of(const Value& value);

// Decimal or, after "0x", hexadecimal, all of it; negative ones as two's complement.
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<uint64_t> parse_hexadecimal(std::string_view digits);

std::string hexadecimal(uint64_t number);

// A to Z only, whatever the locale: other bytes may be parts of UTF-8.
void make_ascii_lower(std::string& text);

}  // namespace kernel_exporter
