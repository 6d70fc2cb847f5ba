/* What the strict reader and the one that trusts it have in common. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

static inline bool json_is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/* The bytes of the UTF-8 sequence at `at` (before `end`), 0 if there is none. */
size_t json_utf8_length(const unsigned char *at, const unsigned char *end);
/* The four digits of a \u escape, -1 if they are none. */
long json_hex4(const char *at, const char *end);

#endif /* JSON_SCAN_H */
