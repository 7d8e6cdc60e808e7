#include "rules/condition.h"

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

class Junction : public Condition {
 public:
  Junction(bool all, std::vector<ConditionPtr> parts) : all_(all), parts_(std::move(parts)) {}
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

class NumberComparison : public Condition {
 public:
  NumberComparison(Field field, Operator op, int64_t literal)
      : field_(std::move(field)), op_(op), literal_(literal) {}
  bool matches(const ConditionEntry& entry) const override {
    const uint64_t number = read_integer(field_, entry.key);
    if (field_.kind == FieldKind::kUnsigned) {
      if (literal_ < 0) return compare<int>(op_, 1, 0);
      return compare(op_, number, static_cast<uint64_t>(literal_));
    }
    return compare(op_, static_cast<int64_t>(number), literal_);
  }

 private:
  Field field_;
  Operator op_;
  int64_t literal_;
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

class TextMatch : public Condition {
 public:
  TextMatch(size_t label, bool wanted, regex_t pattern)
      : label_(label), wanted_(wanted), pattern_(pattern) {}
  TextMatch(const TextMatch&) = delete;
  TextMatch& operator=(const TextMatch&) = delete;
  ~TextMatch() override { regfree(&pattern_); }
  bool matches(const ConditionEntry& entry) const override {
    return (regexec(&pattern_, entry.labels[label_].c_str(), 0, nullptr, 0) == 0) == wanted_;
  }

 private:
  size_t label_;
  bool wanted_;
  regex_t pattern_;
};

// Recursive descent over the text; the grammar is in the header.
class Parser {
 public:
  Parser(std::string_view text, const ConditionScope& scope) : text_(text), scope_(scope) {}

  Result<ConditionPtr> parse() {
    auto condition = disjunction(0);
    if (!condition) return condition;
    skip_space();
    if (at_ != text_.size()) return expected("\"and\", \"or\" or the end");
    return condition;
  }

 private:
  tl::unexpected<Error> expected(std::string_view what) const {
    return fail("where: column " + std::to_string(at_ + 1) + ": expected " + std::string(what));
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

  Result<ConditionPtr> disjunction(int depth) {
    return junction(false, depth, "or", "||", [&] {
      return junction(true, depth, "and", "&&", [&] { return negation(depth); });
    });
  }

  template <typename Next>
  Result<ConditionPtr> junction(bool all, int depth, std::string_view keyword,
                                std::string_view symbol, Next next) {
    if (depth > kMaxDepth) return expected("fewer nested parentheses");
    std::vector<ConditionPtr> parts;
    do {
      auto part = next();
      if (!part) return part;
      parts.push_back(std::move(*part));
    } while (take(keyword) || take(symbol));
    if (parts.size() == 1) return std::move(parts.front());
    return std::make_unique<Junction>(all, std::move(parts));
  }

  Result<ConditionPtr> negation(int depth) {
    if (depth > kMaxDepth) return expected("fewer nested operators");
    if (take("not") || take("!")) {
      auto inner = negation(depth + 1);
      if (!inner) return inner;
      return std::make_unique<Not>(std::move(*inner));
    }
    if (take("(")) {
      auto inner = disjunction(depth + 1);
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
      return text_comparison(name, *op);
    }
    return number_comparison(name, *op);
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

  Result<ConditionPtr> text_comparison(std::string_view name, Operator op) {
    const char quote = text_[at_];
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return expected("a closing quote");
    const std::string literal(text_.substr(at_ + 1, end - at_ - 1));
    const auto label = scope_.label(name);
    if (!label) return fail("where: no label \"" + std::string(name) + "\" to compare with a text");
    if (op != Operator::kMatch && op != Operator::kNotMatch) {
      at_ = end + 1;
      return std::make_unique<TextComparison>(*label, op, literal);
    }
    regex_t pattern;
    const std::string whole = "^(" + literal + ")$";
    if (literal.size() > 1024 || regcomp(&pattern, whole.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
      return expected("an extended regular expression");
    }
    at_ = end + 1;
    return std::make_unique<TextMatch>(*label, op == Operator::kMatch, pattern);
  }

  Result<ConditionPtr> number_comparison(std::string_view name, Operator op) {
    int64_t literal = 0;
    const char* begin = text_.data() + at_;
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), literal);
    if (status != std::errc()) return expected("a whole number or a quoted text");
    if (op == Operator::kMatch || op == Operator::kNotMatch) {
      return expected("a quoted text after =~ and !~");
    }
    const Field* field = scope_.field(name);
    if (field == nullptr) {
      return fail("where: the key has no integer field \"" + std::string(name) + "\"");
    }
    at_ += static_cast<size_t>(end - begin);
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
