/* Many functions from one JSON text: all of them are found and read before the first is registered. */
#define _GNU_SOURCE 1 /* asprintf */

#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
  dx_native_function *function;
  char *name;
} item;

/* A member that is a string, decoded; NULL, and an error, if it is missing or something else. */
static char *member(dx_text object, const char *name, const char *begin, size_t place,
                    dx_native_error *error) {
  dx_text value = dx_json_member(object, name);
  char *decoded = dx_json_string(value, NULL);
  if (decoded == NULL) {
    const char *at = value.data == NULL ? object.data : value.data;
    (void)native_error(error, DX_INVALID_ARGUMENT, (int32_t)(at - begin),
                       "entry %zu of the manifest: '%s' is %s, and must be a string", place, name,
                       value.data == NULL ? "missing" : dx_json_kind_name(dx_json_kind_of(value)));
  }
  return decoded;
}

static bool known_members(dx_text object, const char *begin, size_t place, dx_native_error *error) {
  static const char *const known[] = {"name", "library", "symbol", "signature"};
  dx_text name, value;
  while (dx_json_next(&object, &name, &value)) {
    bool found = false;
    for (size_t i = 0; i < 4; i++) found = found || dx_json_equals(name, known[i]);
    if (!found) {
      int size = name.size > 60 ? 60 : (int)name.size;
      return native_error(error, DX_INVALID_ARGUMENT, (int32_t)(name.data - begin),
                          "entry %zu of the manifest has an unknown member %.*s", place, size, name.data);
    }
  }
  return true;
}

/* LIBRARY!FUNCTION; NULL when memory is short. */
static char *joined(const char *library, const char *symbol) {
  char *whole = NULL;
  if (asprintf(&whole, "%s%s%s", library == NULL ? "" : library, library == NULL ? "" : "!", symbol) < 0)
    return NULL;
  return whole;
}

static bool read_item(dx_text object, const char *begin, size_t place, item *item, dx_native_error *error) {
  bool has_library = dx_json_kind_of(dx_json_member(object, "library")) > DX_JSON_NULL;
  char *library = NULL, *symbol = NULL, *signature = NULL, *whole = NULL;
  if (dx_json_kind_of(object) != DX_JSON_OBJECT) {
    return native_error(error, DX_INVALID_ARGUMENT, (int32_t)(object.data - begin),
                        "entry %zu of the manifest is %s, and must be an object", place,
                        dx_json_kind_name(dx_json_kind_of(object)));
  }
  if (!known_members(object, begin, place, error)) return false;
  item->name = member(object, "name", begin, place, error);
  if (item->name != NULL) symbol = member(object, "symbol", begin, place, error);
  if (symbol != NULL) signature = member(object, "signature", begin, place, error);
  if (signature != NULL && has_library) library = member(object, "library", begin, place, error);
  if (signature != NULL && (library != NULL || !has_library)) {
    dx_native_error inner = {DX_INTERNAL, -1, "there is not enough memory"};
    whole = joined(library, symbol);
    if (whole != NULL) item->function = dx_native_prepare(item->name, NULL, whole, signature, &inner);
    if (item->function == NULL) {
      char where[48] = "";
      if (inner.position >= 0)
        (void)snprintf(where, sizeof where, ", byte %d of its signature", (int)inner.position);
      (void)native_error(error, inner.code, (int32_t)(object.data - begin),
                         "entry %zu of the manifest ('%.80s')%s: %.300s", place, item->name, where,
                         inner.message);
    }
  }
  free(library);
  free(symbol);
  free(signature);
  free(whole);
  return item->function != NULL;
}

static bool read_items(dx_text rest, const char *begin, item *items, dx_native_error *error) {
  dx_text object;
  for (size_t i = 0; dx_json_next(&rest, NULL, &object); i++) {
    if (!read_item(object, begin, i + 1, &items[i], error)) return false;
  }
  return true;
}

bool dx_native_register_manifest(dx_runtime *runtime, const char *manifest, dx_native_error *error) {
  dx_text whole = {manifest, manifest == NULL ? 0 : strlen(manifest)};
  size_t position = 0;
  const char *problem = dx_json_check(whole, &position);
  if (problem != NULL)
    return native_error(error, DX_INVALID_ARGUMENT, (int32_t)position, "the manifest is not JSON: %s",
                        problem);
  if (dx_json_kind_of(whole) != DX_JSON_ARRAY) {
    return native_error(error, DX_INVALID_ARGUMENT, 0, "the manifest is %s, and must be an array",
                        dx_json_kind_name(dx_json_kind_of(whole)));
  }
  size_t count = dx_json_count(whole);
  item *items = calloc(count + 1, sizeof *items);
  if (items == NULL)
    return native_error(error, DX_INTERNAL, -1, "there is not enough memory for the manifest");
  bool good = read_items(whole, manifest, items, error);
  for (size_t i = 0; i < count; i++) {
    if (good) {
      good = native_hand_over(runtime, items[i].name, items[i].function, error);
    } else {
      dx_native_free(items[i].function);
    }
    free(items[i].name);
  }
  free(items);
  return good;
}
