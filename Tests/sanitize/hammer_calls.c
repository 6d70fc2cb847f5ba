/* What the threads of the hammer call. Each call names the codes that it may come back with: anything else is
 * counted as unexpected. */
#include "hammer.h"

counts seen;
_Thread_local int inside;
atomic_int contest_wins[CONTESTS];
dx_store *main_store;
dx_client *main_client;

dx_code taken(dx_error *error, const char *call, const dx_code *expected) {
  dx_code code = dx_error_code(error);
  inside--;
  while (*expected != code && *expected != -1) expected++;
  if (*expected == -1 && atomic_fetch_add(&seen.unexpected, 1) < 20) {
    printf("hammer: %s: code %d: %s\n", call, (int)code, dx_error_message(error));
  }
  dx_error_free(error);
  return code;
}

void callback_began(const char *callback) {
  if (inside == 0) return;
  if (atomic_fetch_add(&seen.unexpected, 1) < 20) printf("hammer: %s came inside a call\n", callback);
}

void release_seen(void *user_data) {
  (void)user_data;
  callback_began("a release");
  atomic_fetch_add(&seen.releases_made, 1);
}

/* Each wait has a block of its own: a second callback would use it after it was freed. */
static void wait_seen(dx_error *error, dx_text result, void *user_data) {
  (void)result;
  callback_began("the end of a wait");
  dx_code code =
      TAKEN(error, "a wait", DX_TIMED_OUT, DX_NOT_FOUND, DX_CLOSED, DX_WRONG_STATUS, DX_UNSUPPORTED);
  *(dx_code *)user_data = code;
  free(user_data);
  atomic_fetch_add(&seen.waits_answered, 1);
}

static void *wait_block(void) {
  dx_code *block = malloc(sizeof *block);
  if (block == NULL) abort();
  *block = -1;
  atomic_fetch_add(&seen.waits_opened, 1);
  return block;
}

/* Takes the error of a call that may have opened a wait. */
static void opened(dx_error *error, const char *call, void *block) {
  if (TAKEN(error, call, DX_NOT_FOUND, DX_CLOSED, DX_WRONG_STATUS, DX_INVALID_HANDLE, DX_UNSUPPORTED) ==
      DX_OK) {
    return;
  }
  atomic_fetch_sub(&seen.waits_opened, 1);
  free(block);
}

/* ---- What a thread does ---------------------------------------------------------------------------------
 */

#define ANY_END DX_NOT_FOUND, DX_WRONG_STATUS, DX_CLOSED, DX_INVALID_HANDLE

void hammer_name(int thread, int number, char instance[64]) {
  snprintf(instance, 64, "i-%d-%d", thread, number);
}

/* One that this thread has started; returns its number. */
static int pick(hammer *h, char instance[64]) {
  int number = below(&h->state, h->count);
  hammer_name(h->number, number, instance);
  return number;
}

static void start_one(hammer *h) {
  char request[256], instance[64];
  dx_buffer out = {NULL, 0};
  int value = below(&h->state, 1000);
  hammer_name(h->number, h->count, instance);
  snprintf(request, sizeof request, "{\"orchestration\":\"work\",\"instance\":\"%s\",\"input\":%d}", instance,
           value);
  if (TAKEN(dx_client_start(main_client, text(request), &out), "start", DX_CLOSED, DX_INVALID_HANDLE) ==
      DX_OK) {
    h->starts[h->count] = (one_start){false, value};
    h->count++;
  }
  dx_buffer_free(&out);
}

static void start_three(hammer *h) {
  char requests[512] = "[";
  size_t size = 1;
  dx_buffer out = {NULL, 0};
  for (int i = 0; i < 3; i++) {
    size += (size_t)snprintf(requests + size, sizeof requests - size,
                             "%s{\"orchestration\":\"work\",\"instance\":\"i-%d-%d\",\"input\":%d}",
                             i > 0 ? "," : "", h->number, h->count + i, i);
  }
  snprintf(requests + size, sizeof requests - size, "]");
  if (TAKEN(dx_client_start_many(main_client, text(requests), &out), "start_many", DX_CLOSED,
            DX_INVALID_HANDLE) == DX_OK) {
    if (strstr(out.data, "\"error\"") != NULL) {
      if (atomic_fetch_add(&seen.unexpected, 1) < 20) printf("hammer: start_many: %s\n", out.data);
    } else {
      for (int i = 0; i < 3; i++) h->starts[h->count + i] = (one_start){false, i};
      h->count += 3;
    }
  }
  dx_buffer_free(&out);
}

/* All threads want the same few ids; each belongs to one. */
static void start_contested(hammer *h) {
  char request[128];
  dx_buffer out = {NULL, 0};
  int contest = below(&h->state, CONTESTS);
  snprintf(request, sizeof request, "{\"orchestration\":\"work\",\"instance\":\"contest-%d\",\"input\":7}",
           contest);
  dx_code code = TAKEN(dx_client_start(main_client, text(request), &out), "contested start",
                       DX_ALREADY_EXISTS, DX_CLOSED, DX_INVALID_HANDLE);
  if (code == DX_OK) atomic_fetch_add(&contest_wins[contest], 1);
  dx_buffer_free(&out);
}

static void change_one(hammer *h) {
  char request[160], instance[64];
  int number = pick(h, instance);
  dx_buffer out = {NULL, 0};
  switch (below(&h->state, 6)) {
    case 0: {
      dx_code code = TAKEN(dx_client_cancel(main_client, text(instance), text("enough")), "cancel", ANY_END);
      if (code == DX_OK) h->starts[number].cancelled = true;
      break;
    }
    case 1:
      TAKEN(dx_client_enqueue(main_client, text(instance), text("q"), text("[1,2]")), "enqueue", ANY_END);
      break;
    case 2:
      snprintf(request, sizeof request, "{\"instance\":\"%s\",\"operation\":\"%s\"}", instance,
               below(&h->state, 2) == 0 ? "suspend" : "resume");
      TAKEN(dx_client_control(main_client, text(request), &out), "control", ANY_END);
      break;
    default:
      TAKEN(dx_client_raise_event(main_client, text(instance), text("go"), text("1")), "raise", ANY_END);
  }
  dx_buffer_free(&out);
}

static void look_at_one(hammer *h) {
  char instance[64];
  static const char *operations[] = {"inspect", "why", "executions", "tree", "ancestors"};
  char request[160];
  dx_buffer out = {NULL, 0};
  (void)pick(h, instance);
  snprintf(request, sizeof request, "{\"instance\":\"%s\"}", instance);
  switch (below(&h->state, 5)) {
    case 0:
      TAKEN(dx_client_describe(main_client, text(instance), &out), "describe", ANY_END);
      break;
    case 1:
      TAKEN(dx_client_history(main_client, text(request), &out), "history", ANY_END);
      break;
    case 2:
      TAKEN(dx_client_kv(main_client, text(request), &out), "kv", ANY_END);
      break;
    default:
      snprintf(request, sizeof request, "{\"operation\":\"%s\",\"instance\":\"%s\"}",
               operations[below(&h->state, 5)], instance);
      TAKEN(dx_client_manage(main_client, text(request), &out), "manage an instance", ANY_END);
  }
  dx_buffer_free(&out);
}

static void look_at_all(hammer *h) {
  static const char *requests[] = {"{\"operation\":\"nodes\"}", "{\"operation\":\"statistics\"}",
                                   "{\"operation\":\"queues\"}", "{\"operation\":\"retention\"}",
                                   "{\"operation\":\"audit\",\"limit\":5}"};
  dx_buffer out = {NULL, 0};
  switch (below(&h->state, 8)) {
    case 0:
      TAKEN(dx_client_list(main_client, text("{\"limit\":20}"), &out), "list", ANY_END);
      break;
    case 1:
      TAKEN(dx_store_clock(main_store, &out), "clock", ANY_END);
      break;
    case 2:
      TAKEN(dx_store_metrics(main_store, text("{\"format\":\"openmetrics\"}"), &out), "metrics", ANY_END);
      break;
    case 3:
      TAKEN(dx_store_metrics(main_store, text(""), &out), "metrics", ANY_END);
      break;
    default:
      TAKEN(dx_client_manage(main_client, text(requests[below(&h->state, 5)]), &out), "manage", ANY_END);
  }
  dx_buffer_free(&out);
}

static void wait_through(hammer *h, dx_client *client) {
  char request[160], instance[64];
  (void)pick(h, instance);
  int64_t limit = below(&h->state, 50);
  void *block = wait_block();
  snprintf(request, sizeof request, "{\"instance\":\"%s\",\"name\":\"q\"}", instance);
  switch (below(&h->state, 5)) {
    case 0:
      opened(dx_client_wait_status(client, text(instance), 0, limit, wait_seen, block), "wait_status", block);
      break;
    case 1:
      snprintf(request, sizeof request, "{\"instance\":\"%s\",\"after\":3}", instance);
      opened(dx_client_wait_history(client, text(request), limit, wait_seen, block), "wait_history", block);
      break;
    case 2:
      opened(dx_client_call(client, text(request), limit, wait_seen, block), "call", block);
      break;
    case 3:
      opened(dx_client_query(client, text(request), limit, wait_seen, block), "query", block);
      break;
    default:
      opened(dx_client_wait(client, text(instance), limit, wait_seen, block), "wait", block);
  }
}

static void wait_for_one(hammer *h) { wait_through(h, main_client); }

/* A client that is freed with a wait open, and used afterwards. */
static void come_and_go(hammer *h) {
  dx_client *client = NULL;
  dx_buffer out = {NULL, 0};
  if (TAKEN(dx_client_new(main_store, &client), "client_new", DX_CLOSED, DX_INVALID_HANDLE) != DX_OK) return;
  wait_through(h, client);
  CALLED(dx_client_free(client));
  TAKEN(dx_client_describe(client, text("a"), &out), "a freed client", DX_INVALID_HANDLE);
  if (out.data != NULL) atomic_fetch_add(&seen.unexpected, 1);
  CALLED(dx_client_free(client));
}

static void another_store(hammer *h) {
  dx_store *other = NULL;
  dx_client *client = NULL;
  dx_buffer out = {NULL, 0};
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  TAKEN(dx_store_open(&options, &other), "another store", DX_OK);
  server *server = server_start(other, 0);
  TAKEN(dx_client_new(other, &client), "its client", DX_OK);
  CALLED(dx_store_close(other));
  TAKEN(dx_client_start(client, text("{\"orchestration\":\"work\",\"instance\":\"a\"}"), &out), "start there",
        DX_OK);
  dx_buffer_free(&out);
  void *block = wait_block();
  opened(dx_client_wait(client, text("a"), -1, wait_seen, block), "wait there", block);
  TAKEN(dx_client_raise_event(client, text("a"), text("go"), text("")), "event there", DX_OK);
  if (below(&h->state, 2) == 0) CALLED(dx_client_free(client));
  server_end(server, below(&h->state, 2) == 0 ? 0 : -1);
  CALLED(dx_client_free(client));
}

static void simulate(hammer *h) {
  char config[256];
  dx_simulation *simulation = NULL;
  dx_buffer out = {NULL, 0};
  snprintf(config, sizeof config,
           "{\"seed\":%d,\"orchestrations\":[{\"name\":\"work\"}],\"script\":[{\"start\":{\"orchestration\":"
           "\"work\",\"instance\":\"a\"}}]}",
           below(&h->state, 1000));
  if (TAKEN(dx_simulation_new(text(config), &simulation), "simulation", DX_OK) != DX_OK) return;
  TAKEN(dx_simulation_step(simulation, text(""), &out), "step", DX_OK);
  dx_buffer_free(&out);
  CALLED(dx_simulation_free(simulation));
  TAKEN(dx_simulation_step(simulation, text(""), &out), "a freed simulation", DX_INVALID_HANDLE);
}

/* Handles and tokens that never were, or are no more. */
static void misuse(hammer *h) {
  uintptr_t number = (uintptr_t)next_random(&h->state) >> below(&h->state, 64);
  dx_buffer out = {NULL, 0};
  dx_text input;
#define REFUSED DX_INVALID_HANDLE, DX_INVALID_ARGUMENT
  TAKEN(dx_turn_input((dx_turn *)number, &input), "a made up turn", REFUSED);
  TAKEN(dx_activity_defer((dx_activity *)(number & ~(uintptr_t)7)), "a made up activity", REFUSED);
  TAKEN(dx_client_describe((dx_client *)main_store, text("a"), &out), "a store as a client", REFUSED);
  TAKEN(dx_client_complete_activity(main_client, text("1.2.3"), text("1")), "a made up token", REFUSED,
        DX_STALE, DX_NOT_FOUND, DX_CLOSED);
  TAKEN(dx_client_manage(main_client, text("{\"operation\":\"nothing\"}"), &out), "no such operation",
        REFUSED, DX_UNSUPPORTED, DX_CLOSED);
  dx_buffer_free(&out);
}

static void log_line(dx_text record, void *user_data) {
  (void)user_data;
  if (record.size == 0) atomic_fetch_add(&seen.unexpected, 1);
}

static void log_lines(hammer *h) {
  atomic_fetch_add(&seen.releases_owed, 1);
  dx_log_fn log = below(&h->state, 2) == 0 ? log_line : NULL;
  TAKEN(dx_log_set(text("{\"level\":\"debug\"}"), log, NULL, release_seen), "log", DX_OK);
}

void hammer_once(hammer *h) {
  static const struct {
    int upto; /* of a hundred */
    void (*call)(hammer *h);
  } calls[] = {{22, start_one},   {28, start_three},  {32, start_contested}, {62, change_one},
               {74, look_at_one}, {82, wait_for_one}, {88, look_at_all},     {91, come_and_go},
               {93, simulate},    {97, misuse},       {98, another_store},   {100, log_lines}};
  int choice = h->count > 0 ? below(&h->state, 100) : 0, place = 0;
  while (choice >= calls[place].upto) place++;
  atomic_fetch_add(&seen.calls, 1);
  calls[place].call(h);
}
