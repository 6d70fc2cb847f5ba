/* The parts of the hammer: a host that answers from many threads (hammer_host.c), the
 * calls (hammer_calls.c), and who judges (hammer.c). */
#ifndef HAMMER_H
#define HAMMER_H

#include "dx.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What has happened, counted by whoever sees it. */
typedef struct counts {
  atomic_int waits_opened, waits_answered;         /* calls with a callback that were accepted; callbacks */
  atomic_int releases_owed, releases_made;         /* calls that took a release; releases */
  atomic_int turns, activities, calls, unexpected; /* unexpected: a code that does not fit the call */
} counts;

/* Ids that all threads want; how often each was given. */
#define CONTESTS 64

typedef struct one_start {
  bool cancelled; /* acknowledged */
  int value;
} one_start;

/* One thread: its starts are those that were acknowledged, by number. */
typedef struct hammer {
  int number, count;
  uint64_t state;
  one_start *starts;
} hammer;

extern counts seen;
extern atomic_int contest_wins[CONTESTS];
extern dx_store *main_store;
extern dx_client *main_client;

/* Makes a call chosen by chance; starts at most three instances. */
void hammer_once(hammer *h);
void hammer_name(int thread, int number, char instance[64]);

static inline dx_text text(const char *string) {
  dx_text text = {string, DX_NUL_TERMINATED};
  return text;
}

/* A generator for each thread: SplitMix64. */
static inline uint64_t next_random(uint64_t *state) {
#if defined(__clang__)
  /* Wraps by intent, which the integer sanitizer is told by the builtins. */
  uint64_t x;
  (void)__builtin_add_overflow(*state, 0x9e3779b97f4a7c15ULL, state);
  x = *state;
  (void)__builtin_mul_overflow(x ^ (x >> 30), 0xbf58476d1ce4e5b9ULL, &x);
  (void)__builtin_mul_overflow(x ^ (x >> 27), 0x94d049bb133111ebULL, &x);
#else
  uint64_t x = (*state += 0x9e3779b97f4a7c15ULL);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
#endif
  return x ^ (x >> 31);
}

static inline int below(uint64_t *state, int limit) { return (int)(next_random(state) % (uint64_t)limit); }

/* Frees the error and returns its code. One that is not among `expected` (ended by -1) is printed. */
dx_code taken(dx_error *error, const char *call, const dx_code *expected);
#define TAKEN(error, call, ...) (inside++, taken(error, call, (const dx_code[]){DX_OK, __VA_ARGS__, -1}))
/* A call that returns nothing. */
#define CALLED(call) (inside++, (call), inside--)

/* How deep this thread is inside calls of the library: no callback may come there. */
extern _Thread_local int inside;
void callback_began(const char *callback);

/* A runtime on `store` with the orchestration `work` and the activity `echo`, started. With callbacks, or
 * polled by `pollers` threads of its own. NULL when the store is closed. */
typedef struct server server;
server *server_start(dx_store *store, int pollers);
/* Stops it, waits for that, frees it, and waits for its threads. grace_ms < 0: frees it without stopping. */
void server_end(server *server, int64_t grace_ms);

/* The thread that answers what was not answered inside a callback. */
void finisher_start(void);
void finisher_end(void);

/* A dx_release_fn that is counted. */
void release_seen(void *user_data);

#endif /* HAMMER_H */
