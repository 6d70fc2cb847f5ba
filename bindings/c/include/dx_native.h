/* dx_native.h - any C function as an activity, by its signature.
 *
 *     dx_native_error error;
 *     if (!dx_native_register(runtime, "power", "libm.so.6!pow", "double(double x, double y)", &error))
 *       fprintf(stderr, "%s\n", error.message);
 *
 * The arguments come as a JSON array in order, as a single value for one parameter, or as an object by name
 * when all parameters have one. What does not fit (number, type, range of the arguments; a result that JSON
 * has no word for) is a failure that names the parameter and is not tried again.
 *
 * A signature is C-like text:
 *
 *     signature = result [name] "(" [parameter {"," parameter}] ")" ["errno" | "status"]
 *     parameter = type [name]
 *
 *     bool  int8 int16 int32 int64  uint8 uint16 uint32 uint64 (with or without _t)
 *     short int long (long long), each with unsigned   size_t ssize_t   float double
 *         numbers; integers are exact, or refused. float and double take the nearest number.
 *     const char *      a string: UTF-8, NUL-terminated, borrowed for the call
 *     const char *?     the same, and null is NULL
 *     bytes             base64 in a string; the function gets two arguments, const void * and size_t
 *     char **           the last parameter only: the function may set it to what went wrong, made with
 *                       malloc; it is freed. `const char **` is not freed.
 *
 * Results are these numbers, void (null), `borrowed const char *` (not freed) and `owned char *` (made with
 * malloc, and freed); NULL is null. With "errno" or "status" behind an integer result a value other than 0 is
 * a failure, of the type of errno's name (ENOENT...) or NativeFailure, which the retry policy decides about;
 * 0 is null.
 *
 * The function runs on a thread of the engine, up to "activitySlots" calls at a time: it must be safe for
 * that, and must not throw or longjmp out. A signature that is not that of the function is not found out by
 * anybody.
 */
#ifndef DX_NATIVE_H
#define DX_NATIVE_H

#include "dx.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DX_NATIVE_PARAMETERS 32

typedef struct dx_native_error {
  dx_code code;
  int32_t position; /* the byte of the signature or the manifest that it is about; -1 for none */
  char message[500];
} dx_native_error;

/* symbol: "LIBRARY!FUNCTION" (as dlopen and dlsym take them; the library stays loaded), or "FUNCTION" of what
 * the process has loaded (one of the program itself needs -rdynamic, or dx_native_register_function). false:
 * *error (may be NULL) says why. Before dx_runtime_start. */
DX_API DX_CHECKED bool dx_native_register(dx_runtime *runtime, const char *name, const char *symbol,
                                          const char *signature, dx_native_error *error);
/* The same for a function by its address, which must stay good as long as the runtime. */
DX_API DX_CHECKED bool dx_native_register_function(dx_runtime *runtime, const char *name,
                                                   void (*function)(void), const char *signature,
                                                   dx_native_error *error);
/* manifest: JSON, [{"name", "library"?, "symbol", "signature"}...]; without a library the function is one of
 * the process. Nothing is registered before all of them have been found and read. */
DX_API DX_CHECKED bool dx_native_register_manifest(dx_runtime *runtime, const char *manifest,
                                                   dx_native_error *error);

/* A function without a runtime, for tests. */
typedef struct dx_native_function dx_native_function;
/* NULL: *error says why. name is for messages. */
DX_API DX_CHECKED dx_native_function *dx_native_prepare(const char *name, void (*function)(void),
                                                        const char *symbol, const char *signature,
                                                        dx_native_error *error);
/* arguments: JSON. true: *answer is the result, false: the "Failure"; JSON, to be given to free(), NULL when
 * memory is short. From any thread. */
DX_API DX_CHECKED bool dx_native_invoke(const dx_native_function *function, const char *arguments,
                                        char **answer);
/* Accepts NULL. */
DX_API void dx_native_free(dx_native_function *function);

#ifdef __cplusplus
}
#endif

#endif /* DX_NATIVE_H */
