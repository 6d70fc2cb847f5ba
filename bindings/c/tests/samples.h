#ifndef SAMPLES_H
#define SAMPLES_H

#include "dx_orchestration.h"

typedef struct sample {
  const char *name;
  dx_orch_fn run;
} sample;

/* The last one has no name. */
extern const sample samples[];

#endif /* SAMPLES_H */
