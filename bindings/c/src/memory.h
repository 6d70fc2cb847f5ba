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

typedef struct growing_text {
  char *data; /* NUL-terminated once something was added */
  size_t size, capacity;
  bool failed;
} growing_text;

void text_add(growing_text *text, const char *string);
void text_add_bytes(growing_text *text, const char *data, size_t size);
void text_format(growing_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_format_list(growing_text *text, const char *format, va_list arguments);
/* As a JSON string. false, and nothing added, when it is not UTF-8. */
bool text_quote(growing_text *text, const char *string);
/* The same for whatever bytes: what is not UTF-8 becomes '?'. For messages that we did not write. */
void text_quote_any(growing_text *text, const char *string);
/* The shortest number that reads as this one, which is finite; as a float if it was one. */
void text_number(growing_text *text, double number, bool is_float);
void text_clear(growing_text *text);
void text_free(growing_text *text);

/* Makes room in an array of elements of `size` bytes for one more than `count`. */
bool grow(void **array, size_t count, size_t *capacity, size_t size);

#endif /* MEMORY_H */
