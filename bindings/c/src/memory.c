#include "memory.h"

#include "dx_json.h"
#include "json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 1000 /* bytes of the first one; each next is twice as large, up to */
#define LARGEST_CHUNK 64000

struct chunk {
  chunk *next;
  size_t used, size;
  max_align_t bytes[];
};

static chunk *chunk_new(arena *arena, size_t least) {
  size_t size = arena->chunks == NULL ? CHUNK : arena->chunks->size * 2;
  if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
  if (size < least) size = least;
  if (size > SIZE_MAX - sizeof(chunk)) return NULL;
  chunk *fresh = malloc(sizeof *fresh + size);
  if (fresh == NULL) return NULL;
  fresh->next = arena->chunks;
  fresh->used = 0;
  fresh->size = size;
  arena->chunks = fresh;
  return fresh;
}

void *arena_take(arena *arena, size_t size) {
  const size_t align = _Alignof(max_align_t);
  if (size > SIZE_MAX / 2) return NULL;
  size = (size + align - 1) / align * align;
  chunk *chunk = arena->chunks;
  if (chunk == NULL || chunk->size - chunk->used < size) chunk = chunk_new(arena, size);
  if (chunk == NULL) return NULL;
  void *taken = (char *)chunk->bytes + chunk->used;
  chunk->used += size;
  return memset(taken, 0, size);
}

char *arena_copy(arena *arena, const char *data, size_t size) {
  char *copy = size == SIZE_MAX ? NULL : arena_take(arena, size + 1);
  if (copy != NULL && size > 0) memcpy(copy, data, size);
  return copy;
}

char *arena_print(arena *arena, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *printed = size < 0 ? NULL : arena_take(arena, (size_t)size + 1);
  if (printed != NULL) (void)vsnprintf(printed, (size_t)size + 1, format, arguments);
  return printed;
}

void arena_reset(arena *arena) {
  if (arena->chunks == NULL) return;
  chunk *kept = arena->chunks;
  for (chunk *each = kept->next, *next; each != NULL; each = next) {
    next = each->next;
    free(each);
  }
  kept->next = NULL;
  kept->used = 0;
}

void arena_free(arena *arena) {
  arena_reset(arena);
  free(arena->chunks);
  arena->chunks = NULL;
}

/* ---- Text ---------------------------------------------------------------------------------------------- */

static bool text_reserve(growing_text *text, size_t more) {
  if (text->failed || more > SIZE_MAX / 4 || text->size > SIZE_MAX / 4) return !(text->failed = true);
  if (text->size + more + 1 <= text->capacity) return true;
  size_t capacity = text->capacity * 2 + 256;
  if (capacity < text->size + more + 1) capacity = text->size + more + 1;
  char *data = realloc(text->data, capacity);
  if (data == NULL) return !(text->failed = true);
  text->data = data;
  text->capacity = capacity;
  return true;
}

void text_add_bytes(growing_text *text, const char *data, size_t size) {
  if (!text_reserve(text, size)) return;
  if (size > 0) memcpy(text->data + text->size, data, size);
  text->size += size;
  text->data[text->size] = '\0';
}

void text_add(growing_text *text, const char *string) { text_add_bytes(text, string, strlen(string)); }

void text_format_list(growing_text *text, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (size < 0) text->failed = true;
  if (size < 0 || !text_reserve(text, (size_t)size)) return;
  (void)vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
  text->size += (size_t)size;
}

void text_format(growing_text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text_format_list(text, format, arguments);
  va_end(arguments);
}

static void quote(growing_text *text, const char *string) {
  const unsigned char *at = (const unsigned char *)string, *end = at + strlen(string);
  text_add_bytes(text, "\"", 1);
  while (at < end) {
    const unsigned char *plain = at;
    size_t length = 0;
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\' && (length = json_utf8_length(at, end)) > 0) {
      at += length;
    }
    text_add_bytes(text, (const char *)plain, (size_t)(at - plain));
    if (at == end) break;
    if (*at == '"' || *at == '\\') {
      text_format(text, "\\%c", *at);
    } else if (*at < 0x20) {
      text_format(text, "\\u%04x", *at);
    } else {
      text_add_bytes(text, "?", 1);
    }
    at++;
  }
  text_add_bytes(text, "\"", 1);
}

void text_quote_any(growing_text *text, const char *string) { quote(text, string); }

bool text_quote(growing_text *text, const char *string) {
  const unsigned char *at = (const unsigned char *)string, *end = at + strlen(string);
  while (at < end) {
    size_t length = json_utf8_length(at, end);
    if (length == 0) return false;
    at += length;
  }
  quote(text, string);
  return true;
}

void text_number(growing_text *text, double number, bool is_float) {
  char digits[64] = "";
  int least = is_float ? 6 : 15, most = is_float ? 9 : 17;
  for (int precision = least; precision <= most; precision++) {
    (void)snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (is_float ? strtof(digits, NULL) == (float)number : strtod(digits, NULL) == number) break;
  }
  for (const char *at = digits; *at != '\0'; at++) {
    /* What is none of these is the decimal point of the locale, of however many bytes. */
    if (strchr("0123456789+-e", *at) != NULL) {
      text_add_bytes(text, at, 1);
    } else if (at[1] == '\0' || strchr("0123456789", at[1]) != NULL) {
      text_add_bytes(text, ".", 1);
    }
  }
}

void text_clear(growing_text *text) {
  text->size = 0;
  text->failed = false;
  if (text->data != NULL) text->data[0] = '\0';
}

void text_free(growing_text *text) {
  free(text->data);
  memset(text, 0, sizeof *text);
}

bool grow(void **array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return true;
  size_t larger = *capacity * 2 + 16;
  if (larger > SIZE_MAX / 2 / size) return false;
  void *grown = realloc(*array, larger * size);
  if (grown == NULL) return false;
  *array = grown;
  *capacity = larger;
  return true;
}
