/// The text of JSON: reading it piece by piece, and writing strings and numbers.
#ifndef PERDURE_SCAN_HPP
#define PERDURE_SCAN_HPP

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "errors.hpp"

namespace perdure::detail {

/// Levels that a payload may nest.
inline constexpr int deepest = 512;

/// The length of the UTF-8 sequence that `text` begins with, 0 if there is none.
inline std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  auto follows = [&](std::size_t at, unsigned least = 0x80, unsigned most = 0xBF) {
    return at < text.size() && byte(at) >= least && byte(at) <= most;
  };
  unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    // Overlong forms begin with E0 80...9F, halves of surrogate pairs with ED A0...BF.
    bool second = follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    bool second = follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Appends `text` as a JSON string. Throws Misfit for what no store can keep: NUL, and what is not UTF-8.
inline void append_quoted(std::string &out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  out += '"';
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
      at++;
      continue;
    }
    if (byte >= 0x80) {
      std::size_t length = utf8_length(text.substr(at));
      if (length == 0) throw Misfit{{}, "is not UTF-8 at byte " + std::to_string(at)};
      at += length;
      continue;
    }
    if (byte == 0) {
      throw Misfit{{}, "has a NUL at byte " + std::to_string(at) + ", which not every store can keep"};
    }
    out.append(text.substr(begin, at - begin));
    out += '\\';
    switch (byte) {
      case '"':
      case '\\':
        out += text[at];
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out.append("u00").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
    begin = ++at;
  }
  out.append(text.substr(begin)).append(1, '"');
}

/// Appends an integer.
template <class Integer>
void append_integer(std::string &out, Integer value) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

/// Appends the shortest text that gives the same number again. Throws Misfit for NaN and infinities.
inline void append_double(std::string &out, double value) {
  if (!(value - value == 0)) throw Misfit{{}, "is NaN or infinite, which JSON cannot hold"};
  char digits[40];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

/// Reads JSON from its beginning to its end. Throws Misfit where it is not JSON.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// The next character that is not white space; NUL at the end.
  char peek() {
    while (at_ < text_.size() && is_space(text_[at_])) at_++;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  /// Whether `wanted` comes next; takes it if so.
  bool take(char wanted) {
    if (peek() != wanted || at_ >= text_.size()) return false;
    at_++;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail(std::string("'") + wanted + "' was expected");
  }
  /// Throws unless nothing but white space is left.
  void end() {
    if (peek() != '\0' || at_ < text_.size()) fail("something follows the value");
  }
  [[noreturn]] void fail(const std::string &why) const {
    throw Misfit{{}, "is not JSON: " + why + " at byte " + std::to_string(at_)};
  }

  /// Calls `member` with the name of each member; it must read the value.
  template <class Member>
  void object(Member &&member) {
    std::string storage;
    expect('{');
    if (take('}')) return;
    do {
      std::string_view name = string(storage);
      expect(':');
      member(name);
    } while (take(','));
    expect('}');
  }
  /// Calls `element` before each element, which it must read.
  template <class Element>
  void array(Element &&element) {
    expect('[');
    if (take(']')) return;
    do {
      element();
    } while (take(','));
    expect(']');
  }

  /// Skips a value, and returns its text. Looks at brackets and quotes only.
  std::string_view raw() {
    peek();
    std::size_t begin = at_;
    int depth = 0;
    do {
      char next = peek();
      if (next == '"') {
        skip_string();
      } else if (next == '{' || next == '[') {
        depth++;
        at_++;
      } else if (next == '}' || next == ']') {
        depth--;
        at_++;
      } else if (next == ',' || next == ':') {
        at_++;
      } else {
        word();
      }
    } while (depth > 0);
    return text_.substr(begin, at_ - begin);
  }
  /// A string. Points into the text, or to `storage` if it had to be changed.
  std::string_view string(std::string &storage);
  std::string string() {
    std::string storage;
    std::string_view found = string(storage);
    return found.data() == storage.data() ? storage : std::string(found);
  }
  /// An integer of at most 64 bits.
  std::int64_t integer() {
    std::string_view digits = word();
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) fail("an integer was expected");
    return value;
  }
  /// A literal or a number: everything up to a separator.
  std::string_view word() {
    peek();
    std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && !is_mark(text_[at_])) at_++;
    if (at_ == begin) fail("a value was expected");
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  static bool is_mark(char c) {
    return c == ',' || c == ':' || c == '"' || c == '[' || c == ']' || c == '{' || c == '}';
  }
  void skip_string() {
    for (at_++; at_ < text_.size() && text_[at_] != '"'; at_++) {
      if (text_[at_] == '\\') at_++;
    }
    if (at_ >= text_.size()) fail("a string does not end");
    at_++;
  }
  unsigned unit() {
    unsigned value = 0;
    const char *begin = text_.data() + at_;
    std::size_t left = text_.size() - at_;
    auto [end, error] = std::from_chars(begin, begin + (left < 4 ? left : 4), value, 16);
    if (error != std::errc() || end != begin + 4) fail("four hexadecimal digits were expected");
    at_ += 4;
    return value;
  }
  void escape(std::string &out);

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Appends a code point as UTF-8.
inline void append_utf8(std::string &out, unsigned point) {
  auto add = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0 | point >> 6), add(0x80 | (point & 63));
  } else if (point < 0x10000) {
    add(0xE0 | point >> 12), add(0x80 | (point >> 6 & 63)), add(0x80 | (point & 63));
  } else {
    add(0xF0 | point >> 18), add(0x80 | (point >> 12 & 63));
    add(0x80 | (point >> 6 & 63)), add(0x80 | (point & 63));
  }
}

inline void Scanner::escape(std::string &out) {
  if (at_ >= text_.size()) fail("a string does not end");
  char kind = text_[at_++];
  switch (kind) {
    case '"':
    case '\\':
    case '/':
      out += kind;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    case 'u':
      break;
    default:
      fail("an unknown escape");
  }
  unsigned point = unit();
  if (point == 0) fail("a NUL, which not every store can keep");
  if (point >= 0xDC00 && point <= 0xDFFF) fail("half a surrogate pair");
  if (point >= 0xD800 && point <= 0xDBFF) {
    if (text_.substr(at_, 2) != "\\u") fail("half a surrogate pair");
    at_ += 2;
    unsigned low = unit();
    if (low < 0xDC00 || low > 0xDFFF) fail("half a surrogate pair");
    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, point);
}

inline std::string_view Scanner::string(std::string &storage) {
  expect('"');
  std::size_t begin = at_;
  bool changed = false;
  while (at_ < text_.size() && text_[at_] != '"') {
    auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x20) fail("a control character in a string");
    if (byte == '\\') {
      if (!changed) storage.clear();
      changed = true;
      storage.append(text_.substr(begin, at_ - begin));
      at_++;
      escape(storage);
      begin = at_;
    } else {
      std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) fail("text that is not UTF-8");
      at_ += length;
    }
  }
  if (at_ >= text_.size()) fail("a string does not end");
  std::string_view rest = text_.substr(begin, at_ - begin);
  at_++;
  if (!changed) return rest;
  storage.append(rest);
  return storage;
}

}  // namespace perdure::detail

#endif  // PERDURE_SCAN_HPP
