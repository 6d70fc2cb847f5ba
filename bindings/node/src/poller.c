/* One runtime in pull mode, on two threads: one waits for work and brings it to the loop, the other hands
 * answers in, so that the loop does neither. Batches that the loop has not taken are bounded.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addon.h"

enum {
  BATCHES = 2,     /* on their way to the loop */
  POLL_MS = 60000, /* one call waits so long; a stop wakes it */
  RETRY_MS = 20    /* after an error that may pass */
};

typedef struct answers {
  struct answers *next;
  char *text;
  size_t size;
} answers;

struct poller {
  poller *next; /* of the environment; the loop's thread only */
  uint32_t id;
  environment *environment;
  dx_runtime *runtime;
  int32_t turns, activities;
  atomic_int references; /* the loop and the threads */

  pthread_mutex_t lock;
  pthread_cond_t taken, answered;
  int batches;
  bool ended;
  answers *first, *last;
};

static void release(poller *poller) {
  if (atomic_fetch_sub(&poller->references, 1) != 1) return;
  while (poller->first) {
    answers *answers = poller->first;
    poller->first = answers->next;
    free(answers->text);
    free(answers);
  }
  pthread_mutex_destroy(&poller->lock);
  pthread_cond_destroy(&poller->taken);
  pthread_cond_destroy(&poller->answered);
  environment_release(poller->environment);
  free(poller);
}

static void pause_after_error(void) {
  struct timespec pause = {0, RETRY_MS * 1000000L};
  nanosleep(&pause, NULL);
}

/* Posts what a poll brought. False when polling cannot go on. */
static bool post(poller *poller, message_kind kind, dx_error *error, dx_buffer *out) {
  const dx_api *dx = poller->environment->dx;
  message *message = message_new(kind, poller->id);
  bool go_on = true;
  if (message && error) {
    go_on = dx->error_is_transient(error);
    message_set_error(message, dx, error);
  } else if (error) {
    dx->error_free(error);
  } else if (message && !message_set_text(message, out->data, out->size)) {
    message->code = DX_INTERNAL;
  }
  dx->buffer_free(out);
  mailbox_post(poller->environment, message);
  return go_on;
}

static void *take_work(void *argument) {
  poller *poller = argument;
  const dx_api *dx = poller->environment->dx;
  for (;;) {
    pthread_mutex_lock(&poller->lock);
    while (poller->batches >= BATCHES && !poller->ended) pthread_cond_wait(&poller->taken, &poller->lock);
    bool ended = poller->ended;
    poller->batches++;
    pthread_mutex_unlock(&poller->lock);
    if (ended) break;
    dx_buffer out = {NULL, 0};
    dx_error *error = dx->runtime_poll(poller->runtime, (dx_text){NULL, 0}, poller->turns, poller->activities,
                                       POLL_MS, &out);
    bool failed = error != NULL;
    if (!post(poller, MESSAGE_WORK, error, &out)) break;
    if (failed) pause_after_error();
  }
  release(poller);
  return NULL;
}

/* An answer without news, which is not brought to the loop. */
static bool says_nothing(const dx_buffer *out) {
  static const char nothing[] =
      "{\"v\":1,\"stopped\":false,\"turns\":[],\"activities\":[],\"cancelled\":[],\"refused\":[]}";
  return out->size == sizeof nothing - 1 && memcmp(out->data, nothing, out->size) == 0;
}

static void *hand_in(void *argument) {
  poller *poller = argument;
  const dx_api *dx = poller->environment->dx;
  for (;;) {
    pthread_mutex_lock(&poller->lock);
    while (!poller->first && !poller->ended) pthread_cond_wait(&poller->answered, &poller->lock);
    answers *answers = poller->first;
    if (answers && !(poller->first = answers->next)) poller->last = NULL;
    pthread_mutex_unlock(&poller->lock);
    if (!answers) break;
    dx_buffer out = {NULL, 0};
    dx_text text = {answers->text, answers->size};
    dx_error *error = dx->runtime_poll(poller->runtime, text, 0, 0, 0, &out);
    if (!error && says_nothing(&out))
      dx->buffer_free(&out);
    else
      post(poller, MESSAGE_REPLY, error, &out);
    free(answers->text);
    free(answers);
  }
  release(poller);
  return NULL;
}

static bool start_thread(poller *poller, void *(*run)(void *)) {
  pthread_t thread;
  atomic_fetch_add(&poller->references, 1);
  if (pthread_create(&thread, NULL, run, poller) != 0) {
    atomic_fetch_sub(&poller->references, 1);
    return false;
  }
  pthread_detach(thread);
  return true;
}

poller *poller_new(environment *environment, uint32_t id, uint64_t runtime, int32_t turns,
                   int32_t activities) {
  poller *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->id = id;
  made->environment = environment_retain(environment);
  made->runtime = (dx_runtime *)(uintptr_t)runtime;
  made->turns = turns;
  made->activities = activities;
  atomic_init(&made->references, 1);
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->taken, NULL);
  pthread_cond_init(&made->answered, NULL);
  made->next = environment->pollers;
  environment->pollers = made;
  if (!start_thread(made, hand_in) || !start_thread(made, take_work)) {
    poller_end(made);
    return NULL;
  }
  return made;
}

poller *poller_find(environment *environment, uint32_t id) {
  poller *found = environment->pollers;
  while (found && found->id != id) found = found->next;
  return found;
}

void poller_took(poller *poller) {
  pthread_mutex_lock(&poller->lock);
  /* Waking a thread is dear: only one that waits. */
  if (poller->batches == BATCHES) pthread_cond_signal(&poller->taken);
  if (poller->batches > 0) poller->batches--;
  pthread_mutex_unlock(&poller->lock);
}

bool poller_answer(poller *poller, char *text, size_t size) {
  answers *made = malloc(sizeof *made);
  if (!made) {
    free(text);
    return false;
  }
  *made = (answers){NULL, text, size};
  pthread_mutex_lock(&poller->lock);
  if (!poller->first) pthread_cond_signal(&poller->answered);
  if (poller->last)
    poller->last->next = made;
  else
    poller->first = made;
  poller->last = made;
  pthread_mutex_unlock(&poller->lock);
  return true;
}

void poller_end(poller *ending) {
  poller **place = &ending->environment->pollers;
  while (*place && *place != ending) place = &(*place)->next;
  if (*place) *place = ending->next;
  pthread_mutex_lock(&ending->lock);
  ending->ended = true;
  pthread_cond_broadcast(&ending->taken);
  pthread_cond_broadcast(&ending->answered);
  pthread_mutex_unlock(&ending->lock);
  release(ending);
}

void poller_end_all(environment *environment) {
  while (environment->pollers) poller_end(environment->pollers);
}
