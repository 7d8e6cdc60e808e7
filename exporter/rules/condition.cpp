// SPDX-License-Identifier: Apache-2.0
#include "rules/condition.h"

#include <re2/re2.h>

#include <cctype>
#include <charconv>
#include <vector>

namespace kernel_exporter {
namespace {

constexpr int kMaxDepth = 64;

using ConditionPtr = std::unique_ptr<Condition>;

class Not : public Condition {
 public:
  explicit Not(ConditionPtr inner) : inner_(std::move(inner)) {}
  bool matches(const ConditionEntry& entry) const override { return !inner_->matches(entry); }

 private:
  ConditionPtr inner_;
};

class AndOr : public Condition {
 public:
  AndOr(bool all, std::vector<ConditionPtr> parts) : all_(all), parts_(std::move(parts)) {}
  bool matches(const ConditionEntry& entry) const override {
    for (const auto& part : parts_) {
      if (part->matches(entry) != all_) return !all_;
    }
    return all_;
  }

 private:
  bool all_;
  std::vector<ConditionPtr> parts_;
};

enum class Operator {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kMatch,
  kNotMatch
};

RE2::Options pattern_options() {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 20);
  options.set_dot_nl(true);  // as in Prometheus' matchers
  return options;
}

template <typename T>
bool compare(Operator op, const T& left, const T& right) {
  switch (op) {
    case Operator::kEqual:
      return left == right;
    case Operator::kNotEqual:
      return left != right;
    case Operator::kLess:
      return left < right;
    case Operator::kLessEqual:
      return left <= right;
    case Operator::kGreater:
      return left > right;
    case Operator::kGreaterEqual:
      return left >= right;
    default:
      return false;
  }
}

// Wide enough for every signed and unsigned number of 64 bits.
using Number = __int128;

class NumberComparison : public Condition {
 public:
  NumberComparison(Field field, Operator op, Number literal)
      : field_(std::move(field)), op_(op), literal_(literal) {}
  bool matches(const ConditionEntry& entry) const override {
    const uint64_t bits = read_integer(field_, entry.key);
    const bool is_unsigned = field_.kind == FieldKind::kUnsigned;
    const Number number = is_unsigned ? Number{bits} : Number{static_cast<int64_t>(bits)};
    return compare(op_, number, literal_);
  }

 private:
  Field field_;
  Operator op_;
  Number literal_;
};

class TextComparison : public Condition {
 public:
  TextComparison(size_t label, Operator op, std::string literal)
      : label_(label), op_(op), literal_(std::move(literal)) {}
  bool matches(const ConditionEntry& entry) const override {
    return compare(op_, entry.labels[label_], literal_);
  }

 private:
  size_t label_;
  Operator op_;
  std::string literal_;
};

// RE2, not regcomp(): its time and memory stay bounded whatever the pattern.
class TextMatch : public Condition {
 public:
  TextMatch(size_t label, bool wanted, std::unique_ptr<const RE2> pattern)
      : label_(label), wanted_(wanted), pattern_(std::move(pattern)) {}
  bool matches(const ConditionEntry& entry) const override {
    return RE2::FullMatch(entry.labels[label_], *pattern_) == wanted_;
  }

 private:
  size_t label_;
  bool wanted_;
  std::unique_ptr<const RE2> pattern_;
};

// Recursive descent over the text; the grammar is in the header.
class Parser {
 public:
  Parser(std::string_view text, const ConditionScope& scope) : text_(text), scope_(scope) {}

  Result<ConditionPtr> parse() {
    auto condition = or_expression(0);
    if (!condition) return condition;
    skip_space();
    if (at_ != text_.size()) return expected("\"and\", \"or\" or the end");
    return condition;
  }

 private:
  static tl::unexpected<Error> wrong(size_t at, const std::string& what) {
    return fail("where: column " + std::to_string(at + 1) + ": " + what);
  }

  tl::unexpected<Error> expected(const std::string& what) const {
    return wrong(at_, "expected " + what);
  }

  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  bool is_word_at(size_t at) const {
    return at < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at])) ||
                                 text_[at] == '_' || text_[at] == '.');
  }

  // Takes a symbol such as "&&", or a keyword such as "and" that no word character follows.
  bool take(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    const bool keyword = std::isalpha(static_cast<unsigned char>(token[0]));
    if (keyword && is_word_at(at_ + token.size())) return false;
    at_ += token.size();
    return true;
  }

  Result<ConditionPtr> or_expression(int depth) {
    return and_or(false, depth, "or", "||", [&] {
      return and_or(true, depth, "and", "&&", [&] { return negation(depth); });
    });
  }

  template <typename Next>
  Result<ConditionPtr> and_or(bool all, int depth, std::string_view keyword,
                              std::string_view symbol, Next next) {
    if (depth > kMaxDepth) return expected("fewer nested parentheses");
    std::vector<ConditionPtr> parts;
    do {
      auto part = next();
      if (!part) return part;
      parts.push_back(std::move(*part));
    } while (take(keyword) || take(symbol));
    if (parts.size() == 1) return std::move(parts.front());
    return std::make_unique<AndOr>(all, std::move(parts));
  }

  Result<ConditionPtr> negation(int depth) {
    if (depth > kMaxDepth) return expected("fewer nested operators");
    if (take("not") || take("!")) {
      auto inner = negation(depth + 1);
      if (!inner) return inner;
      return std::make_unique<Not>(std::move(*inner));
    }
    if (take("(")) {
      auto inner = or_expression(depth + 1);
      if (!inner) return inner;
      if (!take(")")) return expected("\")\"");
      return inner;
    }
    return comparison();
  }

  Result<ConditionPtr> comparison() {
    skip_space();
    const size_t start = at_;
    while (is_word_at(at_)) ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    if (name.empty()) return expected("the name of a label or a key field");
    const auto op = take_operator();
    if (!op) return expected("one of ==, !=, <, <=, >, >=, =~, !~");
    skip_space();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      return text_comparison(name, start, *op);
    }
    return number_comparison(name, start, *op);
  }

  std::optional<Operator> take_operator() {
    if (take("==")) return Operator::kEqual;
    if (take("!=")) return Operator::kNotEqual;
    if (take("=~")) return Operator::kMatch;
    if (take("!~")) return Operator::kNotMatch;
    if (take("<=")) return Operator::kLessEqual;
    if (take(">=")) return Operator::kGreaterEqual;
    if (take("<")) return Operator::kLess;
    if (take(">")) return Operator::kGreater;
    return {};
  }

  Result<ConditionPtr> text_comparison(std::string_view name, size_t start, Operator op) {
    const char quote = text_[at_];
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return expected("a closing quote");
    const std::string literal(text_.substr(at_ + 1, end - at_ - 1));
    const auto label = scope_.label(name);
    if (!label) {
      return wrong(start, "no label \"" + std::string(name) + "\" to compare with a text");
    }
    if (op != Operator::kMatch && op != Operator::kNotMatch) {
      at_ = end + 1;
      return std::make_unique<TextComparison>(*label, op, literal);
    }
    auto pattern = std::make_unique<const RE2>(literal, pattern_options());
    if (!pattern->ok()) return wrong(at_, "not a regular expression: " + pattern->error());
    at_ = end + 1;
    return std::make_unique<TextMatch>(*label, op == Operator::kMatch, std::move(pattern));
  }

  Result<ConditionPtr> number_comparison(std::string_view name, size_t start, Operator op) {
    const bool negative = text_.substr(at_).starts_with('-');
    const char* begin = text_.data() + at_ + (negative ? 1 : 0);
    uint64_t magnitude = 0;
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), magnitude);
    if (status != std::errc()) return expected("a whole number of 64 bits or a quoted text");
    if (op == Operator::kMatch || op == Operator::kNotMatch) {
      return expected("a quoted text after =~ and !~");
    }
    const Field* field = scope_.field(name);
    if (field == nullptr) {
      return wrong(start, "the key has no integer field \"" + std::string(name) + "\"");
    }
    at_ = static_cast<size_t>(end - text_.data());
    const Number literal = negative ? -Number{magnitude} : Number{magnitude};
    return std::make_unique<NumberComparison>(*field, op, literal);
  }

  std::string_view text_;
  const ConditionScope& scope_;
  size_t at_ = 0;
};

}  // namespace

Result<ConditionPtr> parse_condition(std::string_view text, const ConditionScope& scope) {
  return Parser(text, scope).parse();
}

}  // namespace kernel_exporter
