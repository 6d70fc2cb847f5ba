/* Functions of C libraries as activities, from a manifest: no line of code for each of them.
 *
 *     cc -shared -fPIC shapes.c -o libshapes.so
 *     cc native.c $(pkg-config --cflags --libs dx-orchestration dx-native) -o native
 *     ./native activities.json
 */
#include "dx_host.h"
#include "dx_native.h"

#include <stdio.h>
#include <stdlib.h>

static void check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "native: %s\n", dx_error_message(error));
  exit(1);
}

/* Calls one activity after the other, and tells of each what came of it. */
static void tour(dx_orch *o) {
  static const char *const calls[][2] = {
      {"circle area", "2"},
      {"power", "{\"x\": 2, \"y\": 0.5}"},
      {"label", "[\"gear\", 7]"},
      {"checksum", "\"AQID\""},
      {"check stock", "[\"gear\", 3]"},
      {"check stock", "[\"unicorn\", 1]"},
      {"check stock", "[\"gear\", -1]"},
      {"label", "[\"\", 1]"},
      {"power", "[0, -1]"},
  };
  const char *said = "";
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    const char *result;
    dx_failure failure;
    if (!dx_orch_run_activity(o, calls[i][0], calls[i][1], NULL, &result)) {
      if (!dx_orch_catch(o, &failure)) return;
      result = dx_orch_format(o, "%s: %s", failure.type, failure.message);
    }
    said = dx_orch_format(o, "%s%s %s -> %s\n", said, calls[i][0], calls[i][1], result);
  }
  dx_orch_complete(o, dx_orch_quote(o, said));
}

static char *contents(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = calloc(1, 65536);
  if (file == NULL || text == NULL || fread(text, 1, 65535, file) == 0) {
    fprintf(stderr, "native: %s cannot be read\n", path);
    exit(1);
  }
  fclose(file);
  return text;
}

int main(int count, char **arguments) {
  dx_store *store;
  dx_runtime *runtime;
  dx_client *client;
  dx_native_error error;
  char *manifest = contents(count > 1 ? arguments[1] : "activities.json");
  check(dx_host_open("memory:", &store));
  check(dx_runtime_new(store, NULL, &runtime));
  check(dx_orch_register(runtime, "tour", tour, NULL));
  if (!dx_native_register_manifest(runtime, manifest, &error)) {
    fprintf(stderr, "native: %s (byte %d)\n", error.message, (int)error.position);
    return 1;
  }
  check(dx_runtime_start(runtime));
  check(dx_client_new(store, &client));

  dx_host_end end;
  check(dx_host_start(client, "tour", "tour", NULL, NULL));
  check(dx_host_result(client, "tour", 30000, &end));
  char *said = dx_host_unquote(end.output);
  printf("%s", said == NULL ? end.description : said);

  free(said);
  free(manifest);
  dx_host_end_free(&end);
  check(dx_host_stop(runtime, 0));
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return 0;
}
