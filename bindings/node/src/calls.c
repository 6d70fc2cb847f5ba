/* The calls that may wait: each runs on a thread of the pool, and its answer goes to the event loop. Calls
 * with a callback are begun there, too: some of them write to the store first.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

typedef enum shape {
  TEXT_BUFFER,      /* (handle, text, out) */
  TEXT_TEXT_BUFFER, /* (handle, text, text, out) */
  TEXT_TEXT,        /* (handle, text, text) */
  TEXT_MS_DONE,     /* (handle, text, int64, done) */
  TEXT_N_MS_DONE,   /* (handle, text, int64, int64, done) */
  MS_MS_DONE,       /* (handle, int64, int64, done) */
  OPEN,             /* (url, config) -> a store; int64: the number of its password, 0 for none */
  START,            /* (runtime) */
  STOP              /* (runtime, int64, stopped) */
} shape;

typedef dx_error *(*text_buffer_fn)(void *, dx_text, dx_buffer *);
typedef dx_error *(*text_text_buffer_fn)(void *, dx_text, dx_text, dx_buffer *);
typedef dx_error *(*text_text_fn)(void *, dx_text, dx_text);
typedef dx_error *(*text_ms_done_fn)(void *, dx_text, int64_t, dx_wait_fn, void *);
typedef dx_error *(*text_n_ms_done_fn)(void *, dx_text, int64_t, int64_t, dx_wait_fn, void *);
typedef dx_error *(*ms_ms_done_fn)(void *, int64_t, int64_t, dx_wait_fn, void *);

static const struct {
  const char *name;
  shape shape;
  size_t function;
} calls[] = {
#define CALL(name, shape) {#name, shape, offsetof(dx_api, name)}
    CALL(store_open, OPEN),
    CALL(store_advance_clock, MS_MS_DONE),
    CALL(client_start, TEXT_BUFFER),
    CALL(client_start_many, TEXT_BUFFER),
    CALL(client_send, TEXT_BUFFER),
    CALL(client_publish, TEXT_TEXT_BUFFER),
    CALL(client_control, TEXT_BUFFER),
    CALL(client_describe, TEXT_BUFFER),
    CALL(client_history, TEXT_BUFFER),
    CALL(client_list, TEXT_BUFFER),
    CALL(client_delete, TEXT_BUFFER),
    CALL(client_kv, TEXT_BUFFER),
    CALL(client_manage, TEXT_BUFFER),
    CALL(client_complete_activity, TEXT_TEXT),
    CALL(client_fail_activity, TEXT_TEXT),
    CALL(client_heartbeat_activity, TEXT_TEXT),
    CALL(client_wait, TEXT_MS_DONE),
    CALL(client_wait_status, TEXT_N_MS_DONE),
    CALL(client_wait_history, TEXT_MS_DONE),
    CALL(client_call, TEXT_MS_DONE),
    CALL(client_query, TEXT_MS_DONE),
    CALL(runtime_start, START),
    CALL(runtime_stop, STOP),
    CALL(history_replay, TEXT_MS_DONE),
    CALL(runtime_preflight, TEXT_MS_DONE),
#undef CALL
};

int call_find(const char *name) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(calls[i].name, name) == 0) return (int)i;
  }
  return -1;
}

/* ---- Answers that come later --------------------------------------------------------------------------- */

/* What a callback needs; owned by it. */
typedef struct waiting {
  environment *environment;
  message *answer;
} waiting;

static waiting *waiting_new(const job *job, message *answer) {
  waiting *made = malloc(sizeof *made);
  if (made) *made = (waiting){environment_retain(job->environment), answer};
  return made;
}

static void waiting_free(waiting *waiting) {
  environment_release(waiting->environment);
  free(waiting);
}

static void no_memory(message *answer) {
  answer->code = DX_INTERNAL;
  answer->transient = true;
}

/* On a thread of the engine. */
static void on_done(dx_error *error, dx_text result, void *user_data) {
  waiting *waiting = user_data;
  message *answer = waiting->answer;
  if (error)
    message_set_error(answer, waiting->environment->dx, error);
  else if (!message_set_text(answer, result.data, result.size))
    no_memory(answer);
  mailbox_post(waiting->environment, answer);
  waiting_free(waiting);
}

static void on_stopped(void *user_data) {
  waiting *waiting = user_data;
  mailbox_post(waiting->environment, waiting->answer);
  waiting_free(waiting);
}

/* True when a callback will answer. */
static bool begin(job *job, shape shape, void *function, message *answer) {
  waiting *waiting = waiting_new(job, answer);
  if (!waiting) {
    no_memory(answer);
    return false;
  }
  void *handle = (void *)(uintptr_t)job->handle;
  const int64_t *numbers = job->numbers;
  dx_error *error = NULL;
  switch (shape) {
    case TEXT_MS_DONE:
      error = ((text_ms_done_fn)function)(handle, job->texts[0], numbers[0], on_done, waiting);
      break;
    case TEXT_N_MS_DONE:
      error = ((text_n_ms_done_fn)function)(handle, job->texts[0], numbers[0], numbers[1], on_done, waiting);
      break;
    case MS_MS_DONE:
      error = ((ms_ms_done_fn)function)(handle, numbers[0], numbers[1], on_done, waiting);
      break;
    default:
      error = job->environment->dx->runtime_stop(handle, numbers[0], on_stopped, waiting);
      break;
  }
  if (!error) return true;
  /* Then the callback never comes. */
  waiting_free(waiting);
  message_set_error(answer, job->environment->dx, error);
  return false;
}

/* ---- Answers that come at once ------------------------------------------------------------------------- */

static void ask(job *job, shape shape, void *function, message *answer) {
  const dx_api *dx = job->environment->dx;
  void *handle = (void *)(uintptr_t)job->handle;
  dx_buffer out = {NULL, 0};
  dx_error *error = NULL;
  if (shape == TEXT_BUFFER)
    error = ((text_buffer_fn)function)(handle, job->texts[0], &out);
  else if (shape == TEXT_TEXT_BUFFER) {
    error = ((text_text_buffer_fn)function)(handle, job->texts[0], job->texts[1], &out);
  } else if (shape == TEXT_TEXT)
    error = ((text_text_fn)function)(handle, job->texts[0], job->texts[1]);
  else
    error = dx->runtime_start(handle);
  if (error)
    message_set_error(answer, dx, error);
  else if (!message_set_text(answer, out.data, out.size))
    no_memory(answer);
  dx->buffer_free(&out);
}

/* Of whom the password of a store is asked; owned by its callback. */
typedef struct asking {
  environment *environment;
  uint32_t id;
} asking;

static void post_password(asking *asking, dx_password *request) {
  const dx_api *dx = asking->environment->dx;
  message *question = message_new(MESSAGE_PASSWORD, asking->id);
  if (question) {
    question->handle = (uint64_t)(uintptr_t)request;
    mailbox_post(asking->environment, question);
  } else if (request)
    dx->error_free(dx->password_fail(request, (dx_text){"there is no memory.", DX_NUL_TERMINATED}));
}

/* On a thread of the engine. */
static void on_password(dx_password *request, void *user_data) { post_password(user_data, request); }

static void on_password_release(void *user_data) {
  asking *asking = user_data;
  post_password(asking, NULL);
  environment_release(asking->environment);
  free(asking);
}

static dx_error *open_with_password(job *job, const dx_store_options *options, dx_store **store) {
  asking *made = malloc(sizeof *made);
  /* Without it the answer is that there is no function to ask. */
  if (made) *made = (asking){environment_retain(job->environment), (uint32_t)job->numbers[0]};
  return job->environment->dx->store_open_with_password(options, made ? on_password : NULL, made,
                                                        made ? on_password_release : NULL, store);
}

static void open_store(job *job, message *answer) {
  const dx_api *dx = job->environment->dx;
  dx_store_options options = {sizeof options, job->texts[0], job->texts[1]};
  dx_store *store = NULL;
  dx_error *error =
      job->numbers[0] ? open_with_password(job, &options, &store) : dx->store_open(&options, &store);
  if (error)
    message_set_error(answer, dx, error);
  else {
    answer->handle = (uint64_t)(uintptr_t)store;
    answer->has_handle = true;
  }
}

void call_run(job *job) {
  message *answer = message_new(MESSAGE_ANSWER, job->id);
  /* Without memory for a few bytes nobody can be told. */
  if (!answer) return;
  void *function = *(void **)((char *)(uintptr_t)job->environment->dx + calls[job->function].function);
  switch (calls[job->function].shape) {
    case TEXT_MS_DONE:
    case TEXT_N_MS_DONE:
    case MS_MS_DONE:
    case STOP:
      if (begin(job, calls[job->function].shape, function, answer)) return;
      break;
    case OPEN:
      open_store(job, answer);
      break;
    default:
      ask(job, calls[job->function].shape, function, answer);
      break;
  }
  mailbox_post(job->environment, answer);
}
