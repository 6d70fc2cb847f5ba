/* Compiled as C and as C++, in every dialect: the header needs nothing before it, and its shapes can be used.
 */
#include "dx.h"

static void released(void *user_data) { (void)user_data; }

int main(void) {
  dx_store_options store = DX_STORE_OPTIONS_INIT;
  dx_runtime_options runtime = DX_RUNTIME_OPTIONS_INIT;
  dx_release_fn release = released;
  dx_code code = DX_OK;
  release(&store);
  return store.struct_size == sizeof store && runtime.struct_size == sizeof runtime && code == 0 ? 0 : 1;
}
