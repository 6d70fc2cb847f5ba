/* The strict reader: says whether text is JSON that Perdure takes, without recursion. */
#include "dx_json.h"
#include "json_scan.h"

#include <string.h>

typedef struct checker {
  const unsigned char *at, *begin, *end;
  const char *problem;
} checker;

static bool wrong(checker *json, const char *problem) {
  if (json->problem == NULL) json->problem = problem;
  return false;
}

static bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

static void skip_space(checker *json) {
  while (json->at < json->end && json_is_space((char)*json->at)) json->at++;
}

/* The bytes of the UTF-8 sequence at `at`, 0 if there is none. */
size_t json_utf8_length(const unsigned char *at, const unsigned char *end) {
  unsigned char first = *at;
  size_t length = first < 0x80   ? 1
                  : first < 0xC2 ? 0
                  : first < 0xE0 ? 2
                  : first < 0xF0 ? 3
                  : first < 0xF5 ? 4
                                 : 0;
  if (length == 0 || (size_t)(end - at) < length) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && at[1] < 0xA0) return 0;
  if (first == 0xED && at[1] > 0x9F) return 0; /* surrogates */
  if (first == 0xF0 && at[1] < 0x90) return 0;
  if (first == 0xF4 && at[1] > 0x8F) return 0;
  return length;
}

/* The four digits of a \u escape, -1 if they are none. */
long json_hex4(const char *at, const char *end) {
  long value = 0;
  if (end - at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static bool check_escape(checker *json) {
  const char *end = (const char *)json->end;
  if (json->end - json->at < 2) return wrong(json, "a string does not end");
  if (json->at[1] != 'u') {
    if (strchr("\"\\/bfnrt", json->at[1]) == NULL || json->at[1] == '\0')
      return wrong(json, "an unknown escape");
    json->at += 2;
    return true;
  }
  long unit = json_hex4((const char *)json->at + 2, end);
  if (unit < 0) return wrong(json, "\\u needs four hexadecimal digits");
  if (unit == 0) return wrong(json, "a NUL (\\u0000), which not every store can keep");
  if (unit >= 0xDC00 && unit <= 0xDFFF) return wrong(json, "half of a surrogate pair");
  json->at += 6;
  if (unit < 0xD800 || unit > 0xDBFF) return true;
  if (json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u')
    return wrong(json, "half of a surrogate pair");
  long low = json_hex4((const char *)json->at + 2, end);
  if (low < 0xDC00 || low > 0xDFFF) return wrong(json, "half of a surrogate pair");
  json->at += 6;
  return true;
}

static bool check_string(checker *json) {
  if (json->at >= json->end) return wrong(json, "it ends in the middle");
  if (*json->at != '"') return wrong(json, "a string is missing");
  json->at++;
  while (json->at < json->end && *json->at != '"') {
    unsigned char byte = *json->at;
    if (byte < 0x20) return wrong(json, byte == 0 ? "a NUL byte" : "a control character that is not escaped");
    if (byte == '\\') {
      if (!check_escape(json)) return false;
    } else {
      size_t length = json_utf8_length(json->at, json->end);
      if (length == 0) return wrong(json, "bytes that are not UTF-8");
      json->at += length;
    }
  }
  if (json->at >= json->end) return wrong(json, "a string does not end");
  json->at++;
  return true;
}

static bool check_digits(checker *json) {
  if (json->at >= json->end || !is_digit(*json->at)) return wrong(json, "a digit is missing");
  while (json->at < json->end && is_digit(*json->at)) json->at++;
  return true;
}

static bool check_number(checker *json) {
  if (*json->at == '-') json->at++;
  if (json->at < json->end && *json->at == '0') {
    json->at++;
    if (json->at < json->end && is_digit(*json->at)) return wrong(json, "a number that begins with 0");
  } else if (!check_digits(json)) {
    return false;
  }
  if (json->at < json->end && *json->at == '.') {
    json->at++;
    if (!check_digits(json)) return false;
  }
  if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
    json->at++;
    if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
    if (!check_digits(json)) return false;
  }
  return true;
}

static bool check_word(checker *json, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(json->end - json->at) < size || memcmp(json->at, word, size) != 0)
    return wrong(json, "no JSON value");
  json->at += size;
  return true;
}

static bool check_scalar(checker *json) {
  switch (*json->at) {
    case '"':
      return check_string(json);
    case 't':
      return check_word(json, "true");
    case 'f':
      return check_word(json, "false");
    case 'n':
      return check_word(json, "null");
    default:
      if (*json->at == '-' || is_digit(*json->at)) return check_number(json);
      return wrong(json, "no JSON value");
  }
}

/* The name of a member, its colon, and the space behind it. */
static bool check_name(checker *json) {
  skip_space(json);
  if (!check_string(json)) return false;
  skip_space(json);
  if (json->at >= json->end || *json->at != ':') return wrong(json, "a colon is missing");
  json->at++;
  skip_space(json);
  return true;
}

/* Closes what ends here and moves to the next value; *depth is 0 when the whole has ended. */
static bool check_after(checker *json, const char *open, size_t *depth) {
  while (*depth > 0) {
    skip_space(json);
    if (json->at >= json->end) return wrong(json, "it ends in the middle");
    char closing = open[*depth - 1] == '[' ? ']' : '}';
    if (*json->at == (unsigned char)closing) {
      json->at++;
      (*depth)--;
      continue;
    }
    if (*json->at != ',') return wrong(json, "a comma is missing");
    json->at++;
    skip_space(json);
    return closing == ']' || check_name(json);
  }
  return true;
}

static bool check_value(checker *json) {
  char open[DX_JSON_DEPTH];
  size_t depth = 0;
  skip_space(json);
  do {
    if (json->at >= json->end)
      return wrong(json, json->at == json->begin ? "there is nothing" : "it ends in the middle");
    if (*json->at == '[' || *json->at == '{') {
      if (depth == DX_JSON_DEPTH) return wrong(json, "it nests deeper than 512 levels");
      char opening = (char)*json->at;
      open[depth++] = opening;
      json->at++;
      skip_space(json);
      bool empty = json->at < json->end && *json->at == (opening == '[' ? ']' : '}');
      if (!empty) {
        if (opening == '{' && !check_name(json)) return false;
        continue;
      }
    } else if (!check_scalar(json)) {
      return false;
    }
    if (!check_after(json, open, &depth)) return false;
  } while (depth > 0);
  skip_space(json);
  return json->at == json->end || wrong(json, "something follows the value");
}

const char *dx_json_check(dx_text json, size_t *position) {
  const char *data = json.data == NULL ? "" : json.data;
  size_t size = json.data == NULL ? 0 : json.size == DX_NUL_TERMINATED ? strlen(data) : json.size;
  const unsigned char *begin = (const unsigned char *)data;
  checker checker = {begin, begin, begin + size, NULL};
  (void)check_value(&checker);
  if (checker.problem != NULL && position != NULL) *position = (size_t)(checker.at - begin);
  return checker.problem;
}
