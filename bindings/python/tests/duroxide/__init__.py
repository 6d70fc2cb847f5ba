"""The API of `perdure.duroxide`, one test for each fact that programs rely on."""
