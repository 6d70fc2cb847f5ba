/* JSON to the arguments of a C function: exact, or refused with the name of the parameter. */
#include "native.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t native_least(unsigned bits) { return bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1)); }

uint64_t native_greatest(bool is_signed, unsigned bits) {
  unsigned used = is_signed ? bits - 1 : bits;
  return used == 64 ? UINT64_MAX : (UINT64_C(1) << used) - 1;
}

void native_failure(growing_text *out, const char *type, const char *message, bool non_retryable) {
  text_add(out, "{\"type\":");
  text_quote_any(out, type);
  text_add(out, ",\"message\":");
  text_quote_any(out, message);
  text_add(out, non_retryable ? ",\"nonRetryable\":true}" : "}");
}

void native_refuse(growing_text *out, const char *type, const char *format, ...) {
  growing_text message = {0};
  va_list arguments;
  va_start(arguments, format);
  text_format_list(&message, format, arguments);
  va_end(arguments);
  native_failure(out, type, message.data == NULL ? format : message.data, true);
  out->failed = out->failed || message.failed;
  text_free(&message);
}

/* One argument on its way. */
typedef struct argument {
  const dx_native_function *function;
  const native_parameter *parameter;
  size_t place; /* from 1 */
  arena *memory;
  growing_text *out;
} argument;

static bool refuse(const argument *argument, const char *problem) {
  const char *name = argument->parameter->name;
  native_refuse(argument->out, NATIVE_ARGUMENT, "parameter %zu%s%s%s of '%s' takes %s%s: %s", argument->place,
                *name == '\0' ? "" : " ('", name, *name == '\0' ? "" : "')", argument->function->name,
                argument->parameter->type.spelled, argument->parameter->type.nullable ? " or null" : "",
                problem);
  return false;
}

static bool refuse_kind(const argument *argument, dx_text value) {
  const char *problem = arena_copy(argument->memory, "", 0);
  growing_text said = {0};
  text_format(&said, "it was given %s", dx_json_kind_name(dx_json_kind_of(value)));
  if (said.data != NULL) problem = said.data;
  (void)refuse(argument, problem == NULL ? "it was given something else" : problem);
  text_free(&said);
  return false;
}

static bool refuse_range(const argument *argument, dx_text value, bool whole) {
  const native_type *type = &argument->parameter->type;
  bool is_signed = type->kind == NATIVE_SIGNED;
  growing_text said = {0};
  int size = value.size > 40 ? 40 : (int)value.size;
  text_format(&said, "%.*s%s is %s; it goes from %" PRId64 " to %" PRIu64, size, value.data,
              value.size > 40 ? "..." : "", whole ? "out of range" : "not a whole number within range",
              is_signed ? native_least(type->bits) : 0, native_greatest(is_signed, type->bits));
  (void)refuse(argument, said.data == NULL ? "it is out of range" : said.data);
  text_free(&said);
  return false;
}

static bool read_integer(const argument *argument, dx_text value, native_value *out) {
  const native_type *type = &argument->parameter->type;
  int64_t number = 0;
  uint64_t magnitude = 0;
  if (dx_json_kind_of(value) != DX_JSON_NUMBER) return refuse_kind(argument, value);
  if (type->kind == NATIVE_SIGNED) {
    if (!dx_json_int64(value, &number)) return refuse_range(argument, value, false);
    if (number < native_least(type->bits) ||
        (number > 0 && (uint64_t)number > native_greatest(true, type->bits))) {
      return refuse_range(argument, value, true);
    }
    switch (type->bits) {
      case 8:
        out->i8 = (int8_t)number;
        break;
      case 16:
        out->i16 = (int16_t)number;
        break;
      case 32:
        out->i32 = (int32_t)number;
        break;
      default:
        out->i64 = number;
    }
    return true;
  }
  if (!dx_json_uint64(value, &magnitude)) return refuse_range(argument, value, dx_json_int64(value, &number));
  if (magnitude > native_greatest(false, type->bits)) return refuse_range(argument, value, true);
  switch (type->bits) {
    case 8:
      out->u8 = (uint8_t)magnitude;
      break;
    case 16:
      out->u16 = (uint16_t)magnitude;
      break;
    case 32:
      out->u32 = (uint32_t)magnitude;
      break;
    default:
      out->u64 = magnitude;
  }
  return true;
}

static bool read_number(const argument *argument, dx_text value, native_value *out) {
  double number = 0;
  if (dx_json_kind_of(value) != DX_JSON_NUMBER) return refuse_kind(argument, value);
  if (!dx_json_double(value, &number)) return refuse(argument, "the number is out of range");
  if (argument->parameter->type.kind == NATIVE_DOUBLE) {
    out->d = number;
    return true;
  }
  if (number > (double)FLT_MAX || number < -(double)FLT_MAX)
    return refuse(argument, "the number is out of range");
  out->f = (float)number;
  return true;
}

static bool read_string(const argument *argument, dx_text value, native_value *out) {
  size_t size = 0;
  if (dx_json_kind_of(value) == DX_JSON_NULL && argument->parameter->type.nullable) {
    out->pointer = NULL;
    return true;
  }
  if (dx_json_kind_of(value) != DX_JSON_STRING) return refuse_kind(argument, value);
  char *decoded = dx_json_string(value, &size);
  char *copy = decoded == NULL ? NULL : arena_copy(argument->memory, decoded, size);
  free(decoded);
  out->pointer = copy;
  argument->out->failed = argument->out->failed || copy == NULL;
  return copy != NULL;
}

/* The six bits of a letter of base64 (also of its form for URLs), -1 for none. */
static int base64_bits(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Decodes in place; false for what is no base64. */
static bool decode_base64(char *text, size_t *size) {
  size_t end = *size, written = 0;
  if (end % 4 == 0 && end > 0 && text[end - 1] == '=') end -= text[end - 2] == '=' ? 2 : 1;
  if (end % 4 == 1) return false;
  uint32_t bits = 0;
  for (size_t i = 0; i < end; i++) {
    int six = base64_bits(text[i]);
    if (six < 0) return false;
    bits = (bits << 6 | (uint32_t)six) & 0xFFFFFF;
    if (i % 4 != 0) text[written++] = (char)(unsigned char)(bits >> (6 - 2 * (i % 4)) & 0xFF);
  }
  if (end % 4 != 0 && (bits & (end % 4 == 2 ? 0xF : 0x3)) != 0) return false; /* bits that would be lost */
  *size = written;
  return true;
}

static bool read_bytes(const argument *argument, dx_text value, native_value *out) {
  size_t size = 0;
  if (dx_json_kind_of(value) != DX_JSON_STRING) return refuse_kind(argument, value);
  char *decoded = dx_json_string(value, &size);
  char *copy = decoded == NULL ? NULL : arena_copy(argument->memory, decoded, size);
  free(decoded);
  if (copy == NULL) return !(argument->out->failed = true);
  if (!decode_base64(copy, &size)) return refuse(argument, "the string is no base64");
  out[0].pointer = copy;
  out[1].size = size;
  return true;
}

static bool read_argument(const argument *argument, dx_text value, native_value *out) {
  bool truth = false;
  switch (argument->parameter->type.kind) {
    case NATIVE_BOOL:
      if (!dx_json_bool(value, &truth)) return refuse_kind(argument, value);
      out->u8 = truth;
      return true;
    case NATIVE_SIGNED:
    case NATIVE_UNSIGNED:
      return read_integer(argument, value, out);
    case NATIVE_FLOAT:
    case NATIVE_DOUBLE:
      return read_number(argument, value, out);
    case NATIVE_STRING:
      return read_string(argument, value, out);
    case NATIVE_BYTES:
      return read_bytes(argument, value, out);
    case NATIVE_VOID:
    case NATIVE_ERROR:
      break;
  }
  return refuse(argument, "it takes no argument");
}

/* Finds the argument of each parameter: by place, by name, or the only one. */
static bool find_arguments(const dx_native_function *function, dx_text input, dx_text *found,
                           growing_text *out) {
  const native_signature *signature = &function->signature;
  size_t expected = signature->expected, given = 0;
  dx_json_kind kind = dx_json_kind_of(input);
  dx_text name, value;
  if (kind == DX_JSON_OBJECT && signature->all_named && expected > 0) {
    for (size_t i = 0; i < expected; i++) {
      found[i] = dx_json_member(input, signature->parameters[i].name);
      if (found[i].data != NULL) continue;
      native_refuse(out, NATIVE_ARGUMENT, "parameter %zu ('%s') of '%s' is missing", i + 1,
                    signature->parameters[i].name, function->name);
      return false;
    }
    while (dx_json_next(&input, &name, &value)) given++;
  } else if (kind == DX_JSON_ARRAY) {
    while (dx_json_next(&input, NULL, &value)) {
      if (given < expected) found[given] = value;
      given++;
    }
  } else if (expected == 1) {
    found[given++] = input;
  } else if (expected > 0 || kind != DX_JSON_NULL) {
    native_refuse(out, NATIVE_ARGUMENT, "'%s' takes %zu arguments in an array; it was given %s",
                  function->name, expected, dx_json_kind_name(kind));
    return false;
  }
  if (given == expected) return true;
  native_refuse(out, NATIVE_ARGUMENT, "'%s' takes %zu argument%s; it was given %zu", function->name, expected,
                expected == 1 ? "" : "s", given);
  return false;
}

/* Which argument holds a byte of the input, from 1; 0 for none. */
static size_t argument_at(dx_text input, size_t position) {
  dx_text rest = input, value;
  size_t place = 0;
  if (dx_json_kind_of(input) != DX_JSON_ARRAY) return 0;
  while (dx_json_next(&rest, NULL, &value)) {
    place++;
    size_t begin = (size_t)(value.data - input.data);
    if (position >= begin && position < begin + value.size) return place;
  }
  return 0;
}

bool native_read_arguments(const dx_native_function *function, const char *json, native_value *values,
                           arena *memory, growing_text *out) {
  const native_signature *signature = &function->signature;
  dx_text input = {json, strlen(json)}, found[DX_NATIVE_PARAMETERS + 1];
  size_t position = 0;
  const char *problem = dx_json_check(input, &position);
  if (problem != NULL) {
    size_t place = argument_at(input, position);
    const char *name = place == 0 || place > signature->expected ? "" : signature->parameters[place - 1].name;
    if (place == 0) {
      native_refuse(out, NATIVE_ARGUMENT, "the arguments of '%s' are not JSON: %s, at byte %zu",
                    function->name, problem, position);
    } else {
      native_refuse(out, NATIVE_ARGUMENT, "parameter %zu%s%s%s of '%s' is not JSON: %s, at byte %zu", place,
                    *name == '\0' ? "" : " ('", name, *name == '\0' ? "" : "')", function->name, problem,
                    position);
    }
    return false;
  }
  memset(found, 0, sizeof found);
  if (!find_arguments(function, input, found, out)) return false;
  size_t at = 0;
  for (size_t i = 0; i < signature->expected; i++) {
    argument argument = {function, &signature->parameters[i], i + 1, memory, out};
    if (!read_argument(&argument, found[i], &values[at])) return false;
    at += signature->parameters[i].type.kind == NATIVE_BYTES ? 2 : 1;
  }
  return true;
}
