/* One orchestration with one activity, in plain C.
 *
 *     cc hello.c $(pkg-config --cflags --libs dx-orchestration) -o hello && ./hello sqlite:hello.sqlite Ada
 */
#include "dx_host.h"

#include <stdio.h>
#include <stdlib.h>

/* Prints an error and ends the program; success passes. */
static void check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "hello: %s\n", dx_error_message(error));
  exit(1);
}

/* The orchestration. It is run again from its top for each thing that happens; `false` means: return. */
static void hello(dx_orch *o) {
  const char *greeting;
  if (!dx_orch_run_activity(o, "greet", dx_orch_input(o), NULL, &greeting)) return;
  dx_orch_complete(o, greeting);
}

/* An activity: an ordinary function. Its input is the JSON string of a name. */
static void greet(dx_task *task) {
  const char *name = dx_task_unquote(task, dx_task_input(task));
  dx_task_complete(task,
                   dx_task_quote(task, dx_task_format(task, "Hello, %s!", name == NULL ? "you" : name)));
}

int main(int count, char **arguments) {
  const char *name = count > 2 ? arguments[2] : "World";
  dx_store *store;
  dx_runtime *runtime;
  dx_client *client;
  check(dx_host_open(count > 1 ? arguments[1] : "memory:", &store));
  check(dx_runtime_new(store, NULL, &runtime));
  check(dx_orch_register(runtime, "hello", hello, NULL));
  check(dx_host_activity(runtime, "greet", greet, NULL, NULL));
  check(dx_runtime_start(runtime));
  check(dx_client_new(store, &client));

  char *input = dx_host_quote(name), *instance;
  dx_host_end end;
  check(dx_host_start(client, "hello", NULL, input, &instance));
  check(dx_host_result(client, instance, 30000, &end));
  printf("%s\n", end.output == NULL ? end.failure_message : end.output);

  dx_host_end_free(&end);
  free(instance);
  free(input);
  check(dx_host_stop(runtime, 0));
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return 0;
}
