/* Native activities without an engine: signatures, arguments, results, and a few thousand random ones. */
#include "dx_native.h"

#include "check.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* ---- Functions to be called -------------------------------------------------------------------------------
 */

#define ECHO(name, type) \
  static type name(type value) { return value; }
ECHO(echo_bool, bool)
ECHO(echo_i8, int8_t)
ECHO(echo_i16, int16_t)
ECHO(echo_i32, int32_t)
ECHO(echo_i64, int64_t)
ECHO(echo_u8, uint8_t)
ECHO(echo_u16, uint16_t)
ECHO(echo_u32, uint32_t)
ECHO(echo_u64, uint64_t)
ECHO(echo_float, float)
ECHO(echo_double, double)
ECHO(echo_string, const char *)

static char *owned(const char *text) { return text == NULL ? NULL : strdup(text); }
static const char *not_text(void) { return "\xff"; }
static double not_a_number(void) { return (double)NAN; }
static float infinite(void) { return (float)-INFINITY; }
static void nothing(void) {}
static int three(void) { return 3; }
static double many(int8_t a, double b, const char *c, float d, uint64_t e, bool f, int16_t g, double h,
                   long i, int j) {
  return a + b + (double)strlen(c) + (double)d + (double)e + f + g + h + (double)i + j;
}
static uint64_t sum(const void *data, size_t size) {
  uint64_t total = size << 32;
  for (size_t i = 0; i < size; i++) total += ((const unsigned char *)data)[i];
  return total;
}
static int missing(const char *path) {
  (void)path;
  errno = ENOENT;
  return -1;
}
static double half(double number, char **error) {
  if (number < 0) *error = strdup("it is negative \"so to say\"");
  return number / 2;
}
static char *picky(const char *text, const char **error) {
  if (strcmp(text, "bad") == 0) *error = "no";
  return strdup(text);
}

typedef void (*function)(void);

/* ---- Signatures -----------------------------------------------------------------------------------------
 */

static void signatures(void) {
  static const struct {
    const char *signature;
    int position; /* -1: it is good */
    const char *says;
  } rows[] = {
      {"void()", -1, ""},
      {"void(void)", -1, ""},
      {" double pow ( double x , double y ) ", -1, ""},
      {"unsigned long long int f(long unsigned, short int, signed char, unsigned)", -1, ""},
      {"int64_t(uint8_t a,size_t b, ssize_t c)", -1, ""},
      {"owned char *(const char *)", -1, ""},
      {"borrowed const char*(char const*?name)", -1, ""},
      {"owned char * f(bytes data, char **error)", -1, ""},
      {"int(const char *path) errno", -1, ""},
      {"int32() status", -1, ""},
      {"", 0, "a type is missing"},
      {"double", 6, "an opening bracket is missing"},
      {"double(", 7, "a type is missing"},
      {"double(double", 13, "the bracket is not closed"},
      {"double(double,)", 14, "a type is missing"},
      {"double(double double)", 7, "'double double' is no type"},
      {"double(double x, double x)", 17, "two parameters 'x'"},
      {"double(struct point)", 7, "'struct' is no type that can be passed"},
      {"void(int, ...)", 10, "functions with ... cannot be called"},
      {"void(char)", 5, "a number of 8 bits is int8 or uint8"},
      {"void(char *)", 5, "writes into its string"},
      {"void(int *)", 5, "the only pointers are const char *"},
      {"void(void *)", 5, "the only pointers are const char *"},
      {"void(const char ***)", 5, "the only pointers"},
      {"void(char **, int)", 14, "char ** must be the last"},
      {"const char *()", 0, "say to whom the string belongs"},
      {"owned const char *()", 0, "so it cannot be const"},
      {"owned int()", 0, "owned and borrowed are for strings"},
      {"bytes()", 0, "bytes cannot be a result"},
      {"char **()", 0, "char ** cannot be a result"},
      {"void(int?)", 8, "only a parameter const char * can be null"},
      {"void(void, int)", 5, "a parameter cannot be void"},
      {"void(unsigned signed)", 5, "is no type"},
      {"void(long long long)", 5, "is no type"},
      {"double() errno", 9, "for integer results"},
      {"int() errno errno", 12, "nothing but errno or status follows"},
      {"int() x", 6, "nothing but errno or status follows"},
      {"void(int,,int)", 9, "a type is missing"},
      {"void(int;int)", 8, "a comma or a closing bracket is missing"},
      {"void(int 1)", 9, "a comma or a closing bracket is missing"},
      {"v\xc3\xb6id()", 0, "'v' is no type"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    dx_native_error error = {0, -1, ""};
    dx_native_function *made = dx_native_prepare("f", (function)nothing, NULL, rows[i].signature, &error);
    bool good = made != NULL;
    dx_native_free(made);
    check_that(good == (rows[i].position < 0), rows[i].signature, good ? "it was taken" : error.message);
    if (good || rows[i].position < 0) continue;
    check_that(error.code == DX_INVALID_ARGUMENT && error.position == rows[i].position, rows[i].signature,
               error.message);
    check_that(strstr(error.message, rows[i].says) != NULL, rows[i].signature, error.message);
  }
  char wide[1000] = "void(int";
  for (int i = 0; i < 32; i++) strcat(wide, ",int");
  dx_native_error error = {0, -1, ""};
  check_that(dx_native_prepare("f", (function)nothing, NULL, strcat(wide, ")"), &error) == NULL &&
                 strstr(error.message, "32") != NULL,
             "33 parameters", error.message);
}

/* ---- Calls ----------------------------------------------------------------------------------------------
 */

typedef struct row {
  function function;
  const char *signature, *arguments;
  bool good;
  const char *says;
} row;

static const row rows[] = {
    {(function)nothing, "void()", "null", true, "null"},
    {(function)nothing, "void()", "[]", true, "null"},
    {(function)nothing, "void()", "[1]", false, "'f' takes 0 arguments; it was given 1"},
    {(function)nothing, "void()", "1", false, "'f' takes 0 arguments in an array; it was given a number"},
    {(function)echo_bool, "bool(bool)", "true", true, "true"},
    {(function)echo_bool, "bool(bool)", "[false]", true, "false"},
    {(function)echo_bool, "bool(bool b)", "0", false,
     "parameter 1 ('b') of 'f' takes bool: it was given a number"},
    {(function)echo_i8, "int8(int8)", "-128", true, "-128"},
    {(function)echo_i8, "int8(int8 x)", "128", false,
     "parameter 1 ('x') of 'f' takes int8: 128 is out of range; it goes from -128 to 127"},
    {(function)echo_i8, "int8(int8)", "1.5", false, "1.5 is not a whole number within range"},
    {(function)echo_i8, "int8(int8)", "1.20e1", true, "12"},
    {(function)echo_u8, "uint8(uint8)", "-1", false, "it goes from 0 to 255"},
    {(function)echo_u8, "uint8(uint8)", "-0", true, "0"},
    {(function)echo_i64, "int64(int64)", "-9223372036854775808", true, "-9223372036854775808"},
    {(function)echo_i64, "int64(int64)", "9223372036854775808", false,
     "9223372036854775808 is not a whole number within range"},
    {(function)echo_u64, "uint64(uint64)", "18446744073709551615", true, "18446744073709551615"},
    {(function)echo_u64, "uint64(uint64)", "1e999999999999", false, "within range"},
    {(function)echo_i32, "int(int)", "\"1\"", false, "takes int: it was given a string"},
    {(function)echo_i32, "int(int)", "null", false, "takes int: it was given null"},
    {(function)echo_i32, "int(int)", "[[1]]", false, "it was given an array"},
    {(function)echo_i32, "int(int)", "[]", false, "'f' takes 1 argument; it was given 0"},
    {(function)echo_i32, "int(int x)", "{\"x\":5}", true, "5"},
    {(function)echo_i32, "int(int x)", "{\"y\":5}", false, "parameter 1 ('x') of 'f' is missing"},
    {(function)echo_i32, "int(int x)", "{\"x\":5,\"y\":5}", false, "it was given 2"},
    {(function)echo_i32, "int(int)", "{\"x\":5}", false, "it was given an object"},
    {(function)echo_double, "double(double)", "0.1", true, "0.1"},
    {(function)echo_double, "double(double)", "1e308", true, "1e+308"},
    {(function)echo_double, "double(double)", "1e309", false, "out of range"},
    {(function)echo_double, "double(double)", "5e-324", true, "4.94065645841247e-324"},
    {(function)echo_float, "float(float)", "0.1", true, "0.1"},
    {(function)echo_float, "float(float)", "1e39", false, "out of range"},
    {(function)echo_string, "borrowed const char *(const char *)", "\"\\u00e4\\n\\\"\\ud83d\\ude80\"", true,
     "\"\xc3\xa4\\u000a\\\"\xf0\x9f\x9a\x80\""},
    {(function)echo_string, "borrowed const char *(const char * s)", "null", false,
     "parameter 1 ('s') of 'f' takes const char *: it was given null"},
    {(function)echo_string, "borrowed const char *(const char *?)", "null", true, "null"},
    {(function)echo_string, "borrowed const char *(const char *)", "[\"a\\u0000b\"]", false,
     "parameter 1 of 'f' is not JSON: a NUL"},
    {(function)owned, "owned char *(const char *?)", "\"\"", true, "\"\""},
    {(function)owned, "owned char *(const char *?)", "null", true, "null"},
    {(function)not_text, "borrowed const char *()", "null", false, "the result of 'f' is not UTF-8"},
    {(function)not_a_number, "double()", "null", false, "the result of 'f' is NaN"},
    {(function)infinite, "float()", "null", false, "the result of 'f' is infinite"},
    {(function)many,
     "double(int8 a, double b, const char *c, float d, uint64 e, bool f, int16 g, double h, long i, int j)",
     "[-1, 0.5, \"four\", 0.25, 7, true, -300, 1e3, -4000000000, 9]", true, "-3999999279.25"},
    {(function)sum, "uint64(bytes)", "\"\"", true, "0"},
    {(function)sum, "uint64(bytes)", "\"/w==\"", true, "4294967551"},
    {(function)sum, "uint64(bytes)", "\"_-8B\"", true, "12884902383"},
    {(function)sum, "uint64(bytes)", "\"AQI\"", true, "8589934595"},
    {(function)sum, "uint64(bytes data)", "\"A\"", false,
     "parameter 1 ('data') of 'f' takes bytes: the string is no base64"},
    {(function)sum, "uint64(bytes)", "\"/x==\"", false, "no base64"},
    {(function)sum, "uint64(bytes)", "\"a b=\"", false, "no base64"},
    {(function)three, "int()", "null", true, "3"},
    {(function)three, "int() status", "null", false,
     "\"type\":\"NativeFailure\",\"message\":\"'f' failed: it returned 3\"}"},
    {(function)missing, "int(const char *) errno", "\"x\"", false,
     "\"type\":\"ENOENT\",\"message\":\"'f' failed: it returned -1: No such file or directory\"}"},
    {(function)missing, "int(const char *) status", "\"x\"", false, "it returned -1\"}"},
    {(function)echo_i32, "int(int) errno", "0", true, "null"},
    {(function)half, "double(double, char **)", "3", true, "1.5"},
    {(function)half, "double(double, char **)", "-3", false,
     "\"message\":\"'f' failed: it is negative \\\"so to say\\\"\"}"},
    {(function)picky, "owned char *(const char *, const char **)", "\"good\"", true, "\"good\""},
    {(function)picky, "owned char *(const char *, const char **)", "\"bad\"", false, "'f' failed: no"},
    {(function)echo_i32, "int(int)", "[1,", false, "the arguments of 'f' are not JSON"},
    {(function)echo_i32, "int(int)", "", false, "the arguments of 'f' are not JSON: there is nothing"},
};

static void calls(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const row *row = &rows[i];
    dx_native_error error = {0, -1, ""};
    char name[300], *answer = NULL;
    snprintf(name, sizeof name, "%s of %.100s", row->signature, row->arguments);
    dx_native_function *made = dx_native_prepare("f", row->function, NULL, row->signature, &error);
    if (made == NULL) {
      check_that(false, name, error.message);
      continue;
    }
    bool good = dx_native_invoke(made, row->arguments, &answer);
    bool fits = answer != NULL && (good ? strcmp(answer, row->says) == 0 : strstr(answer, row->says) != NULL);
    check_that(good == row->good && fits, name, answer == NULL ? "no answer" : answer);
    bool tries_again = strstr(row->says, "failed") != NULL || strstr(row->says, "it returned") != NULL;
    if (!good) check_that((strstr(answer, "\"nonRetryable\":true}") == NULL) == tries_again, name, answer);
    free(answer);
    dx_native_free(made);
  }
}

static void symbols(void) {
  static const struct {
    const char *symbol;
    dx_code code;
    const char *says;
  } bad[] = {
      {"libm.so.6!no_such_function", DX_NOT_FOUND, "no_such_function"},
      {"libno_such_library.so!f", DX_NOT_FOUND, "libno_such_library.so"},
      {"libm.so.6!", DX_INVALID_ARGUMENT, "names no function"},
      {"", DX_INVALID_ARGUMENT, "names no function"},
      {"no_such_function", DX_NOT_FOUND, "no_such_function"},
  };
  dx_native_error error = {0, -1, ""};
  char *answer = NULL;
  dx_native_function *power =
      dx_native_prepare("pow", NULL, "libm.so.6!pow", "double(double x, double y)", &error);
  check_that(power != NULL && dx_native_invoke(power, "[2, 0.5]", &answer) &&
                 strcmp(answer, "1.4142135623730951") == 0,
             "libm.so.6!pow", answer == NULL ? error.message : answer);
  free(answer);
  dx_native_free(power);
  dx_native_function *length = dx_native_prepare("strlen", NULL, "strlen", "size_t(const char *)", &error);
  answer = NULL;
  check_that(length != NULL && dx_native_invoke(length, "\"four\"", &answer) && strcmp(answer, "4") == 0,
             "strlen of the process", answer == NULL ? error.message : answer);
  free(answer);
  dx_native_free(length);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    dx_native_function *made = dx_native_prepare("f", NULL, bad[i].symbol, "void()", &error);
    check_that(made == NULL && error.code == bad[i].code && strstr(error.message, bad[i].says) != NULL,
               bad[i].symbol, error.message);
    dx_native_free(made);
  }
  check_that(dx_native_prepare("f", NULL, NULL, "void()", &error) == NULL, "no function at all",
             "it was taken");
  check_that(dx_native_prepare("f", (function)nothing, NULL, NULL, &error) == NULL, "no signature at all",
             "it was taken");
}

/* ---- Random ones ----------------------------------------------------------------------------------------
 */

static uint64_t state;
static int rounds = 2000; /* fewer where each is dear */

static uint64_t chance(uint64_t below) {
  state += UINT64_C(0x9E3779B97F4A7C15);
  uint64_t z = state;
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return (z ^ z >> 31) % below;
}

/* A number near a power of two, of up to 66 bits and either sign, in decimal. */
static __int128 any_integer(char *digits, size_t capacity) {
  __int128 number = ((__int128)1 << chance(66)) + (__int128)chance(5) - 2;
  if (chance(4) == 0) number = (__int128)chance(UINT64_MAX);
  if (chance(2) == 0) number = -number;
  __int128 rest = number < 0 ? -number : number;
  char reversed[50];
  size_t size = 0;
  do {
    reversed[size++] = (char)('0' + (int)(rest % 10));
    rest /= 10;
  } while (rest > 0);
  snprintf(digits, capacity, "%s", number < 0 ? "-" : "");
  for (size_t at = strlen(digits); size > 0 && at + 1 < capacity; digits[at] = '\0')
    digits[at++] = reversed[--size];
  return number;
}

static void random_integers(void) {
  static const struct {
    function function;
    const char *signature;
    int bits;
    bool is_signed;
  } kinds[] = {
      {(function)echo_i8, "int8(int8)", 8, true},       {(function)echo_u8, "uint8(uint8)", 8, false},
      {(function)echo_i16, "short(short)", 16, true},   {(function)echo_u16, "uint16(uint16)", 16, false},
      {(function)echo_i32, "int(int)", 32, true},       {(function)echo_u32, "unsigned(unsigned)", 32, false},
      {(function)echo_i64, "int64_t(int64)", 64, true}, {(function)echo_u64, "size_t(size_t)", 64, false},
  };
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    dx_native_function *made =
        dx_native_prepare("f", kinds[kind].function, NULL, kinds[kind].signature, NULL);
    int wrong = 0, taken = 0;
    char last[200] = "";
    for (int i = 0; i < rounds && made != NULL; i++) {
      char digits[60], *answer = NULL;
      __int128 number = any_integer(digits, sizeof digits);
      int used = kinds[kind].is_signed ? kinds[kind].bits - 1 : kinds[kind].bits;
      __int128 greatest = ((__int128)1 << used) - 1, least = kinds[kind].is_signed ? -greatest - 1 : 0;
      bool fits = number >= least && number <= greatest;
      bool good = dx_native_invoke(made, digits, &answer);
      bool right = good == fits && (!fits || strcmp(answer, strcmp(digits, "-0") == 0 ? "0" : digits) == 0);
      taken += good;
      if (!right) snprintf(last, sizeof last, "%s: %.100s", digits, answer), wrong++;
      free(answer);
    }
    check_that(made != NULL && wrong == 0 && taken > 0 && taken < rounds, kinds[kind].signature, last);
    dx_native_free(made);
  }
}

/* Changes a few bytes of a text, cuts it, or doubles a part. */
static void spoil(char *text, size_t capacity) {
  static const char letters[] = "(),*?[]{}\":\\ -+.eE019abcnulltrue_\t\x01\xff\xc3\xa4";
  for (uint64_t changes = 1 + chance(3); changes > 0; changes--) {
    size_t size = strlen(text);
    size_t at = (size_t)chance(size + 1);
    switch (chance(4)) {
      case 0:
        text[at] = '\0';
        break;
      case 1:
        if (at < size) text[at] = letters[chance(sizeof letters - 1)];
        break;
      case 2:
        if (at < size) memmove(text + at, text + at + 1, size - at);
        break;
      default:
        if (size + 1 < capacity) {
          memmove(text + at + 1, text + at, size - at + 1);
          text[at] = letters[chance(sizeof letters - 1)];
        }
    }
  }
}

/* Whatever is read is taken or refused with a sentence; a sanitizer watches. */
static void random_texts(void) {
  int silent = 0, outside = 0, taken = 0;
  for (int i = 0; i < 3 * rounds; i++) {
    const row *row = &rows[chance(sizeof rows / sizeof *rows)];
    char signature[300], arguments[300], *answer = NULL;
    dx_native_error error = {0, -1, ""};
    snprintf(signature, sizeof signature, "%s", row->signature);
    snprintf(arguments, sizeof arguments, "%s", row->arguments);
    spoil(arguments, sizeof arguments);
    dx_native_function *made = dx_native_prepare("f", row->function, NULL, signature, &error);
    if (made != NULL) {
      taken += dx_native_invoke(made, arguments, &answer);
      silent += answer == NULL || *answer == '\0';
      free(answer);
      dx_native_free(made);
    }
    /* A signature that is none of the function's is read, but must not be called. */
    spoil(signature, sizeof signature);
    error.message[0] = '\0';
    made = dx_native_prepare("f", (function)nothing, NULL, signature, &error);
    silent += made == NULL && error.message[0] == '\0';
    outside += made == NULL && (error.position < 0 || (size_t)error.position > strlen(signature));
    dx_native_free(made);
  }
  check_that(silent == 0 && outside == 0 && taken > 0, "random signatures and arguments",
             "one was refused without a word, or its place is outside");
}

int main(int count, char **arguments) {
  state = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
  if (count > 2) rounds = atoi(arguments[2]);
  signatures();
  calls();
  symbols();
  random_integers();
  random_texts();
  return checks_done();
}
