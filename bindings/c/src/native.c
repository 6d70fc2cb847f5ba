/* Prepares functions, and registers them as activities. */
#define _GNU_SOURCE 1 /* strndup */

#include "native.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static ffi_type *ffi_type_of(const native_type *type) {
  bool is_signed = type->kind == NATIVE_SIGNED;
  switch (type->kind) {
    case NATIVE_VOID:
      return &ffi_type_void;
    case NATIVE_BOOL:
      return &ffi_type_uint8;
    case NATIVE_FLOAT:
      return &ffi_type_float;
    case NATIVE_DOUBLE:
      return &ffi_type_double;
    case NATIVE_STRING:
    case NATIVE_BYTES:
    case NATIVE_ERROR:
      return &ffi_type_pointer;
    case NATIVE_SIGNED:
    case NATIVE_UNSIGNED:
      break;
  }
  switch (type->bits) {
    case 8:
      return is_signed ? &ffi_type_sint8 : &ffi_type_uint8;
    case 16:
      return is_signed ? &ffi_type_sint16 : &ffi_type_uint16;
    case 32:
      return is_signed ? &ffi_type_sint32 : &ffi_type_uint32;
    default:
      return is_signed ? &ffi_type_sint64 : &ffi_type_uint64;
  }
}

/* ---- Finding ------------------------------------------------------------------------------------------- */

/* An address of data as that of a function, which ISO C has no cast for. */
static void (*as_function(void *address))(void) {
  void (*function)(void) = NULL;
  _Static_assert(sizeof function == sizeof address, "functions have addresses like data");
  memcpy(&function, &address, sizeof function);
  return function;
}

static void (*find_symbol(const char *symbol, dx_native_error *error))(void) {
  const char *mark = strchr(symbol, '!'), *name = mark == NULL ? symbol : mark + 1;
  void *library = RTLD_DEFAULT;
  if (*name == '\0') {
    (void)native_error(error, DX_INVALID_ARGUMENT, -1, "'%s' names no function; write LIBRARY!FUNCTION",
                       symbol);
    return NULL;
  }
  if (mark != NULL && mark > symbol) {
    char *path = strndup(symbol, (size_t)(mark - symbol));
    library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    free(path);
    if (library == NULL) {
      const char *why = dlerror();
      (void)native_error(error, DX_NOT_FOUND, -1, "the library cannot be loaded: %s",
                         why == NULL ? "memory is short" : why);
      return NULL;
    }
  }
  (void)dlerror();
  void *address = dlsym(library, name);
  if (address == NULL) {
    const char *why = dlerror();
    (void)native_error(error, DX_NOT_FOUND, -1, "the function cannot be found: %s", why == NULL ? name : why);
  }
  return as_function(address);
}

/* ---- Preparing ----------------------------------------------------------------------------------------- */

static bool prepare_call(dx_native_function *made, dx_native_error *error) {
  const native_signature *signature = &made->signature;
  unsigned count = 0;
  for (size_t i = 0; i < signature->count; i++) {
    const native_type *type = &signature->parameters[i].type;
    made->types[count++] = ffi_type_of(type);
    if (type->kind == NATIVE_BYTES)
      made->types[count++] = sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
  }
  if (ffi_prep_cif(&made->cif, FFI_DEFAULT_ABI, count, ffi_type_of(&signature->result), made->types) ==
      FFI_OK)
    return true;
  return native_error(error, DX_UNSUPPORTED, -1, "libffi cannot call functions of this signature");
}

dx_native_function *dx_native_prepare(const char *name, void (*function)(void), const char *symbol,
                                      const char *signature, dx_native_error *error) {
  native_signature read;
  if (!native_read_signature(signature, &read, error)) return NULL;
  if (function == NULL && symbol == NULL) {
    (void)native_error(error, DX_INVALID_ARGUMENT, -1, "the function is NULL");
    return NULL;
  }
  if (function == NULL) function = find_symbol(symbol, error);
  if (function == NULL) return NULL;
  dx_native_function *made = calloc(1, sizeof *made);
  if (made != NULL) made->name = strdup(name == NULL || *name == '\0' ? "the function" : name);
  if (made == NULL || made->name == NULL) {
    free(made);
    (void)native_error(error, DX_INTERNAL, -1, "there is not enough memory for the function");
    return NULL;
  }
  made->function = function;
  made->signature = read;
  if (prepare_call(made, error)) return made;
  dx_native_free(made);
  return NULL;
}

void dx_native_free(dx_native_function *function) {
  if (function == NULL) return;
  free(function->name);
  free(function);
}

/* ---- As activities ------------------------------------------------------------------------------------- */

static void release(void *user_data) { dx_native_free(user_data); }

static void run(dx_activity *activity, void *user_data) {
  dx_text task;
  char *answer = NULL;
  dx_error *error = dx_activity_input(activity, &task);
  if (error != NULL) { /* the token is not ours any more */
    dx_error_free(error);
    return;
  }
  dx_text input = dx_json_member(task, "input"), said = {"null", 4};
  char *arguments = input.data == NULL ? strdup("null") : strndup(input.data, input.size);
  bool good = arguments != NULL && dx_native_invoke(user_data, arguments, &answer);
  if (answer != NULL) {
    said = (dx_text){answer, strlen(answer)};
  } else if (!good) {
    static const char failure[] =
        "{\"type\":\"" NATIVE_FAILURE "\",\"message\":\"there is not enough memory for the call\"}";
    said = (dx_text){failure, sizeof failure - 1};
  }
  /* DX_STALE: the result was not needed any more. A result that is over a limit is recorded by the engine. */
  dx_error_free(good ? dx_activity_complete(activity, said) : dx_activity_fail(activity, said));
  free(arguments);
  free(answer);
}

bool native_hand_over(dx_runtime *runtime, const char *name, dx_native_function *function,
                      dx_native_error *error) {
  dx_text named = {name, name == NULL ? 0 : strlen(name)};
  dx_error *refused = dx_register_activity(runtime, named, run, function, release);
  if (refused == NULL) return true;
  (void)native_error(error, dx_error_code(refused), -1, "%s", dx_error_message(refused));
  dx_error_free(refused);
  return false;
}

bool dx_native_register(dx_runtime *runtime, const char *name, const char *symbol, const char *signature,
                        dx_native_error *error) {
  dx_native_function *function = dx_native_prepare(name, NULL, symbol, signature, error);
  return function != NULL && native_hand_over(runtime, name, function, error);
}

bool dx_native_register_function(dx_runtime *runtime, const char *name, void (*function)(void),
                                 const char *signature, dx_native_error *error) {
  dx_native_function *prepared = dx_native_prepare(name, function, NULL, signature, error);
  return prepared != NULL && native_hand_over(runtime, name, prepared, error);
}
