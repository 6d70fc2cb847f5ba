/* The shapes that bindings rely on. */
#include "dx.h"

_Static_assert(sizeof(dx_code) == 4, "error codes are 32 bits wide");
_Static_assert(sizeof(dx_text) == 2 * sizeof(void *), "dx_text is a pointer and a size");
_Static_assert(sizeof(dx_buffer) == 2 * sizeof(void *), "dx_buffer is a pointer and a size");
_Static_assert(offsetof(dx_store_options, url) == sizeof(size_t), "struct_size comes first");
_Static_assert(offsetof(dx_runtime_options, config) == sizeof(size_t), "struct_size comes first");
