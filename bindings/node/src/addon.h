/* The Node binding in C: what its files share.
 *
 * The addon knows nothing of JSON. It makes the calls of include/dx.h that may wait on threads of its own,
 * and brings what comes back to the event loop of the environment (the main thread, or a worker thread) that
 * asked.
 *
 *   library.c   libdx, loaded at run time
 *   mailbox.c   from any thread to the event loop
 *   pool.c      threads for calls that may wait
 *   calls.c     the calls: on the pool, or at once
 *   poller.c    one runtime: work to the loop, answers to the engine
 *   addon.c     the functions that JavaScript sees
 */
#ifndef PERDURE_ADDON_H
#define PERDURE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dx.h"

/* ---- Library ------------------------------------------------------------------------------------------- */

/* The functions of the loaded library. */
typedef struct dx_api {
#define DX_FUNCTION(name) __typeof__(&dx_##name) name;
#include "functions.h"
#undef DX_FUNCTION
} dx_api;

/* Once for the process. NULL and a sentence in message (of that size) if it cannot be loaded. */
const dx_api *library_load(const char *path, char *message, size_t size);

/* ---- Messages to the event loop ------------------------------------------------------------------------ */

typedef enum message_kind {
  MESSAGE_ANSWER, /* of the request `id` */
  MESSAGE_WORK,   /* of the poller `id` */
  MESSAGE_REPLY,  /* to answers handed in by the poller `id`, if there is something in it */
  MESSAGE_LOG,
  MESSAGE_MORE,    /* there is more: ask for it with `more` */
  MESSAGE_PASSWORD /* `handle` asks for the password of the store `id`; without one, nobody will ask again */
} message_kind;

typedef struct message {
  struct message *next;
  message_kind kind;
  uint32_t id;
  int32_t code; /* DX_OK: text is the answer; else text is the sentence and details its data */
  bool transient;
  bool has_handle;
  uint64_t handle;
  char *text;
  size_t size;
  char *details;
} message;

typedef struct environment environment;

/* A message without text, NULL without memory. */
message *message_new(message_kind kind, uint32_t id);
/* Copies. False without memory. */
bool message_set_text(message *message, const char *text, size_t size);
/* Takes over what is said by error, and frees it. */
void message_set_error(message *message, const dx_api *dx, dx_error *error);
void message_free(message *message);

/* ---- Environment: one event loop ----------------------------------------------------------------------- */

typedef struct job job;
typedef struct poller poller;

typedef enum handle_kind { HANDLE_STORE, HANDLE_CLIENT, HANDLE_RUNTIME, HANDLE_SIMULATION } handle_kind;

typedef struct live_handle {
  handle_kind kind;
  uint64_t value;
} live_handle;

/* Counted: held by Node, by each thread, and by each callback that is still to come. */
struct environment {
  atomic_int references;
  const dx_api *dx;

  /* The loop's thread only. */
  napi_env env;
  napi_ref deliver;
  int held; /* what is under way and keeps the process alive */
  live_handle *handles;
  size_t handle_count, handle_capacity;
  poller *pollers;

  /* Mailbox; `loop` is used under the lock and while `open` only. */
  pthread_mutex_t lock;
  bool open;
  napi_threadsafe_function loop;
  message *first, *last;

  /* Pool. */
  pthread_mutex_t pool_lock;
  pthread_cond_t pool_wakes;
  job *job_first, *job_last;
  int threads, idle;
  bool pool_ends;
};

environment *environment_retain(environment *environment);
void environment_release(environment *environment);

/* From any thread; takes the message over. */
void mailbox_post(environment *environment, message *message);
/* Opens the mailbox on the loop. deliver(kind, id, code, text, details, transient, handle) gets the messages.
 */
napi_status mailbox_open(environment *environment, napi_value deliver);
/* Delivers some of what has come; true when there is more. The loop's thread only. */
bool mailbox_deliver(environment *environment);
/* Nothing comes any more. */
void mailbox_close(environment *environment);
/* Keep the process alive, or no longer. The loop's thread only. */
void environment_hold(environment *environment);
void environment_let_go(environment *environment);

/* Handles to free when the environment goes. The loop's thread only. */
bool handle_add(environment *environment, handle_kind kind, uint64_t value);
/* Frees it if it is there. */
void handle_free(environment *environment, handle_kind kind, uint64_t value);
void handle_free_all(environment *environment);

/* ---- Pool ---------------------------------------------------------------------------------------------- */

struct job {
  job *next;
  environment *environment; /* retained */
  int function;             /* of the table in calls.c */
  uint32_t id;
  uint64_t handle;
  int64_t numbers[2];
  dx_text texts[2]; /* owned */
};

void job_free(job *job);
/* Takes the job over. False without a thread to run it: nothing was done. */
bool pool_run(environment *environment, job *job);
void pool_end(environment *environment);

/* ---- Calls --------------------------------------------------------------------------------------------- */

/* -1 for none. */
int call_find(const char *name);
/* On a thread of the pool. Posts the answer, or arranges that a callback does. */
void call_run(job *job);

/* ---- Poller -------------------------------------------------------------------------------------------- */

/* Begins to poll; NULL without memory or threads. The loop's thread only, like all that follow. */
poller *poller_new(environment *environment, uint32_t id, uint64_t runtime, int32_t turns,
                   int32_t activities);
poller *poller_find(environment *environment, uint32_t id);
/* One batch of work was taken: another may come. */
void poller_took(poller *poller);
/* Answers for the engine; takes the text over. */
bool poller_answer(poller *poller, char *text, size_t size);
/* What was answered is handed in, then the threads end. The poller is gone for the caller. */
void poller_end(poller *poller);
void poller_end_all(environment *environment);

#endif
