/* Simulations: one instance run to its end by hand, and what is refused. */
#include "check.h"

static const char *config =
    "{\"orchestrations\":[{\"name\":\"o\"}],\"activities\":[{\"name\":\"a\"}],"
    "\"schedule\":{\"a 1 of i, attempt 1\":\"lost\"},"
    "\"script\":[{\"start\":{\"orchestration\":\"o\",\"instance\":\"i\"}}]}";

/* The token behind `"token":`, 0 if there is none. */
static long token_of(const char *json) {
  const char *at = strstr(json, "\"token\":");
  return at == NULL ? 0 : strtol(at + 8, NULL, 10);
}

static void answer(char *out, size_t size, const char *work, int *restarts) {
  const char *scheduled =
      "{\"id\":1,\"after\":1,\"kind\":\"ScheduleActivity\",\"name\":\"a\",\"input\":null}";
  if (strstr(work, "\"restarted\":true") != NULL) {
    (*restarts)++;
    snprintf(out, size, "{\"v\":1}");
  } else if (strstr(work, "\"activity\":{") != NULL) {
    snprintf(out, size, "{\"v\":1,\"activities\":[{\"token\":%ld,\"result\":1}]}", token_of(work));
  } else if (strstr(work, "ActivityCompleted") != NULL) {
    bool anew = strstr(work, "\"from\":0") != NULL;
    const char *id = strstr(work, "ActivityCompleted");
    while (strncmp(id, "\"id\":", 5) != 0) id--;
    snprintf(out, size,
             "{\"v\":1,\"turns\":[{\"token\":%ld,\"answer\":{\"v\":1,\"actions\":[%s],"
             "\"end\":{\"after\":%ld,\"kind\":\"Completed\",\"output\":1},\"retained\":false}}]}",
             token_of(work), anew ? scheduled : "", strtol(id + 5, NULL, 10));
  } else {
    snprintf(out, size,
             "{\"v\":1,\"turns\":[{\"token\":%ld,\"answer\":{\"v\":1,\"actions\":[%s],\"retained\":false}}]}",
             token_of(work), scheduled);
  }
}

static void run(void) {
  dx_simulation *simulation = NULL;
  need(dx_simulation_new(text(config), &simulation), "a simulation begins");
  char answers[2048] = "";
  int restarts = 0, runs = 0, steps = 0;
  bool ended = false, completed = false;
  while (!ended && steps++ < 50) {
    dx_buffer work = {NULL, 0};
    need(dx_simulation_step(simulation, text(answers), &work), "a step");
    ended = strstr(work.data, "\"ended\":{") != NULL;
    if (strstr(work.data, "\"activity\":{") != NULL) runs++;
    if (ended) {
      completed = strstr(work.data, "\"status\":\"Completed\"") != NULL;
    } else {
      answer(answers, sizeof answers, work.data, &restarts);
    }
    dx_buffer_free(&work);
  }
  check_that(completed, "the instance completes", "it did not");
  check_that(restarts == 1, "the process dies once", "it did not");
  check_that(runs == 2, "the activity runs again", "it did not");

  dx_buffer out = {NULL, 0};
  check_code(dx_simulation_step(simulation, text(""), &out), DX_WRONG_STATUS, "a step after the end");
  dx_simulation_free(simulation);
  check_code(dx_simulation_step(simulation, text(""), &out), DX_INVALID_HANDLE, "a step of a freed one");
  dx_simulation_free(simulation);
  dx_simulation_free(NULL);
  check_that(out.data == NULL, "out is written on success only", "it was written");
}

static void refusals(void) {
  dx_simulation *simulation = NULL;
  check_code(dx_simulation_new(text(config), NULL), DX_INVALID_ARGUMENT, "no place for the handle");
  check_code(dx_simulation_new(text(""), &simulation), DX_INVALID_ARGUMENT, "no config");
  check_code(dx_simulation_new(text("{\"seeds\":1}"), &simulation), DX_INVALID_ARGUMENT, "an unknown member");
  check_code(dx_simulation_new(text("{\"schedule\":{\"a\":\"sing\"}}"), &simulation), DX_INVALID_ARGUMENT,
             "an unknown choice");
  check_code(dx_simulation_new(text("{\"activities\":[{\"name\":\"\"}]}"), &simulation), DX_INVALID_ARGUMENT,
             "an empty name");
  check_code(dx_simulation_new(text("{\"script\":[{\"start\":{\"orchestration\":\"o\"}}]}"), &simulation),
             DX_INVALID_ARGUMENT, "a start without an instance");
  check_that(simulation == NULL, "no handle was made", "one was");

  need(dx_simulation_new(text(config), &simulation), "a simulation begins");
  dx_buffer out = {NULL, 0};
  check_code(dx_simulation_step(simulation, text(""), NULL), DX_INVALID_ARGUMENT, "no place for the work");
  need(dx_simulation_step(simulation, text(""), &out), "the first step");
  dx_buffer_free(&out);
  check_code(dx_simulation_step(simulation, text(""), &out), DX_WRONG_STATUS, "a step without its answer");
  check_code(dx_simulation_step(simulation, text("{"), &out), DX_PROTOCOL, "answers that are no JSON");
  const char *unknown = "{\"v\":1,\"activities\":[{\"token\":99,\"result\":1}]}";
  check_code(dx_simulation_step(simulation, text(unknown), &out), DX_INVALID_HANDLE, "an unknown token");
  check_code(dx_simulation_step((dx_simulation *)8, text(""), &out), DX_INVALID_HANDLE, "a made-up handle");
  dx_simulation_free(simulation);
}

int main(void) {
  run();
  refusals();
  return checks_done();
}
