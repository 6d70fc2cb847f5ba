/* dx_json.h - just enough JSON for a host in C: strict, exact, without a tree.
 *
 * A value stays the text that it is (a dx_text that points into the whole), so that what passes through keeps
 * its bytes: numbers beyond 64 bits, the order of members, the way a string was written. Check text from
 * outside once with dx_json_check; what the engine hands out has been checked. All functions stay within the
 * text that they are given, whatever is in it.
 */
#ifndef DX_JSON_H
#define DX_JSON_H

#include "dx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Levels of arrays and objects that Perdure takes. */
#define DX_JSON_DEPTH 512

typedef enum dx_json_kind {
  DX_JSON_NONE, /* no value at all */
  DX_JSON_NULL,
  DX_JSON_BOOL,
  DX_JSON_NUMBER,
  DX_JSON_STRING,
  DX_JSON_ARRAY,
  DX_JSON_OBJECT
} dx_json_kind;

/* NULL when the text is one JSON value of the kind that Perdure takes: UTF-8, no NUL (nor \u0000), no half
 * surrogate pair, at most DX_JSON_DEPTH levels. Otherwise what is wrong, and at which byte (position may be
 * NULL). Static text. */
DX_API const char *dx_json_check(dx_text json, size_t *position);

/* What a value is, by its first byte. */
DX_API dx_json_kind dx_json_kind_of(dx_text value);
/* Such as "a string", for messages. Static text. */
DX_API const char *dx_json_kind_name(dx_json_kind kind);

/* The value of a member; { NULL, 0 } if there is none of that name, or `object` is no object. */
DX_API dx_text dx_json_member(dx_text object, const char *name);

/* Walks through an array (name is NULL) or an object. `rest` begins as the whole and moves on; false at the
 * end.
 *
 *     dx_text rest = array, value;
 *     while (dx_json_next(&rest, NULL, &value)) ...
 */
DX_API bool dx_json_next(dx_text *rest, dx_text *name, dx_text *value);

/* The number of elements of an array or members of an object; 0 for anything else. */
DX_API size_t dx_json_count(dx_text value);

/* A string that says this, however it is written. */
DX_API bool dx_json_equals(dx_text value, const char *string);

/* false, and *out untouched, when the value is of another kind or cannot be held exactly: 1.0 and 1e2 are
 * integers, 1.5 and 2^64 are none. */
DX_API bool dx_json_bool(dx_text value, bool *out);
DX_API bool dx_json_int64(dx_text value, int64_t *out);
DX_API bool dx_json_uint64(dx_text value, uint64_t *out);
/* The same for what is known to be an integer, or may be missing: `otherwise` if it is none. */
static inline int64_t dx_json_int64_or(dx_text value, int64_t otherwise) {
  (void)dx_json_int64(value, &otherwise);
  return otherwise;
}
/* The nearest double; false for a number that none is near to, such as 1e999. The decimal point is a point in
 * every locale. */
DX_API bool dx_json_double(dx_text value, double *out);

/* What a string says, to be given to free(); NULL when the value is no string, or memory is short. size may
 * be NULL; a NUL byte follows. */
DX_API char *dx_json_string(dx_text value, size_t *size);
/* Text as a JSON string with its quotes, to be given to free(). NULL when it is not UTF-8, or memory is
 * short. */
DX_API char *dx_json_quote(const char *text);

#ifdef __cplusplus
}
#endif

#endif /* DX_JSON_H */
