/* Reads signatures: C-like text to types, with the place of what is wrong. */
#include "native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
  const char *begin, *at;
  dx_native_error *error;
} reader;

bool native_error(dx_native_error *error, dx_code code, int32_t position, const char *format, ...) {
  if (error == NULL) return false;
  va_list arguments;
  va_start(arguments, format);
  error->code = code;
  error->position = position;
  (void)vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return false;
}

#define WRONG(reader, place, ...) \
  native_error((reader)->error, DX_INVALID_ARGUMENT, (int32_t)((place) - (reader)->begin), __VA_ARGS__)

static void skip_space(reader *reader) {
  while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n') reader->at++;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_of_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/* The word that begins here, without moving on; 0 bytes if there is none. */
static size_t word_here(const reader *reader) {
  size_t size = 0;
  if (!is_letter(*reader->at)) return 0;
  while (is_of_word(reader->at[size])) size++;
  return size;
}

static bool word_is(const reader *reader, size_t size, const char *word) {
  return strlen(word) == size && memcmp(reader->at, word, size) == 0;
}

/* ---- Types --------------------------------------------------------------------------------------------- */

static const struct {
  const char *word;
  native_type type;
} named_types[] = {
    {"void", {NATIVE_VOID, 0, "void", false, false}},
    {"bool", {NATIVE_BOOL, 8, "bool", false, false}},
    {"_Bool", {NATIVE_BOOL, 8, "bool", false, false}},
    {"int8", {NATIVE_SIGNED, 8, "int8", false, false}},
    {"int8_t", {NATIVE_SIGNED, 8, "int8", false, false}},
    {"int16", {NATIVE_SIGNED, 16, "int16", false, false}},
    {"int16_t", {NATIVE_SIGNED, 16, "int16", false, false}},
    {"int32", {NATIVE_SIGNED, 32, "int32", false, false}},
    {"int32_t", {NATIVE_SIGNED, 32, "int32", false, false}},
    {"int64", {NATIVE_SIGNED, 64, "int64", false, false}},
    {"int64_t", {NATIVE_SIGNED, 64, "int64", false, false}},
    {"uint8", {NATIVE_UNSIGNED, 8, "uint8", false, false}},
    {"uint8_t", {NATIVE_UNSIGNED, 8, "uint8", false, false}},
    {"uint16", {NATIVE_UNSIGNED, 16, "uint16", false, false}},
    {"uint16_t", {NATIVE_UNSIGNED, 16, "uint16", false, false}},
    {"uint32", {NATIVE_UNSIGNED, 32, "uint32", false, false}},
    {"uint32_t", {NATIVE_UNSIGNED, 32, "uint32", false, false}},
    {"uint64", {NATIVE_UNSIGNED, 64, "uint64", false, false}},
    {"uint64_t", {NATIVE_UNSIGNED, 64, "uint64", false, false}},
    {"size_t", {NATIVE_UNSIGNED, 8 * sizeof(size_t), "size_t", false, false}},
    {"ssize_t", {NATIVE_SIGNED, 8 * sizeof(size_t), "ssize_t", false, false}},
    {"float", {NATIVE_FLOAT, 0, "float", false, false}},
    {"bytes", {NATIVE_BYTES, 0, "bytes", false, false}},
};

/* The words of the types of C that are made of several. */
typedef struct words {
  int longs, shorts, ints, signeds, unsigneds, chars, doubles, consts, owneds, borroweds;
  const native_type *named;
  int all; /* that make a type: not const, owned, borrowed */
} words;

static bool take_word(reader *reader, words *words) {
  const struct {
    const char *word;
    int *count;
    bool makes_type;
  } known[] = {{"long", &words->longs, true},         {"short", &words->shorts, true},
               {"int", &words->ints, true},           {"signed", &words->signeds, true},
               {"unsigned", &words->unsigneds, true}, {"char", &words->chars, true},
               {"double", &words->doubles, true},     {"const", &words->consts, false},
               {"owned", &words->owneds, false},      {"borrowed", &words->borroweds, false}};
  size_t size = word_here(reader);
  for (size_t i = 0; size > 0 && i < sizeof known / sizeof *known; i++) {
    if (!word_is(reader, size, known[i].word)) continue;
    ++*known[i].count;
    words->all += known[i].makes_type;
    reader->at += size;
    return true;
  }
  for (size_t i = 0; size > 0 && words->all == 0 && i < sizeof named_types / sizeof *named_types; i++) {
    if (!word_is(reader, size, named_types[i].word)) continue;
    words->named = &named_types[i].type;
    words->all++;
    reader->at += size;
    return true;
  }
  return false;
}

static bool integer(native_type *type, const words *words, unsigned bits, const char *with_sign,
                    const char *without) {
  bool is_unsigned = words->unsigneds > 0;
  *type = (native_type){is_unsigned ? NATIVE_UNSIGNED : NATIVE_SIGNED, bits,
                        is_unsigned ? without : with_sign, false, false};
  return true;
}

/* What the words mean together; false for nothing that there is. */
static bool combine(const words *words, native_type *type) {
  if (words->longs > 2 || words->shorts > 1 || words->ints > 1 || words->chars > 1 || words->doubles > 1)
    return false;
  if (words->signeds + words->unsigneds > 1) return false;
  if (words->named != NULL) {
    *type = *words->named;
    return words->all == 1;
  }
  if (words->doubles == 1) {
    *type = (native_type){NATIVE_DOUBLE, 0, "double", false, false};
    return words->all == 1;
  }
  if (words->chars == 1) {
    if (words->all == 1) return false; /* plain char is a number with a sign here and without one there */
    return words->all == 2 && words->signeds + words->unsigneds == 1 &&
           integer(type, words, 8, "int8", "uint8");
  }
  if (words->shorts == 1)
    return words->longs == 0 && integer(type, words, 8 * sizeof(short), "short", "unsigned short");
  if (words->longs == 1) return integer(type, words, 8 * sizeof(long), "long", "unsigned long");
  if (words->longs == 2)
    return integer(type, words, 8 * sizeof(long long), "long long", "unsigned long long");
  return words->all > 0 && integer(type, words, 8 * sizeof(int), "int", "unsigned int");
}

static bool pointer_type(reader *reader, const words *words, int stars, const char *place, bool is_result,
                         native_type *type) {
  bool is_char = words->chars == 1 && words->all == 1;
  if (!is_char || stars > 2)
    return WRONG(reader, place,
                 "the only pointers are const char *, and char ** for what went wrong; give data as bytes");
  if (stars == 2) {
    if (is_result) return WRONG(reader, place, "char ** cannot be a result");
    *type = (native_type){NATIVE_ERROR, 0, "char **", false, words->consts == 0};
    return true;
  }
  if (is_result) {
    if (words->owneds + words->borroweds != 1) {
      return WRONG(reader, place,
                   "say to whom the string belongs: owned char * (it is freed) or borrowed const char *");
    }
    if (words->owneds == 1 && words->consts > 0)
      return WRONG(reader, place, "an owned char * is freed, so it cannot be const");
  } else if (words->consts == 0) {
    return WRONG(reader, place,
                 "a function that writes into its string cannot be called; const char * is read only");
  }
  *type = (native_type){NATIVE_STRING, 0, "const char *", false, words->owneds == 1};
  return true;
}

static bool read_type(reader *reader, bool is_result, native_type *type) {
  words words = {0};
  int stars = 0;
  skip_space(reader);
  const char *place = reader->at;
  while (take_word(reader, &words)) skip_space(reader);
  if (words.all == 0) {
    size_t size = word_here(reader);
    if (strncmp(reader->at, "...", 3) == 0)
      return WRONG(reader, reader->at, "functions with ... cannot be called");
    if (size == 0) return WRONG(reader, reader->at, "a type is missing");
    return WRONG(reader, reader->at, "'%.*s' is no type that can be passed", (int)size, reader->at);
  }
  for (; *reader->at == '*'; skip_space(reader)) reader->at++, stars++;
  if (stars > 0) {
    if (!pointer_type(reader, &words, stars, place, is_result, type)) return false;
  } else if (words.owneds + words.borroweds > 0) {
    return WRONG(reader, place, "owned and borrowed are for strings");
  } else if (!combine(&words, type)) {
    const char *hint = words.chars == 1 && words.all == 1
                           ? "; a number of 8 bits is int8 or uint8, a string const char *"
                           : "";
    return WRONG(reader, place, "'%.*s' is no type that can be passed%s", (int)(reader->at - place), place,
                 hint);
  }
  if (*reader->at == '?') {
    if (type->kind != NATIVE_STRING || is_result)
      return WRONG(reader, reader->at, "only a parameter const char * can be null");
    type->nullable = true;
    reader->at++;
    skip_space(reader);
  }
  return true;
}

/* ---- Parameters ---------------------------------------------------------------------------------------- */

static bool read_name(reader *reader, char *name, size_t capacity) {
  skip_space(reader);
  size_t size = word_here(reader);
  if (size >= capacity) return WRONG(reader, reader->at, "a name has at most %zu bytes", capacity - 1);
  memcpy(name, reader->at, size);
  name[size] = '\0';
  reader->at += size;
  skip_space(reader);
  return true;
}

static bool read_parameter(reader *reader, native_signature *signature) {
  native_parameter *parameter = &signature->parameters[signature->count];
  skip_space(reader);
  const char *place = reader->at;
  if (signature->count == DX_NATIVE_PARAMETERS)
    return WRONG(reader, place, "a function has at most %d parameters", DX_NATIVE_PARAMETERS);
  if (signature->expected < signature->count)
    return WRONG(reader, place, "char ** must be the last parameter");
  if (!read_type(reader, false, &parameter->type) ||
      !read_name(reader, parameter->name, sizeof parameter->name))
    return false;
  if (parameter->type.kind == NATIVE_VOID) return WRONG(reader, place, "a parameter cannot be void");
  signature->count++;
  if (parameter->type.kind == NATIVE_ERROR) return true;
  signature->expected++;
  if (parameter->name[0] == '\0') signature->all_named = false;
  for (size_t i = 0; i + 1 < signature->count; i++) {
    if (parameter->name[0] != '\0' && strcmp(signature->parameters[i].name, parameter->name) == 0) {
      return WRONG(reader, place, "there are two parameters '%s'", parameter->name);
    }
  }
  return true;
}

/* What stands between the brackets; `(void)` is empty. */
static bool read_parameters(reader *reader, native_signature *signature) {
  skip_space(reader);
  if (*reader->at == ')') return true;
  const char *before = reader->at;
  if (word_is(reader, word_here(reader), "void")) {
    reader->at += 4;
    skip_space(reader);
    if (*reader->at == ')') return true;
    reader->at = before;
  }
  for (;;) {
    if (!read_parameter(reader, signature)) return false;
    if (*reader->at == ')') return true;
    if (*reader->at == '\0') return WRONG(reader, reader->at, "the bracket is not closed");
    if (*reader->at != ',') return WRONG(reader, reader->at, "a comma or a closing bracket is missing");
    reader->at++;
  }
}

bool native_read_signature(const char *source, native_signature *signature, dx_native_error *error) {
  reader reader = {source, source, error};
  char name[128];
  memset(signature, 0, sizeof *signature);
  if (source == NULL) return native_error(error, DX_INVALID_ARGUMENT, -1, "the signature is NULL");
  if (strlen(source) > 4000)
    return native_error(error, DX_INVALID_ARGUMENT, 4000, "a signature has at most 4000 bytes");
  signature->all_named = true;
  if (!read_type(&reader, true, &signature->result)) return false;
  if (signature->result.kind == NATIVE_BYTES) return WRONG(&reader, source, "bytes cannot be a result");
  if (!read_name(&reader, name, sizeof name)) return false;
  if (*reader.at != '(') return WRONG(&reader, reader.at, "an opening bracket is missing");
  reader.at++;
  if (!read_parameters(&reader, signature)) return false;
  reader.at++; /* the closing bracket */
  skip_space(&reader);
  size_t size = word_here(&reader);
  if (word_is(&reader, size, "errno")) signature->convention = ERRNO;
  if (word_is(&reader, size, "status")) signature->convention = STATUS;
  bool is_integer = signature->result.kind == NATIVE_SIGNED || signature->result.kind == NATIVE_UNSIGNED;
  if (signature->convention != PLAIN && !is_integer)
    return WRONG(&reader, reader.at, "errno and status are for integer results");
  if (signature->convention != PLAIN) reader.at += size;
  skip_space(&reader);
  if (*reader.at != '\0')
    return WRONG(&reader, reader.at, "nothing but errno or status follows the closing bracket");
  return true;
}
