/* A test program in C: each check prints `ok NAME` or `FAIL NAME: why`, and the last line gives the sums. */
#ifndef CHECK_H
#define CHECK_H

#include "dx.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int checks_passed;
static int checks_failed;
static pthread_mutex_t checks_lock = PTHREAD_MUTEX_INITIALIZER; /* callbacks check things too */

static inline dx_text text(const char *string) {
  dx_text text = {string, string == NULL ? 0 : DX_NUL_TERMINATED};
  return text;
}

static inline void check_that(bool condition, const char *name, const char *why) {
  pthread_mutex_lock(&checks_lock);
  if (condition) {
    checks_passed++;
    printf("ok %s\n", name);
  } else {
    checks_failed++;
    printf("FAIL %s: %s\n", name, why);
  }
  fflush(stdout);
  pthread_mutex_unlock(&checks_lock);
}

/* Takes the error. It must have the code, say something, and have details that are an object. */
static inline void check_code(dx_error *error, dx_code code, const char *name) {
  char why[512] = "";
  dx_code got = dx_error_code(error);
  if (got != code) {
    snprintf(why, sizeof why, "code %d instead of %d (%s)", (int)got, (int)code,
             error == NULL ? "success" : dx_error_message(error));
  } else if (error != NULL && strlen(dx_error_message(error)) < 8) {
    snprintf(why, sizeof why, "the message says nothing");
  } else if (error != NULL && dx_error_details(error)[0] != '{') {
    snprintf(why, sizeof why, "the details are not an object: %s", dx_error_details(error));
  }
  dx_error_free(error);
  check_that(why[0] == '\0', name, why);
}

/* Ends the program when what the checks stand on is missing. */
static inline void need(dx_error *error, const char *what) {
  if (error == NULL) return;
  printf("FAIL %s: %s\n%d passed, %d failed\n", what, dx_error_message(error), checks_passed,
         checks_failed + 1);
  exit(1);
}

static inline int checks_done(void) {
  printf("%d passed, %d failed\n", checks_passed, checks_failed);
  return checks_failed == 0 ? 0 : 1;
}

/* A number that callbacks raise and the test waits for. */
typedef struct tally {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int count;
  dx_code code; /* of the last wait */
} tally;
#define TALLY_INIT {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, DX_OK}

static inline void tally_add(void *user_data) {
  tally *tally = user_data;
  pthread_mutex_lock(&tally->lock);
  tally->count++;
  pthread_cond_broadcast(&tally->changed);
  pthread_mutex_unlock(&tally->lock);
}

/* The count when it has reached `count`, or what it is after ten seconds. */
static inline int tally_wait(tally *tally, int count) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 10;
  pthread_mutex_lock(&tally->lock);
  int status = 0;
  while (tally->count < count && status == 0) {
    status = pthread_cond_timedwait(&tally->changed, &tally->lock, &end);
  }
  int reached = tally->count;
  pthread_mutex_unlock(&tally->lock);
  return reached;
}

/* The count as it is now. */
static inline int tally_count(tally *tally) { return tally_wait(tally, 0); }

/* A dx_wait_fn. */
static inline void tally_waited(dx_error *error, dx_text result, void *user_data) {
  tally *tally = user_data;
  (void)result;
  pthread_mutex_lock(&tally->lock);
  tally->code = dx_error_code(error);
  pthread_mutex_unlock(&tally->lock);
  dx_error_free(error);
  tally_add(tally);
}

/* Gives late callbacks time to show themselves, where the test is that none comes. */
static inline void settle(void) {
  struct timespec moment = {0, 50 * 1000 * 1000};
  nanosleep(&moment, NULL);
}

#endif /* CHECK_H */
