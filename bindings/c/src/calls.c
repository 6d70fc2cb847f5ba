/* Calls that begin durable work. */
#include "execution.h"

#include <string.h>

static const char *or_empty(const char *text) { return text == NULL ? "" : text; }

/* One more action would be open than the limit allows. */
static bool has_room(dx_orch *o, entry *entry) {
  if (o->open_count < o->registration->limits.pending_actions) return true;
  journal_refuse(o, entry, OVER_LIMIT, "%lld actions are pending; the limit is %lld per instance.",
                 (long long)o->open_count, (long long)o->registration->limits.pending_actions);
  return false;
}

static const char *describe(dx_orch *o, const char *format, const char *name) {
  const char *what = dx_orch_format(o, format, or_empty(name));
  return what == NULL ? "It" : what;
}

/* ---- Activities ---------------------------------------------------------------------------------------- */

static bool put_range(dx_orch *o, entry *entry, const char *member, int64_t value, int64_t least,
                      int64_t most) {
  if (value == 0) return true;
  if (value < least || value > most) {
    journal_refuse(o, entry, INVALID, "%s of activity '%s' is %lld; it must be within %lld and %lld.", member,
                   entry->name, (long long)value, (long long)least, (long long)most);
    return false;
  }
  text_format(&o->scratch, ",\"%s\":%lld", member, (long long)value);
  return true;
}

/* A member of the options was added behind `begin`, or nothing: drops the comma in front. */
static void open_object(growing_text *text, size_t begin) {
  if (text->failed) return;
  if (text->size == begin) {
    text_add(text, "{");
  } else {
    text->data[begin] = '{';
  }
  text_add(text, "}");
}

static bool put_retry(dx_orch *o, entry *entry, const dx_retry *retry) {
  static const char *const backoffs[] = {"none", "fixed", "linear", "exponential"};
  bool known = retry->backoff == NULL;
  for (size_t i = 0; !known && i < 4; i++) known = strcmp(retry->backoff, backoffs[i]) == 0;
  if (!known) {
    journal_refuse(o, entry, INVALID,
                   "The backoff of activity '%s' is '%s'; there are none, fixed, linear, exponential.",
                   entry->name, retry->backoff);
    return false;
  }
  text_add(&o->scratch, ",\"retry\":");
  size_t begin = o->scratch.size;
  if (retry->max_attempts == -1) {
    text_add(&o->scratch, ",\"maxAttempts\":0");
  } else if (!put_range(o, entry, "maxAttempts", retry->max_attempts, 1, INT32_MAX)) {
    return false;
  }
  if (retry->backoff != NULL) text_format(&o->scratch, ",\"backoff\":\"%s\"", retry->backoff);
  if (!put_range(o, entry, "initialIntervalMS", retry->initial_interval_ms, 1, LONGEST_MS) ||
      !put_range(o, entry, "coefficientPercent", retry->coefficient_percent, 100, 100000) ||
      !put_range(o, entry, "maxIntervalMS", retry->max_interval_ms, 1, LONGEST_MS) ||
      !put_range(o, entry, "jitterPercent", retry->jitter_percent, 0, 100)) {
    return false;
  }
  if (retry->non_retryable != NULL) {
    text_add(&o->scratch, ",\"nonRetryableTypes\":[");
    for (const char *const *type = retry->non_retryable; *type != NULL; type++) {
      if (type != retry->non_retryable) text_add(&o->scratch, ",");
      if (**type == '\0' || strlen(*type) > NAME_BYTES || !text_quote(&o->scratch, *type)) {
        journal_refuse(o, entry, INVALID, "A type of non_retryable of activity '%s' is no name: '%.300s'.",
                       entry->name, *type);
        return false;
      }
    }
    text_add(&o->scratch, "]");
  }
  open_object(&o->scratch, begin);
  return true;
}

static bool put_options(dx_orch *o, entry *entry, const dx_activity_options *options) {
  if (options == NULL) return true;
  size_t before = o->scratch.size;
  text_add(&o->scratch, ",\"options\":");
  size_t begin = o->scratch.size;
  if (options->retry != NULL && !put_retry(o, entry, options->retry)) return false;
  if (!put_range(o, entry, "scheduleToStartMS", options->schedule_to_start_ms, 1, LONGEST_MS) ||
      !put_range(o, entry, "startToCloseMS", options->start_to_close_ms, 1, LONGEST_MS) ||
      !put_range(o, entry, "scheduleToCloseMS", options->schedule_to_close_ms, 1, LONGEST_MS) ||
      !put_range(o, entry, "heartbeatMS", options->heartbeat_ms, 1, LONGEST_MS)) {
    return false;
  }
  if (options->tag != NULL && !put_name(o, entry, "tag", options->tag, "The tag", NAME_BYTES)) return false;
  if (options->session != NULL && !put_name(o, entry, "session", options->session, "The session", NAME_BYTES))
    return false;
  if (!put_range(o, entry, "priority", options->priority, -1000, 1000)) return false;
  if (o->scratch.size == begin) {
    o->scratch.size = before; /* nothing is set */
    if (o->scratch.data != NULL) o->scratch.data[before] = '\0';
  } else {
    open_object(&o->scratch, begin);
  }
  return true;
}

dx_handle dx_orch_activity(dx_orch *o, const char *name, const char *input,
                           const dx_activity_options *options) {
  bool fresh;
  entry *entry = journal_call(o, CALL_ACTIVITY, name, &fresh);
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"ScheduleActivity\"");
    if (has_room(o, entry) && put_name(o, entry, "name", name, "The name of the activity", NAME_BYTES) &&
        put_payload(o, entry, "input", input, describe(o, "The input of activity '%s'", name),
                    o->registration->limits.payload_bytes) &&
        put_options(o, entry, options)) {
      journal_emit(o, entry, ENTRY_OPEN);
    }
  }
  return journal_handle(o, entry);
}

/* ---- Timers -------------------------------------------------------------------------------------------- */

static int64_t within(int64_t value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : value;
}

dx_handle dx_orch_timer_at(dx_orch *o, int64_t time) {
  bool fresh;
  entry *entry = journal_call(o, CALL_TIMER, "", &fresh);
  if (fresh && has_room(o, entry)) {
    text_format(&o->scratch, "\"kind\":\"CreateTimer\",\"fireAt\":%lld",
                (long long)within(time, 0, LAST_TIME));
    journal_emit(o, entry, ENTRY_OPEN);
  }
  return journal_handle(o, entry);
}

dx_handle dx_orch_timer(dx_orch *o, int64_t milliseconds) {
  return dx_orch_timer_at(o, o->moment.at + within(milliseconds, -LAST_TIME, LAST_TIME));
}

/* ---- Messages that come -------------------------------------------------------------------------------- */

static void take_kept(dx_orch *o, entry *entry) {
  kept *before = NULL;
  for (kept *each = o->kept_first; each != NULL; before = each, each = each->next) {
    if (each->kind != entry->kind || strcmp(each->name, entry->name) != 0) continue;
    if (before == NULL) {
      o->kept_first = each->next;
    } else {
      before->next = each->next;
    }
    if (o->kept_last == each) o->kept_last = before;
    journal_settle(o, entry, ENTRY_DONE, each->value, each->call);
    return;
  }
}

static dx_handle wait_for(dx_orch *o, call_kind kind, const char *action, const char *name,
                          const char *what) {
  bool fresh;
  entry *entry = journal_call(o, kind, name, &fresh);
  if (fresh) {
    text_format(&o->scratch, "\"kind\":\"%s\"", action);
    if (has_room(o, entry) && put_name(o, entry, "name", name, what, NAME_BYTES)) {
      journal_emit(o, entry, ENTRY_OPEN);
      if (entry->state == ENTRY_OPEN) take_kept(o, entry);
    }
  }
  /* Nothing but a kept message answers a call in the very next moment: the code has seen that come. */
  if (entry != NULL && entry->state == ENTRY_DONE && entry->settled.stamp == entry->made.stamp + 1 &&
      entry->settled.event == entry->made.event) {
    journal_advance(o, &entry->settled);
  }
  return journal_handle(o, entry);
}

dx_handle dx_orch_wait_for_event(dx_orch *o, const char *name) {
  return wait_for(o, CALL_EVENT, "WaitForEvent", name, "The name of the event");
}

dx_handle dx_orch_dequeue(dx_orch *o, const char *queue) {
  return wait_for(o, CALL_DEQUEUE, "Dequeue", queue, "The name of the queue");
}

dx_handle dx_orch_wait_for_topic(dx_orch *o, const char *topic) {
  return wait_for(o, CALL_TOPIC, "WaitForTopic", topic, "The name of the topic");
}

dx_handle dx_orch_wait_for_call(dx_orch *o, const char *name) {
  return wait_for(o, CALL_CALL, "WaitForCall", name, "The name of the call");
}

/* ---- Other instances ----------------------------------------------------------------------------------- */

/* Name, version, instance and input of a start. */
static bool put_start(dx_orch *o, entry *entry, const char *name, const char *input,
                      const dx_child_options *options) {
  if (!put_name(o, entry, "name", name, "The name of the orchestration", NAME_BYTES)) return false;
  if (options != NULL && options->version != NULL &&
      !put_name(o, entry, "version", options->version, "The version", NAME_BYTES)) {
    return false;
  }
  if (options != NULL && options->instance != NULL) {
    if (!put_name(o, entry, "instance", options->instance, "The instance id", INSTANCE_BYTES)) return false;
  } else if (strlen(o->instance) + 42 > INSTANCE_BYTES) {
    const char *id = dx_orch_format(o, "%s.%lld.%zu", o->instance, (long long)o->number, o->action_count + 1);
    if (id == NULL || strlen(id) > INSTANCE_BYTES) {
      journal_refuse(o, entry, OVER_LIMIT, "The id that the child would have has more than %d bytes.",
                     INSTANCE_BYTES);
      return false;
    }
  }
  return put_payload(o, entry, "input", input, describe(o, "The input of orchestration '%s'", name),
                     o->registration->limits.payload_bytes);
}

static bool put_close_policy(dx_orch *o, entry *entry, const char *policy) {
  static const char *const policies[] = {"cancel", "terminate", "abandon"};
  if (policy == NULL) return true;
  for (size_t i = 0; i < 3; i++) {
    if (strcmp(policy, policies[i]) != 0) continue;
    text_format(&o->scratch, ",\"closePolicy\":\"%s\"", policy);
    return true;
  }
  journal_refuse(o, entry, INVALID, "The close_policy is '%s'; there are cancel, terminate, abandon.",
                 policy);
  return false;
}

dx_handle dx_orch_sub_orchestration(dx_orch *o, const char *name, const char *input,
                                    const dx_child_options *options) {
  bool fresh;
  entry *entry = journal_call(o, CALL_CHILD, name, &fresh);
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"ScheduleSubOrchestration\"");
    if (has_room(o, entry) && put_start(o, entry, name, input, options) &&
        put_close_policy(o, entry, options == NULL ? NULL : options->close_policy)) {
      journal_emit(o, entry, ENTRY_OPEN);
    }
  }
  return journal_handle(o, entry);
}

const char *dx_orch_start_detached(dx_orch *o, const char *name, const char *input,
                                   const dx_child_options *options) {
  bool fresh;
  entry *entry = journal_call(o, CALL_DETACHED, name, &fresh);
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"StartDetached\"");
    if (options != NULL && options->close_policy != NULL) {
      journal_refuse(o, entry, INVALID, "start_detached takes no close_policy: '%s' goes its own way.",
                     or_empty(name));
    } else if (put_start(o, entry, name, input, options)) {
      journal_emit(o, entry, ENTRY_PLAIN);
    }
  }
  if (entry == NULL || entry->state == ENTRY_REFUSED || o->leaving == BROKEN) return NULL;
  if (options != NULL && options->instance != NULL) return options->instance;
  return dx_orch_format(o, "%s.%lld.%lld", o->instance, (long long)o->number, (long long)entry->action);
}

static dx_handle send(dx_orch *o, const char *action, const char *instance, const char *name,
                      const char *data, bool keep) {
  bool fresh;
  entry *entry = journal_call(o, CALL_REQUEST, name, &fresh);
  if (fresh) {
    text_format(&o->scratch, "\"kind\":\"%s\"", action);
    if (has_room(o, entry) && put_name(o, entry, "instance", instance, "The instance id", INSTANCE_BYTES) &&
        put_name(o, entry, "name", name, "The name of the message", NAME_BYTES) &&
        put_payload(o, entry, "data", data, describe(o, "The data of message '%s'", name),
                    o->registration->limits.payload_bytes)) {
      if (keep) text_add(&o->scratch, ",\"keep\":true");
      journal_emit(o, entry, ENTRY_OPEN);
    }
  }
  return journal_handle(o, entry);
}

dx_handle dx_orch_raise_event(dx_orch *o, const char *instance, const char *name, const char *data,
                              bool keep) {
  return send(o, "RaiseEvent", instance, name, data, keep);
}

dx_handle dx_orch_enqueue(dx_orch *o, const char *instance, const char *queue, const char *data, bool keep) {
  return send(o, "Enqueue", instance, queue, data, keep);
}

dx_handle dx_orch_cancel_instance(dx_orch *o, const char *instance, const char *reason) {
  bool fresh;
  entry *entry = journal_call(o, CALL_REQUEST, instance, &fresh);
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"CancelInstance\"");
    if (has_room(o, entry) && put_name(o, entry, "instance", instance, "The instance id", INSTANCE_BYTES)) {
      const char *why = or_empty(reason);
      text_add(&o->scratch, ",\"reason\":");
      if (strlen(why) > REASON_BYTES) {
        journal_refuse(o, entry, OVER_LIMIT, "The reason has %zu bytes; the limit is %d.", strlen(why),
                       REASON_BYTES);
      } else if (!text_quote(&o->scratch, why)) {
        journal_refuse(o, entry, INVALID, "The reason is not UTF-8.");
      } else {
        journal_emit(o, entry, ENTRY_OPEN);
      }
    }
  }
  return journal_handle(o, entry);
}

dx_handle dx_orch_read_kv(dx_orch *o, const char *instance, const char *key) {
  bool fresh;
  entry *entry = journal_call(o, CALL_READ_KV, key, &fresh);
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"ReadKV\"");
    if (has_room(o, entry) && put_name(o, entry, "instance", instance, "The instance id", INSTANCE_BYTES) &&
        put_name(o, entry, "key", key, "The key", NAME_BYTES)) {
      journal_emit(o, entry, ENTRY_OPEN);
    }
  }
  return journal_handle(o, entry);
}
