/* Finds and converts values in JSON that has been checked. */
#define _GNU_SOURCE 1 /* strtod_l */

#include "dx_json.h"
#include "json_scan.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dx_text whole(dx_text value) {
  if (value.data == NULL) value.size = 0;
  if (value.size == DX_NUL_TERMINATED) value.size = strlen(value.data);
  while (value.size > 0 && json_is_space(value.data[0])) value.data++, value.size--;
  while (value.size > 0 && json_is_space(value.data[value.size - 1])) value.size--;
  return value;
}

dx_json_kind dx_json_kind_of(dx_text value) {
  value = whole(value);
  if (value.size == 0) return DX_JSON_NONE;
  switch (value.data[0]) {
    case 'n':
      return DX_JSON_NULL;
    case 't':
    case 'f':
      return DX_JSON_BOOL;
    case '"':
      return DX_JSON_STRING;
    case '[':
      return DX_JSON_ARRAY;
    case '{':
      return DX_JSON_OBJECT;
    default:
      return DX_JSON_NUMBER;
  }
}

const char *dx_json_kind_name(dx_json_kind kind) {
  static const char *const names[] = {"nothing",  "null",     "a boolean", "a number",
                                      "a string", "an array", "an object"};
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "nothing";
}

/* ---- Finding ------------------------------------------------------------------------------------------- */

static const char *skip_space(const char *at, const char *end) {
  while (at < end && json_is_space(*at)) at++;
  return at;
}

static const char *skip_string(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++) {
    if (*at == '\\') at++;
  }
  return at < end ? at + 1 : end;
}

/* The value that begins at `at`. */
static dx_text value_at(const char *at, const char *end) {
  const char *start = skip_space(at, end);
  size_t depth = 0;
  at = start;
  while (at < end) {
    if (*at == '"') {
      at = skip_string(at, end);
    } else if (*at == '[' || *at == '{') {
      depth++;
      at++;
    } else if (*at == ']' || *at == '}') {
      if (depth == 0) break; /* that of whatever surrounds it */
      depth--;
      at++;
    } else if (depth == 0 && (*at == ',' || *at == ':' || json_is_space(*at))) {
      break;
    } else {
      at++;
      continue;
    }
    if (depth == 0) break;
  }
  dx_text value = {start, (size_t)(at - start)};
  return value;
}

bool dx_json_next(dx_text *rest, dx_text *name, dx_text *value) {
  *rest = whole(*rest);
  const char *at = rest->data, *end = rest->data + rest->size;
  if (at == NULL || at >= end || strchr(name == NULL ? "[," : "{,", *at) == NULL) return false;
  at = skip_space(at + 1, end);
  if (at >= end || *at == ']' || *at == '}') return false;
  if (name != NULL) {
    *name = value_at(at, end);
    at = skip_space(name->data + name->size, end);
    if (at >= end || *at != ':') return false;
    at++;
  }
  *value = value_at(at, end);
  if (value->size == 0) return false;
  rest->data = skip_space(value->data + value->size, end);
  rest->size = (size_t)(end - rest->data);
  return true;
}

dx_text dx_json_member(dx_text object, const char *name) {
  dx_text key, value, none = {NULL, 0};
  while (name != NULL && dx_json_next(&object, &key, &value)) {
    if (dx_json_equals(key, name)) return value;
  }
  return none;
}

size_t dx_json_count(dx_text value) {
  size_t count = 0;
  dx_text name, item;
  bool object = dx_json_kind_of(value) == DX_JSON_OBJECT;
  while (dx_json_next(&value, object ? &name : NULL, &item)) count++;
  return count;
}

/* ---- Strings ------------------------------------------------------------------------------------------- */

static char *put_utf8(char *out, unsigned long code) {
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xC0 | code >> 6);
    *out++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *out++ = (char)(0xE0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  } else {
    *out++ = (char)(0xF0 | code >> 18);
    *out++ = (char)(0x80 | (code >> 12 & 0x3F));
    *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  }
  return out;
}

/* Reads one escape behind its backslash. What it stands for is never longer than itself. */
static const char *read_escape(const char *at, const char *end, char **out) {
  static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
  const char *found = *at == '\0' ? NULL : strchr(plain, *at);
  if (found != NULL) {
    *(*out)++ = means[found - plain];
    return at + 1;
  }
  long unit = *at == 'u' ? json_hex4(at + 1, end) : -1;
  if (unit < 0) return end;
  at += 5;
  unsigned long code = (unsigned long)unit;
  if (unit >= 0xD800 && unit <= 0xDBFF && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
    long low = json_hex4(at + 2, end);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      code = 0x10000 + ((code - 0xD800) << 10) + ((unsigned long)low - 0xDC00);
      at += 6;
    }
  }
  *out = put_utf8(*out, code);
  return at;
}

char *dx_json_string(dx_text value, size_t *size) {
  value = whole(value);
  if (value.size < 2 || value.data[0] != '"') return NULL;
  char *string = malloc(value.size), *out = string;
  if (string == NULL) return NULL;
  const char *at = value.data + 1, *end = value.data + value.size - 1;
  while (at < end) {
    if (*at == '\\' && at + 1 < end) {
      at = read_escape(at + 1, end, &out);
    } else {
      *out++ = *at++;
    }
  }
  *out = '\0';
  if (size != NULL) *size = (size_t)(out - string);
  return string;
}

bool dx_json_equals(dx_text value, const char *string) {
  value = whole(value);
  size_t size = strlen(string);
  if (value.size < 2 || value.data[0] != '"') return false;
  if (memchr(value.data, '\\', value.size) == NULL) {
    return value.size == size + 2 && memcmp(value.data + 1, string, size) == 0;
  }
  size_t decoded_size = 0;
  char *decoded = dx_json_string(value, &decoded_size);
  bool same = decoded != NULL && decoded_size == size && memcmp(decoded, string, size) == 0;
  free(decoded);
  return same;
}

char *dx_json_quote(const char *text) {
  size_t size = strlen(text);
  if (size > (SIZE_MAX - 3) / 6) return NULL;
  char *quoted = malloc(size * 6 + 3), *out = quoted;
  if (quoted == NULL) return NULL;
  const unsigned char *at = (const unsigned char *)text, *end = at + size;
  *out++ = '"';
  while (at < end) {
    size_t length = json_utf8_length(at, end);
    if (length == 0) {
      free(quoted);
      return NULL;
    }
    if (*at == '"' || *at == '\\') *out++ = '\\';
    if (*at < 0x20) {
      out += snprintf(out, 7, "\\u%04x", *at);
    } else {
      memcpy(out, at, length);
      out += length;
    }
    at += length;
  }
  *out++ = '"';
  *out = '\0';
  char *fitting = realloc(quoted, (size_t)(out - quoted) + 1);
  return fitting == NULL ? quoted : fitting;
}

/* ---- Numbers ------------------------------------------------------------------------------------------- */

bool dx_json_bool(dx_text value, bool *out) {
  value = whole(value);
  bool yes = value.size == 4 && memcmp(value.data, "true", 4) == 0;
  if (!yes && !(value.size == 5 && memcmp(value.data, "false", 5) == 0)) return false;
  *out = yes;
  return true;
}

/* The magnitude of a number that is whole: its digits, without those behind the point, with those that the
 * exponent adds. */
static bool read_whole(dx_text value, bool *negative, uint64_t *magnitude) {
  value = whole(value);
  if (dx_json_kind_of(value) != DX_JSON_NUMBER) return false;
  const char *at = value.data, *end = at + value.size, *mantissa_end = at;
  *negative = *at == '-';
  if (*negative) at++;
  const char *digits = at;
  while (mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E') mantissa_end++;
  long exponent = 0;
  if (mantissa_end < end) {
    const char *digit = mantissa_end + 1;
    bool down = digit < end && *digit == '-';
    if (digit < end && (*digit == '-' || *digit == '+')) digit++;
    for (; digit < end && exponent < 100000000; digit++) exponent = exponent * 10 + (*digit - '0');
    if (down) exponent = -exponent;
  }
  const char *point = memchr(digits, '.', (size_t)(mantissa_end - digits));
  long place =
      (long)((point == NULL ? mantissa_end : point) - digits) + exponent; /* digits before the point */
  uint64_t number = 0;
  for (at = digits; at < mantissa_end; at++) {
    if (*at == '.') continue;
    if (*at < '0' || *at > '9') return false;
    unsigned digit = (unsigned)(*at - '0');
    if (place-- <= 0) {
      if (digit != 0) return false;
    } else if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
               __builtin_add_overflow(number, digit, &number)) {
      return false;
    }
  }
  for (; place > 0 && number != 0; place--) {
    if (__builtin_mul_overflow(number, (uint64_t)10, &number)) return false;
  }
  *magnitude = number;
  return at > digits;
}

bool dx_json_uint64(dx_text value, uint64_t *out) {
  bool negative;
  uint64_t magnitude;
  if (!read_whole(value, &negative, &magnitude) || (negative && magnitude != 0)) return false;
  *out = magnitude;
  return true;
}

bool dx_json_int64(dx_text value, int64_t *out) {
  bool negative;
  uint64_t magnitude;
  if (!read_whole(value, &negative, &magnitude)) return false;
  if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
  *out = !negative ? (int64_t)magnitude : magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
  return true;
}

bool dx_json_double(dx_text value, double *out) {
  value = whole(value);
  if (dx_json_kind_of(value) != DX_JSON_NUMBER) return false;
  char small[64], *text = value.size < sizeof small ? small : malloc(value.size + 1), *stop = NULL;
  if (text == NULL) return false;
  memcpy(text, value.data, value.size);
  text[value.size] = '\0';
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  double number = c == (locale_t)0 ? strtod(text, &stop) : strtod_l(text, &stop, c);
  if (c != (locale_t)0) freelocale(c);
  bool read =
      stop == text + value.size && value.size > 0 && number - number == 0; /* neither infinite nor NaN */
  if (text != small) free(text);
  if (read) *out = number;
  return read;
}
