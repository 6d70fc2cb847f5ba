/* Inside of libdx_native: what a signature says, and how its values travel. */
#ifndef NATIVE_H
#define NATIVE_H

#include "dx_json.h"
#include "dx_native.h"
#include "memory.h"

#include <ffi.h>

typedef enum native_kind {
  NATIVE_VOID,
  NATIVE_BOOL,
  NATIVE_SIGNED,
  NATIVE_UNSIGNED,
  NATIVE_FLOAT,
  NATIVE_DOUBLE,
  NATIVE_STRING,
  NATIVE_BYTES, /* two arguments: address and size */
  NATIVE_ERROR, /* char ** */
} native_kind;

typedef struct native_type {
  native_kind kind;
  unsigned bits;       /* of integers: 8, 16, 32, 64 */
  const char *spelled; /* such as "int8", for messages; static */
  bool nullable;
  bool owned; /* of a result, an error: freed */
} native_type;

typedef enum native_convention { PLAIN, ERRNO, STATUS } native_convention;

typedef struct native_parameter {
  native_type type;
  char name[48]; /* empty: none */
} native_parameter;

typedef struct native_signature {
  native_type result;
  native_convention convention;
  native_parameter parameters[DX_NATIVE_PARAMETERS];
  size_t count;    /* with that of the error */
  size_t expected; /* arguments that come from JSON */
  bool all_named;
} native_signature;

/* false: *error says what is wrong, and where. */
bool native_read_signature(const char *text, native_signature *signature, dx_native_error *error);

typedef union native_value {
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  int8_t i8;
  int16_t i16;
  int32_t i32;
  int64_t i64;
  float f;
  double d;
  const void *pointer;
  size_t size;
  ffi_arg unsigned_result; /* integers narrower than this come widened to it */
  ffi_sarg signed_result;
} native_value;

struct dx_native_function {
  void (*function)(void);
  char *name;
  native_signature signature;
  ffi_cif cif;
  ffi_type *types[2 * DX_NATIVE_PARAMETERS];
};

/* Reads the arguments of a call into `values`, in the order of the C arguments, with memory of `memory`.
 * false: the failure is in `out`. */
bool native_read_arguments(const dx_native_function *function, const char *json, native_value *values,
                           arena *memory, growing_text *out);
/* A failure that no other attempt will mend. */
void native_refuse(growing_text *out, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a failure. */
void native_failure(growing_text *out, const char *type, const char *message, bool non_retryable);

/* The kind of integers of `bits` bits: its least and greatest. */
int64_t native_least(unsigned bits);
uint64_t native_greatest(bool is_signed, unsigned bits);

/* Fills in an error; false. */
bool native_error(dx_native_error *error, dx_code code, int32_t position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Gives a function that was prepared to a runtime; it is freed with that, or now when it is refused. */
bool native_hand_over(dx_runtime *runtime, const char *name, dx_native_function *function,
                      dx_native_error *error);

#define NATIVE_ARGUMENT "NativeArgument"
#define NATIVE_RESULT "NativeResult"
#define NATIVE_FAILURE "NativeFailure"

#endif /* NATIVE_H */
