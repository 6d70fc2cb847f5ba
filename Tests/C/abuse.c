/* Every exported function with every kind of bad argument, from one thread and from eight, inside callbacks,
 * and after the end. Each call must come back with success or a documented error that says something.
 *
 *     abuse            the checks
 *     abuse --list     the functions that they exercise, for Tests/C/run to compare with dx.h
 */
#include "abuse.h"

#include <unistd.h>

#define BYTES(literal) {literal, sizeof(literal) - 1}
#define STORM_THREADS 8
#define STORM_CALLS 4000

/* ---- Bad arguments ------------------------------------------------------------------------------------- */

static const struct {
  dx_text text;
  bool is_wrong; /* for any function; others may be right for some */
} bad_texts[] = {
    {{NULL, 5}, true},
    {{NULL, DX_NUL_TERMINATED}, true},
    {{"x", SIZE_MAX - 1}, true},
    {{"x", SIZE_MAX / 2}, true},
    {{"x", (size_t)INT32_MAX + 1}, true},
    {{NULL, 0}, false},
    {{"", 0}, false},
    {BYTES("\xff"), true},
    {BYTES("\"\xe2\x82\""), true},
    {BYTES("\"\xed\xa0\x80\""), true},
    {BYTES("\"\xc0\xaf\""), true},
    {BYTES("a\0b"), true},
    {BYTES("{\"a\":\"\\u0000\"}"), false},
    {BYTES("{\"a\":\"\\ud800\"}"), false},
    {BYTES("{"), false},
    {BYTES("[]"), false},
    {BYTES("{}"), false},
    {BYTES("null"), false},
    {BYTES("\"text\""), false},
    {BYTES("-1"), false},
    {BYTES("1e400"), false},
    {BYTES("{\"unknown\":1}"), false},
    {BYTES("{\"instance\":1}"), false},
    {BYTES("[1]"), false},
    {BYTES("{\"v\":2}"), false},
    {BYTES("{\"instance\":\"idle\",\"instance\":\"idle\"}"), false},
    {BYTES("{\"limit\":9223372036854775808}"), false},
    {BYTES("{\"v\":1,\"turns\":[{\"token\":1,\"answer\":{}}],\"activities\":[{\"token\":9007199254740993}]}"),
     false},
    {BYTES("'; DROP TABLE instances; --"), false},
    {BYTES("\xef\xbb\xbf{}"), false},
    {BYTES("sqlite:/dev/null/x"), false},
    {BYTES("sqlite:"), false},
    {BYTES("file::memory:"), false},
};
#define BAD_TEXTS (sizeof bad_texts / sizeof *bad_texts)

static const int64_t bad_numbers[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1};
#define BAD_NUMBERS (sizeof bad_numbers / sizeof *bad_numbers)

static void *living[KINDS], *gone[KINDS];
static dx_text large, deep;

static bool is_documented(dx_code code) {
  return (code >= DX_OK && code <= DX_STALE) || code == DX_PROTOCOL || code == DX_NONDETERMINISM ||
         (code >= DX_STORE_BUSY && code <= DX_STORE_REPLACED) || code == DX_INTERNAL;
}

/* Takes the error. Empty, or what is wrong with it. */
static const char *judge(const function *f, dx_error *error, bool must_fail) {
  if (f->is_silent) return error == NULL ? "" : "it answered nonsense";
  dx_code code = dx_error_code(error);
  const char *why = "";
  if (!is_documented(code)) {
    why = "a code that is not documented";
  } else if (must_fail && code == DX_OK) {
    why = "it was taken";
  } else if (code == DX_INTERNAL) {
    why = "an internal error";
  } else if (error != NULL && strlen(dx_error_message(error)) < 8) {
    why = "a message that says nothing";
  } else if (error != NULL && strlen(dx_error_message(error)) > 20000) {
    why = "a message without end";
  } else if (error != NULL && dx_error_details(error)[0] != '{') {
    why = "details that are no object";
  }
  dx_error_free(error);
  return why;
}

static arguments good(const function *f) {
  arguments a = {living[f->kind], {{NULL, 0}, {NULL, 0}, {NULL, 0}}, {0, 0}, true};
  for (int i = 0; i < f->texts; i++) a.text[i] = text(f->good[i]);
  return a;
}

typedef struct verdict {
  int calls;
  const char *why;
  char what[64];
} verdict;

static void try_one(const function *f, const arguments *a, bool must_fail, const char *what, verdict *v) {
  v->calls++;
  const char *why = judge(f, f->call(a), must_fail);
  if (why[0] == '\0' || v->why != NULL) return;
  v->why = why;
  snprintf(v->what, sizeof v->what, "%s", what);
}

static void *made_up(int number) {
  static const uintptr_t numbers[] = {
      1, 2, 7, 8, 9, 24, 255, 4096, 0x123456789, (uintptr_t)1 << 53, UINTPTR_MAX, UINTPTR_MAX - 7};
  return (void *)numbers[number];
}

static void try_handles(const function *f, verdict *v) {
  if (f->kind == NOTHING) return;
  arguments a = good(f);
  a.handle = NULL;
  try_one(f, &a, true, "NULL", v);
  for (int i = 0; i < 12; i++) {
    a.handle = made_up(i);
    try_one(f, &a, true, "a made up handle", v);
  }
  a.handle = &a;
  try_one(f, &a, true, "an address", v);
  for (int kind = STORE; kind < KINDS; kind++) {
    if (kind != (int)f->kind && living[kind] != NULL) {
      a.handle = living[kind];
      try_one(f, &a, true, "a handle of another kind", v);
    }
    a.handle = gone[kind];
    try_one(f, &a, true, "a freed handle", v);
  }
}

/* With a living handle, but never so that it ends it. */
static void try_rest(const function *f, verdict *v) {
  if (f->is_silent || f->call == call_dx_runtime_start || f->call == call_dx_runtime_stop) return;
  if (f->kind == TOKEN) return;
  char what[64];
  for (int i = 0; i < f->texts; i++) {
    for (size_t bad = 0; bad < BAD_TEXTS; bad++) {
      arguments a = good(f);
      a.text[i] = bad_texts[bad].text;
      snprintf(what, sizeof what, "text %d, bad text %zu", i, bad);
      try_one(f, &a, bad_texts[bad].is_wrong, what, v);
    }
    arguments a = good(f);
    a.text[i] = large;
    try_one(f, &a, false, "a text of 8 MB", v);
    a.text[i] = deep;
    try_one(f, &a, false, "100,000 brackets", v);
  }
  for (size_t i = 0; i < BAD_NUMBERS; i++) {
    arguments a = good(f);
    a.number[0] = bad_numbers[i];
    a.number[1] = bad_numbers[BAD_NUMBERS - 1 - i];
    try_one(f, &a, false, "a bad number", v);
  }
  arguments a = good(f);
  a.has_out = false;
  bool needs_out = f->call != call_dx_register_orchestration && f->call != call_dx_register_activity &&
                   f->call != call_dx_log_set && f->texts < 3 && strstr(f->name, "cancel") == NULL &&
                   strstr(f->name, "_activity") == NULL;
  try_one(f, &a, needs_out, "no out", v);
}

static void check_vectors(void) {
  for (size_t i = 0; i < FUNCTIONS; i++) {
    verdict v = {0, NULL, ""};
    char name[128], why[192];
    try_handles(&functions[i], &v);
    try_rest(&functions[i], &v);
    snprintf(name, sizeof name, "%s: %d bad calls", functions[i].name, v.calls);
    snprintf(why, sizeof why, "%s: %s", v.what, v.why == NULL ? "" : v.why);
    check_that(v.why == NULL, name, why);
  }
}

/* ---- Everything at once -------------------------------------------------------------------------------- */

static void *storm_handles[STORM_THREADS * 4];
static pthread_mutex_t storm_lock = PTHREAD_MUTEX_INITIALIZER;
static int storm_wrong;

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void *random_handle(uint64_t *random) {
  uint64_t number = next_random(random);
  if (number % 8 == 0) return made_up((int)(number / 8 % 12));
  pthread_mutex_lock(&storm_lock);
  void *handle = storm_handles[number / 8 % (STORM_THREADS * 4)];
  pthread_mutex_unlock(&storm_lock);
  return handle;
}

/* Opens a store with a client and a runtime in place of others, which it frees under whoever uses them. */
static void renew(uint64_t *random) {
  dx_store *store = NULL;
  dx_client *client = NULL;
  dx_runtime *runtime = NULL;
  dx_simulation *simulation = NULL;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text("memory:");
  dx_error_free(dx_store_open(&options, &store));
  dx_error_free(dx_client_new(store, &client));
  dx_error_free(dx_runtime_new(store, NULL, &runtime));
  dx_error_free(dx_simulation_new(text("{}"), &simulation));
  void *made[] = {store, client, runtime, simulation};
  size_t place = next_random(random) % STORM_THREADS * 4;
  pthread_mutex_lock(&storm_lock);
  for (size_t i = 0; i < 4; i++) {
    void *old = storm_handles[place + i];
    storm_handles[place + i] = made[i];
    made[i] = old;
  }
  pthread_mutex_unlock(&storm_lock);
  dx_store_close(made[0]);
  dx_client_free(made[1]);
  dx_runtime_free(made[2]);
  dx_simulation_free(made[3]);
}

static void *storm(void *seed) {
  uint64_t random = (uint64_t)(uintptr_t)seed * 0x9e3779b97f4a7c15;
  for (int i = 0; i < STORM_CALLS; i++) {
    if (i % 64 == 0) renew(&random);
    const function *f = &functions[next_random(&random) % FUNCTIONS];
    arguments a = good(f);
    a.handle = random_handle(&random);
    a.number[0] = bad_numbers[next_random(&random) % BAD_NUMBERS];
    if (f->texts > 0 && next_random(&random) % 2 == 0) {
      a.text[next_random(&random) % (size_t)f->texts] = bad_texts[next_random(&random) % BAD_TEXTS].text;
    }
    const char *why = judge(f, f->call(&a), false);
    if (why[0] == '\0') continue;
    pthread_mutex_lock(&storm_lock);
    if (storm_wrong++ == 0) printf("in the storm: %s: %s\n", f->name, why);
    pthread_mutex_unlock(&storm_lock);
  }
  return NULL;
}

static void check_storm(void) {
  pthread_t threads[STORM_THREADS];
  for (uintptr_t i = 0; i < STORM_THREADS; i++) pthread_create(&threads[i], NULL, storm, (void *)(i + 1));
  for (size_t i = 0; i < STORM_THREADS; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < STORM_THREADS; i++) {
    dx_store_close(storm_handles[4 * i]);
    dx_client_free(storm_handles[4 * i + 1]);
    dx_runtime_free(storm_handles[4 * i + 2]);
    dx_simulation_free(storm_handles[4 * i + 3]);
  }
  check_that(storm_wrong == 0, "8 threads x 4,000 calls while handles are freed", "see above");
}

static void open_all(void **handles, const char *instance) {
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  dx_buffer out = {NULL, 0};
  char request[128];
  options.url = text("memory:");
  need(dx_store_open(&options, (dx_store **)&handles[STORE]), "a store in memory");
  need(dx_client_new(handles[STORE], (dx_client **)&handles[CLIENT]), "a client");
  need(dx_runtime_new(handles[STORE], NULL, (dx_runtime **)&handles[RUNTIME]), "a runtime");
  need(dx_simulation_new(text("{}"), (dx_simulation **)&handles[SIMULATION]), "a simulation");
  handles[ERROR] = dx_client_describe(handles[CLIENT], text("nobody"), &out);
  snprintf(request, sizeof request, "{\"orchestration\":\"none\",\"instance\":\"%s\"}", instance);
  need(dx_client_start(handles[CLIENT], text(request), &out), "an instance");
  dx_buffer_free(&out);
}

static void free_all(void **handles) {
  dx_store_close(handles[STORE]);
  dx_runtime_free(handles[RUNTIME]);
  dx_client_free(handles[CLIENT]);
  dx_simulation_free(handles[SIMULATION]);
  dx_error_free(handles[ERROR]);
}

static dx_text repeated(char letter, size_t size) {
  char *data = malloc(size);
  if (data == NULL) exit(2);
  memset(data, letter, size);
  dx_text made = {data, size};
  return made;
}

int main(int count, char **words) {
  if (count > 1 && strcmp(words[1], "--list") == 0) {
    for (size_t i = 0; i < FUNCTIONS; i++) puts(functions[i].name);
    return 0;
  }
  alarm(100);
  large = repeated('1', 8 * 1024 * 1024);
  deep = repeated('[', 100 * 1000);
  open_all(gone, "gone");
  free_all(gone);
  open_all(living, "idle");
  check_vectors();
  dx_buffer out = {NULL, 0};
  check_code(dx_client_describe(living[CLIENT], text("idle"), &out), DX_OK, "the store goes on after it");
  dx_buffer_free(&out);
  check_storm();
  free_all(living);
  return checks_done();
}
