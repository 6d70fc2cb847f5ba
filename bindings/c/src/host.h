/* The live executions of one orchestration, and how a turn request becomes an answer. */
#ifndef HOST_H
#define HOST_H

#include "dx_orchestration.h"
#include "memory.h"

typedef struct host host;

/* NULL when memory is short. */
host *host_new(dx_orch_fn run, const dx_orch_options *options);
/* A dx_release_fn. */
void host_free(void *host);
/* Adds the "Turn answer" to `out`, or the "Failure" with which the turn is to be given back to `failure`. */
void host_answer(host *host, dx_text request, growing_text *out, growing_text *failure);

#endif /* HOST_H */
