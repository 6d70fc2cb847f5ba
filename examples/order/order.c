/* Orders that survive being killed: reserve the stock, charge the card, wait for an approval, ship. What was
 * done is undone, in reverse order, when a step fails or nobody approves in time.
 *
 *     cc order.c $(pkg-config --cflags --libs dx-orchestration) -o order
 *     ./order sqlite:orders.sqlite          kill it whenever you like, and start it again
 */
#include "dx_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ORDERS 5

static void check(dx_error *error) {
  if (error == NULL) return;
  fprintf(stderr, "order: %s\n", dx_error_message(error));
  exit(1);
}

/* ---- Activities: ordinary functions that may do anything, run at least once
 * -------------------------------- */

static void take_time(void) { usleep(100 * 1000); }

static void reserve(dx_task *task) {
  take_time();
  const char *item = dx_task_unquote(task, dx_task_member(task, dx_task_input(task), "item"));
  if (item == NULL || strcmp(item, "unicorn") == 0) {
    dx_failure failure = {.type = "OutOfStock", .message = "there are no unicorns", .non_retryable = true};
    dx_task_fail_with(task, &failure);
  }
  dx_task_complete(task, dx_task_quote(task, dx_task_format(task, "reservation of %s", item)));
}

/* The bank is busy now and then, and knows a card that it declines. dx_task_key is the same for all attempts:
 * a real bank takes it to see that they are one payment. */
static void charge(dx_task *task) {
  take_time();
  const char *card = dx_task_unquote(task, dx_task_member(task, dx_task_input(task), "card"));
  if (card != NULL && strcmp(card, "stolen") == 0) {
    dx_task_fail(task, "CardDeclined", "the card was declined");
  } else if (dx_task_attempt(task) == 1) {
    dx_task_fail(task, "BankBusy", "the bank does not answer");
  } else {
    dx_task_complete(task, dx_task_quote(task, dx_task_format(task, "payment %s", dx_task_key(task))));
  }
}

static void undo(dx_task *task) {
  take_time();
  dx_task_complete(task, dx_task_input(task));
}

/* ---- Orchestrations -------------------------------------------------------------------------------------
 */

static void shipping(dx_orch *o) {
  if (!dx_orch_sleep(o, 200)) return;
  dx_orch_complete(o, dx_orch_quote(o, dx_orch_format(o, "parcel for %s", dx_orch_parent(o))));
}

/* The steps of an order, up to its parcel. *done counts those that are to be undone when it fails. */
static bool steps(dx_orch *o, const char **undo_input, int *done, const char **parcel) {
  static const char *const declined[] = {"CardDeclined", NULL};
  const dx_retry retry = {.max_attempts = 5, .initial_interval_ms = 50, .non_retryable = declined};
  const dx_activity_options options = {.retry = &retry, .start_to_close_ms = 10000};
  size_t winner;
  if (!dx_orch_run_activity(o, "reserve", dx_orch_input(o), &options, &undo_input[0])) return false;
  *done = 1;
  if (!dx_orch_run_activity(o, "charge", dx_orch_input(o), &options, &undo_input[1])) return false;
  *done = 2;
  dx_orch_set_custom_status(o, "\"waiting for approval\"");
  dx_handle waits[] = {dx_orch_wait_for_event(o, "approval"), dx_orch_timer(o, 2000)};
  if (!dx_orch_any(o, waits, 2, &winner)) return false;
  if (winner == 1) {
    dx_orch_fail(o, "NotApproved", "nobody approved it in time");
    return false;
  }
  dx_orch_cancel(o, waits[1]);
  return dx_orch_await(o, dx_orch_sub_orchestration(o, "shipping", NULL, NULL), parcel);
}

static void order(dx_orch *o) {
  const char *undo_input[2], *parcel;
  int done = 0;
  dx_failure failure;
  if (steps(o, undo_input, &done, &parcel)) {
    dx_orch_complete(o, parcel);
    return;
  }
  if (!dx_orch_catch(o, &failure)) return;
  dx_orch_log(o, "warn", "%s: undoing %d steps", failure.message, done);
  while (done-- > 0) {
    if (!dx_orch_run_activity(o, done == 1 ? "refund" : "release", undo_input[done], NULL, NULL)) return;
  }
  dx_orch_raise(o, &failure);
}

/* ---- The program ----------------------------------------------------------------------------------------
 */

/* Passes an error of this code, which is none here. */
static bool is(dx_error *error, dx_code code) {
  bool same = dx_error_code(error) == code;
  if (same) {
    dx_error_free(error);
  } else {
    check(error);
  }
  return same;
}

/* An order is placed once, however often the program is started; to approve it again does no harm. */
static void place(dx_client *client, const char *id, const char *input) {
  dx_text approval = dx_host_text("approval"), yes = dx_host_text("true");
  if (is(dx_host_start(client, "order", id, input, NULL), DX_ALREADY_EXISTS))
    printf("%s was placed before\n", id);
  if (strstr(input, "late") != NULL) return;
  (void)is(dx_client_raise_event(client, dx_host_text(id), approval, yes),
           DX_WRONG_STATUS); /* it has ended */
}

int main(int count, char **arguments) {
  static const char *const inputs[ORDERS] = {
      "{\"item\":\"book\",\"card\":\"valid\"}",  "{\"item\":\"unicorn\",\"card\":\"valid\"}",
      "{\"item\":\"lamp\",\"card\":\"stolen\"}", "{\"item\":\"late chair\",\"card\":\"valid\"}",
      "{\"item\":\"clock\",\"card\":\"valid\"}",
  };
  dx_store *store;
  dx_runtime *runtime;
  dx_client *client;
  check(dx_host_open(count > 1 ? arguments[1] : "memory:", &store));
  check(dx_runtime_new(store, NULL, &runtime));
  check(dx_orch_register(runtime, "order", order, NULL));
  check(dx_orch_register(runtime, "shipping", shipping, NULL));
  check(dx_host_activity(runtime, "reserve", reserve, NULL, NULL));
  check(dx_host_activity(runtime, "charge", charge, NULL, NULL));
  check(dx_host_activity(runtime, "refund", undo, NULL, NULL));
  check(dx_host_activity(runtime, "release", undo, NULL, NULL));
  check(dx_runtime_start(runtime));
  check(dx_client_new(store, &client));
  for (int i = 0; i < ORDERS; i++) {
    char id[32];
    snprintf(id, sizeof id, "order-%d", i + 1);
    place(client, id, inputs[i]);
  }
  for (int i = 0; i < ORDERS; i++) {
    char id[32];
    dx_host_end end;
    snprintf(id, sizeof id, "order-%d", i + 1);
    check(dx_host_result(client, id, 60000, &end));
    printf("%s %s: %s\n", id, end.status, end.output != NULL ? end.output : end.failure_message);
    fflush(stdout);
    dx_host_end_free(&end);
  }
  check(dx_host_stop(runtime, 1000));
  dx_runtime_free(runtime);
  dx_client_free(client);
  dx_store_close(store);
  return 0;
}
