// SPDX-License-Identifier: Apache-2.0
#include "labels/steps.h"

#include <charconv>
#include <cstring>

namespace kernel_exporter {
namespace {

template <typename Number>
std::optional<Number> parse_all(std::string_view digits, int base) {
  Number number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number, base);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

template <typename Number>
int64_t read_as(const std::string& bytes) {
  Number number;
  std::memcpy(&number, bytes.data(), sizeof number);
  return static_cast<int64_t>(number);
}

std::optional<int64_t> raw_integer(const std::string& bytes) {
  switch (bytes.size()) {
    case 1:
      return read_as<uint8_t>(bytes);
    case 2:
      return read_as<uint16_t>(bytes);
    case 4:
      return read_as<uint32_t>(bytes);
    case 8:
      return read_as<uint64_t>(bytes);
    default:
      return std::nullopt;
  }
}

// Bits of the field; 64 when the number does not fit into it, so is not the field's own.
unsigned int width_of(const Value& value, int64_t number) {
  if (value.bytes.empty() || value.bytes.size() >= 8) return 64;
  const auto bits = static_cast<unsigned int>(8 * value.bytes.size());
  const int64_t beyond = number >> (bits - 1);  // all ones: negative in this width
  const bool fits = (static_cast<uint64_t>(number) >> bits) == 0 || beyond == -1;
  return fits ? bits : 64;
}

}  // namespace

void set_text(Value& value, std::string text) {
  value.text = std::move(text);
  value.number.reset();
}

std::optional<int64_t> integer_of(const Value& value) {
  if (value.number) return value.number;
  if (value.text.empty()) return raw_integer(value.bytes);
  return parse_integer(value.text);
}

std::optional<uint64_t> unsigned_of(const Value& value) {
  const std::optional<int64_t> number = integer_of(value);
  if (!number) return std::nullopt;
  const unsigned int unused = 64 - width_of(value, *number);
  return static_cast<uint64_t>(*number) << unused >> unused;
}

std::optional<int64_t> signed_of(const Value& value) {
  const std::optional<int64_t> number = integer_of(value);
  if (!number) return std::nullopt;
  const unsigned int unused = 64 - width_of(value, *number);
  return static_cast<int64_t>(static_cast<uint64_t>(*number) << unused) >> unused;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    const std::optional<uint64_t> number = parse_hexadecimal(text);
    return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
  }
  if (const auto number = parse_all<int64_t>(text, 10)) return number;
  const auto number = parse_all<uint64_t>(text, 10);
  return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

std::optional<uint64_t> parse_hexadecimal(std::string_view digits) {
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  return parse_all<uint64_t>(digits, 16);
}

std::string hexadecimal(uint64_t number) {
  char text[2 + 16] = {'0', 'x'};
  const auto result = std::to_chars(text + 2, text + sizeof text, number, 16);
  return std::string(text, result.ptr);
}

void make_ascii_lower(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

}  // namespace kernel_exporter
