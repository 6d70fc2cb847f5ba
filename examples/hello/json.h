/* Just enough JSON to run an orchestration from C: finds values in the engine's messages, which are
 * well-formed. Values stay the text that they are. */
#ifndef JSON_H
#define JSON_H

#include "dx.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *json_skip_space(const char *at, const char *end) {
  while (at < end && strchr(" \t\r\n", *at) != NULL) at++;
  return at;
}

static const char *json_skip_string(const char *at, const char *end) {
  for (at++; at < end && *at != '"'; at++) {
    if (*at == '\\') at++;
  }
  return at < end ? at + 1 : end;
}

/* The value that begins at `at`. */
static dx_text json_value(const char *at, const char *end) {
  const char *start = json_skip_space(at, end);
  int depth = 0;
  at = start;
  while (at < end) {
    char c = *at;
    if (depth == 0 && at > start && strchr(",]} \t\r\n", c) != NULL) break;
    if (c == '"') {
      at = json_skip_string(at, end);
    } else {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      at++;
    }
    if (depth == 0 && strchr("\"}]", at[-1]) != NULL) break;
  }
  dx_text value = {start, (size_t)(at - start)};
  return value;
}

static bool json_is(dx_text value, const char *text) {
  return value.size == strlen(text) && memcmp(value.data, text, value.size) == 0;
}

/* The next element of an array, or the next name or value of an object. `rest` begins as the whole of it. */
static bool json_next(dx_text *rest, dx_text *element) {
  const char *end = rest->data + rest->size;
  const char *at = json_skip_space(rest->data, end);
  if (at < end && strchr("[{,:", *at) != NULL) at = json_skip_space(at + 1, end);
  if (at >= end || *at == ']' || *at == '}') return false;
  *element = json_value(at, end);
  rest->data = json_skip_space(element->data + element->size, end);
  rest->size = (size_t)(end - rest->data);
  return true;
}

/* The value of a member; { NULL, 0 } if the object has none of that name, which is given with its quotes. */
static dx_text json_member(dx_text object, const char *quoted_name) {
  dx_text name, value;
  while (json_next(&object, &name) && json_next(&object, &value)) {
    if (json_is(name, quoted_name)) return value;
  }
  dx_text none = {NULL, 0};
  return none;
}

/* 0 for { NULL, 0 }. */
static long long json_integer(dx_text value) {
  char digits[24] = {0};
  memcpy(digits, value.data != NULL ? value.data : "0", value.size < 23 ? value.size : 23);
  return strtoll(digits, NULL, 10);
}

#endif /* JSON_H */
