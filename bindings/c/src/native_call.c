/* Calls a function through libffi, and makes JSON of what it says. */
#define _GNU_SOURCE 1 /* strerrorname_np */

#include "native.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char no_memory[] =
    "{\"type\":\"" NATIVE_FAILURE "\",\"message\":\"there is not enough memory for the call\"}";

/* A failure that the retry policy decides about. */
static void failed(const dx_native_function *function, const char *type, const char *why, growing_text *out) {
  growing_text message = {0};
  text_format(&message, "'%s' failed: %s", function->name, why);
  native_failure(out, type, message.data == NULL ? "it failed" : message.data, false);
  out->failed = out->failed || message.failed;
  text_free(&message);
}

static bool returned_status(const dx_native_function *function, int64_t status, int error,
                            growing_text *out) {
  char why[160], described[96];
  if (status == 0) {
    text_add(out, "null");
    return true;
  }
  const char *type = function->signature.convention == ERRNO && error != 0 ? strerrorname_np(error) : NULL;
  if (type == NULL) {
    (void)snprintf(why, sizeof why, "it returned %" PRId64, status);
  } else {
    const char *says = strerror_r(error, described, sizeof described);
    (void)snprintf(why, sizeof why, "it returned %" PRId64 ": %s", status, says);
  }
  failed(function, type == NULL ? NATIVE_FAILURE : type, why, out);
  return false;
}

static bool put_number(const dx_native_function *function, double number, bool is_float, growing_text *out) {
  if (!(number - number == 0)) {
    native_refuse(out, NATIVE_RESULT, "the result of '%s' is %s, which JSON has no number for",
                  function->name, number != number ? "NaN" : "infinite");
    return false;
  }
  text_number(out, number, is_float);
  return true;
}

static bool put_string(const dx_native_function *function, const char *string, growing_text *out) {
  if (string == NULL) {
    text_add(out, "null");
    return true;
  }
  if (text_quote(out, string)) return true;
  native_refuse(out, NATIVE_RESULT, "the result of '%s' is not UTF-8", function->name);
  return false;
}

/* Integers that are narrower than a register come widened to one. */
static int64_t signed_result(const native_type *type, const native_value *value) {
  switch (type->bits) {
    case 8:
      return (int8_t)value->signed_result;
    case 16:
      return (int16_t)value->signed_result;
    case 32:
      return (int32_t)value->signed_result;
    default:
      return value->i64;
  }
}

static uint64_t unsigned_result(const native_type *type, const native_value *value) {
  return type->bits == 64 ? value->u64
                          : (uint64_t)value->unsigned_result & native_greatest(false, type->bits);
}

static bool put_result(const dx_native_function *function, const native_value *value, int error,
                       growing_text *out) {
  const native_type *type = &function->signature.result;
  bool plain = function->signature.convention == PLAIN;
  switch (type->kind) {
    case NATIVE_BOOL:
      text_add(out, (value->unsigned_result & 0xFF) != 0 ? "true" : "false");
      return true;
    case NATIVE_SIGNED:
      if (!plain) return returned_status(function, signed_result(type, value), error, out);
      text_format(out, "%" PRId64, signed_result(type, value));
      return true;
    case NATIVE_UNSIGNED:
      if (!plain) return returned_status(function, (int64_t)unsigned_result(type, value), error, out);
      text_format(out, "%" PRIu64, unsigned_result(type, value));
      return true;
    case NATIVE_FLOAT:
      return put_number(function, (double)value->f, true, out);
    case NATIVE_DOUBLE:
      return put_number(function, value->d, false, out);
    case NATIVE_STRING:
      return put_string(function, value->pointer, out);
    case NATIVE_VOID:
    case NATIVE_BYTES:
    case NATIVE_ERROR:
      break;
  }
  text_add(out, "null");
  return true;
}

static void call(const dx_native_function *function, native_value *values, native_value *result,
                 char **problem, int *error) {
  void *arguments[2 * DX_NATIVE_PARAMETERS];
  size_t count = function->cif.nargs;
  char **slot = problem;
  for (size_t i = 0; i < count; i++) arguments[i] = &values[i];
  if (function->signature.count > function->signature.expected) arguments[count - 1] = &slot;
  errno = 0;
  /* libffi only reads the cif, whatever its prototype says. */
  ffi_call((ffi_cif *)(uintptr_t)&function->cif, function->function, result, arguments);
  *error = errno;
}

static bool invoke(const dx_native_function *function, const char *json, arena *memory, growing_text *out) {
  const native_signature *signature = &function->signature;
  native_value values[2 * DX_NATIVE_PARAMETERS], result;
  char *problem = NULL;
  int error = 0;
  memset(values, 0, sizeof values);
  memset(&result, 0, sizeof result);
  if (!native_read_arguments(function, json, values, memory, out)) return false;
  call(function, values, &result, &problem, &error);
  bool good = problem == NULL && put_result(function, &result, error, out);
  if (problem != NULL) failed(function, NATIVE_FAILURE, problem, out);
  if (problem != NULL && signature->parameters[signature->count - 1].type.owned) free(problem);
  if (signature->result.kind == NATIVE_STRING && signature->result.owned)
    free((void *)(uintptr_t)result.pointer);
  return good;
}

bool dx_native_invoke(const dx_native_function *function, const char *arguments, char **answer) {
  growing_text out = {0};
  arena memory = {NULL};
  bool good = invoke(function, arguments == NULL ? "null" : arguments, &memory, &out);
  arena_free(&memory);
  if (out.failed || out.data == NULL) {
    text_free(&out);
    *answer = strdup(no_memory);
    return false;
  }
  *answer = out.data;
  return good;
}
