#include "CFuzzer.h"

// libFuzzer's own main refers to it. Ours takes its place, and drives what it was asked for.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)data;
    (void)size;
    return 0;
}
