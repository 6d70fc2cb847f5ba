// libFuzzer as a library: https://llvm.org/docs/LibFuzzer.html#using-libfuzzer-as-a-library
#include <stddef.h>
#include <stdint.h>

// The type of main's arguments, since it may change them; returns the status of the process.
int LLVMFuzzerRunDriver(
    int *count, char ***arguments, int (*test_one_input)(const uint8_t *data, size_t size));
