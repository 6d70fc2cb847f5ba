/* The customer, in C: places orders, pays for them, and prints what became of each. Whatever was placed or
 * paid before is left as it is, so that it can be killed and started again.
 *
 *     cc examples/mixed/place.c $(pkg-config --cflags --libs dx-orchestration) -lpthread -o place
 *     ./place sqlite:orders.sqlite 20
 */
#include "dx_json.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ORDERS 1000

static dx_text text(const char *string) {
  dx_text text = {string, DX_NUL_TERMINATED};
  return text;
}

/* Prints an error and ends the program; success and the code that is allowed pass. */
static void check(dx_error *error, dx_code allowed) {
  if (error == NULL) return;
  if (dx_error_code(error) != allowed) {
    fprintf(stderr, "place: %s\n", dx_error_message(error));
    exit(1);
  }
  dx_error_free(error);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int open_orders;
static long long takings;

static void ended(dx_error *error, dx_text description, void *user_data) {
  check(error, DX_OK);
  dx_text instance = dx_json_member(description, "instance");
  dx_text status = dx_json_member(description, "status");
  dx_text output = dx_json_member(description, "output");
  (void)user_data;
  pthread_mutex_lock(&lock);
  printf("%.*s %.*s %.*s\n", (int)instance.size, instance.data, (int)status.size, status.data,
         (int)output.size, output.data);
  fflush(stdout);
  takings += dx_json_int64_or(dx_json_member(output, "total"), 0);
  open_orders--;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
}

/* Places one order and pays for it. Dear items make the even ones fail: 30 is too little for a carpet. */
static void place(dx_client *client, int number) {
  char request[512];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request,
           "{\"orchestration\":\"order\",\"instance\":\"order-%d\",\"policy\":\"useExisting\","
           "\"input\":[\"lamp\",\"%s\"]}",
           number, number % 2 == 0 ? "carpet" : "book");
  check(dx_client_start(client, text(request), &out), DX_OK);
  dx_buffer_free(&out);
}

static void pay(dx_client *client, int number) {
  char request[256];
  dx_buffer out = {NULL, 0};
  snprintf(request, sizeof request,
           "{\"instance\":\"order-%d\",\"channel\":\"event\",\"name\":\"paid\",\"data\":30}", number);
  /* An order that was paid by an earlier run may have ended. */
  check(dx_client_send(client, text(request), &out), DX_WRONG_STATUS);
  dx_buffer_free(&out);
}

int main(int count, char **arguments) {
  int orders = count == 3 ? atoi(arguments[2]) : 0;
  if (orders < 1 || orders > ORDERS) {
    fprintf(stderr, "usage: place URL ORDERS\n");
    return 1;
  }
  dx_store *store;
  dx_client *client;
  dx_store_options options = DX_STORE_OPTIONS_INIT;
  options.url = text(arguments[1]);
  check(dx_store_open(&options, &store), DX_OK);
  check(dx_client_new(store, &client), DX_OK);

  open_orders = orders;
  for (int number = 1; number <= orders; number++) place(client, number);
  for (int number = 1; number <= orders; number++) {
    char instance[32];
    pay(client, number);
    snprintf(instance, sizeof instance, "order-%d", number);
    check(dx_client_wait(client, text(instance), -1, ended, NULL), DX_OK);
  }
  pthread_mutex_lock(&lock);
  while (open_orders > 0) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  printf("takings: %lld\n", takings);

  dx_client_free(client);
  dx_store_close(store);
  return 0;
}
