/* Memory that is freed as a whole, and text that grows. Nothing here ends the program when memory is short:
 * NULL is returned, or `failed` set, and the turn is given back. */
#ifndef MEMORY_H
#define MEMORY_H

#include "dx.h"

#include <stdarg.h>

typedef struct chunk chunk;
typedef struct arena {
  chunk *chunks; /* the one in use first */
} arena;

/* Zeroed, aligned for anything. */
void *arena_take(arena *arena, size_t size);
/* A NUL-terminated copy. */
char *arena_copy(arena *arena, const char *data, size_t size);
char *arena_print(arena *arena, const char *format, va_list arguments);
/* Forgets everything, and keeps one chunk for what comes. */
void arena_reset(arena *arena);
void arena_free(arena *arena);

typedef struct text {
  char *data; /* NUL-terminated once something was added */
  size_t size, capacity;
  bool failed;
} text;

void text_add(text *text, const char *string);
void text_add_bytes(text *text, const char *data, size_t size);
void text_format(text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_format_list(text *text, const char *format, va_list arguments);
/* As a JSON string. false, and nothing added, when it is not UTF-8. */
bool text_quote(text *text, const char *string);
/* The same for whatever bytes: what is not UTF-8 becomes '?'. For messages that we did not write. */
void text_quote_any(text *text, const char *string);
void text_clear(text *text);
void text_free(text *text);

/* Makes room in an array of elements of `size` bytes for one more than `count`. */
bool grow(void **array, size_t count, size_t *capacity, size_t size);

#endif /* MEMORY_H */
