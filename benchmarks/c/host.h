/* A host in C for the benchmarks: one orchestration that schedules `total` activities, `width` at a time, or
 * waits for ever, with live state between turns like the coroutines of a language that has them. */
#ifndef HOST_H
#define HOST_H

#include "dx.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct host {
  dx_store *store;
  dx_client *client;
  dx_runtime *runtime;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int ended;        /* waits that were answered */
  atomic_int turns; /* turns that were answered */
} host;

/* Opens the store, registers "hello", "chain", "fan" and "park", and starts. Ends the program on an error. */
void host_start(host *host, const char *url);
void host_free(host *host);

/* Starts `count` instances in one call each `batch`, with ids PREFIX0... and `total` as input. */
void host_start_many(host *host, const char *orchestration, const char *prefix, int count, int total);
/* Waits for the ends of `count` of them. */
void host_wait_many(host *host, const char *prefix, int count);

/* Ends the program with the message of an error. */
void host_check(dx_error *error);
double seconds_now(void);

#endif /* HOST_H */
