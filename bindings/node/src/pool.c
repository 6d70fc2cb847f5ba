/* Threads for calls that may wait for the store, made when they are needed. Not libuv's: those belong to the
 * files and names of the program, and a store that is busy must not hold them up. */
#include <stdlib.h>
#include <time.h>

#include "addon.h"

/* Calls that are under way at once share one sync, so that more threads mean more starts per second. */
enum { THREADS_MAX = 32, IDLE_SECONDS = 10 };

void job_free(job *job) {
  if (!job) return;
  free((char *)job->texts[0].data);
  free((char *)job->texts[1].data);
  environment_release(job->environment);
  free(job);
}

static void *work(void *argument) {
  environment *environment = argument;
  pthread_mutex_lock(&environment->pool_lock);
  for (;;) {
    job *job = environment->job_first;
    if (job) {
      environment->job_first = job->next;
      if (!environment->job_first) environment->job_last = NULL;
      pthread_mutex_unlock(&environment->pool_lock);
      call_run(job);
      job_free(job);
      pthread_mutex_lock(&environment->pool_lock);
      continue;
    }
    if (environment->pool_ends) break;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_SECONDS;
    environment->idle++;
    int waited = pthread_cond_timedwait(&environment->pool_wakes, &environment->pool_lock, &until);
    environment->idle--;
    if (waited != 0 && !environment->job_first) break;
  }
  environment->threads--;
  pthread_mutex_unlock(&environment->pool_lock);
  environment_release(environment);
  return NULL;
}

static bool start_thread(environment *environment) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, environment_retain(environment)) != 0) {
    environment_release(environment);
    return false;
  }
  pthread_detach(thread);
  environment->threads++;
  return true;
}

bool pool_run(environment *environment, job *job) {
  pthread_mutex_lock(&environment->pool_lock);
  job->next = NULL;
  bool able = environment->threads > 0;
  if (environment->idle > 0) {
    pthread_cond_signal(&environment->pool_wakes);
    /* It counts as idle until it runs; who comes meanwhile makes a thread of its own. */
  }
  if ((environment->idle == 0 || environment->job_first) && environment->threads < THREADS_MAX) {
    able = start_thread(environment) || able;
  }
  if (able) {
    if (environment->job_last)
      environment->job_last->next = job;
    else
      environment->job_first = job;
    environment->job_last = job;
  }
  pthread_mutex_unlock(&environment->pool_lock);
  return able;
}

void pool_end(environment *environment) {
  pthread_mutex_lock(&environment->pool_lock);
  environment->pool_ends = true;
  pthread_cond_broadcast(&environment->pool_wakes);
  pthread_mutex_unlock(&environment->pool_lock);
}
