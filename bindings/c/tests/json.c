/* Says of each line of standard input what the JSON reader makes of it: "bad POSITION PROBLEM", or "ok" with
 * what walking through it gives. Newlines in a text are written as \x1e (not allowed in JSON anyway). */
#include "dx_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers and strings as they are understood; the rest by its brackets. */
static void walk(dx_text value) {
  dx_text name, item;
  bool object = false, truth = false;
  int64_t number = 0;
  uint64_t magnitude = 0;
  double real = 0;
  size_t size = 0;
  char *decoded = NULL, *quoted = NULL;
  switch (dx_json_kind_of(value)) {
    case DX_JSON_OBJECT:
      object = true; /* fall through */
    case DX_JSON_ARRAY:
      printf("%c%zu", object ? '{' : '[', dx_json_count(value));
      while (dx_json_next(&value, object ? &name : NULL, &item)) {
        printf(",");
        if (object) walk(name);
        walk(item);
      }
      printf("%c", object ? '}' : ']');
      break;
    case DX_JSON_NUMBER:
      if (dx_json_int64(value, &number)) printf("i%" PRId64, number);
      if (dx_json_uint64(value, &magnitude)) printf("u%" PRIu64, magnitude);
      if (dx_json_double(value, &real)) printf("d%.17g", real);
      break;
    case DX_JSON_STRING:
      decoded = dx_json_string(value, &size);
      quoted = decoded == NULL ? NULL : dx_json_quote(decoded);
      dx_text again = {quoted, quoted == NULL ? 0 : strlen(quoted)};
      if (quoted == NULL || !dx_json_equals(value, decoded) || !dx_json_equals(again, decoded) ||
          size != strlen(decoded))
        printf("?");
      printf("s%s", quoted == NULL ? "" : quoted);
      free(decoded);
      free(quoted);
      break;
    case DX_JSON_BOOL:
      printf("%s", dx_json_bool(value, &truth) ? truth ? "true" : "false" : "?");
      break;
    case DX_JSON_NULL:
      printf("null");
      break;
    case DX_JSON_NONE:
      printf("none");
      break;
  }
}

int main(void) {
  char *line = NULL;
  size_t capacity = 0, position = 0;
  ssize_t size;
  while ((size = getline(&line, &capacity, stdin)) > 0) {
    /* A copy of just that size: a sanitizer sees what reads beyond it. */
    char *exact = malloc((size_t)size);
    if (exact == NULL) return 1;
    memcpy(exact, line, (size_t)size - 1);
    for (ssize_t i = 0; i + 1 < size; i++) {
      if (exact[i] == '\x1e') exact[i] = '\n';
    }
    dx_text whole = {exact, (size_t)size - 1};
    const char *problem = dx_json_check(whole, &position);
    if (problem != NULL) {
      printf("bad %zu %s\n", position, problem);
    } else {
      printf("ok ");
      walk(whole);
      printf("\n");
    }
    free(exact);
  }
  free(line);
  return 0;
}
