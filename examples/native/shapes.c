/* A library that knows nothing of Perdure: what any company has lying around. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double circle_area(double radius) { return 3.141592653589793 * radius * radius; }

/* 0, or -1 with errno. */
int check_stock(const char *article, uint32_t count) {
  errno = strcmp(article, "unicorn") == 0 ? ENODEV : count > 100 ? EAGAIN : 0;
  return errno == 0 ? 0 : -1;
}

/* Made with malloc. *error as well, if there is one. */
char *label(const char *name, int64_t number, char **error) {
  char text[200];
  if (*name == '\0') {
    *error = strdup("a label needs a name");
    return NULL;
  }
  snprintf(text, sizeof text, "%.100s no. %lld", name, (long long)number);
  return strdup(text);
}

/* The sum of the bytes, as old protocols have it. */
uint8_t checksum(const void *data, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
  return (uint8_t)sum;
}
