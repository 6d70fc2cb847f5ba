/* State of the instance: status, key-value state, patches, topics. */
#include "execution.h"

#include <stdlib.h>
#include <string.h>

void dx_orch_set_custom_status(dx_orch *o, const char *status) {
  bool fresh;
  entry *entry = journal_call(o, CALL_STATUS, "", &fresh);
  if (!fresh) return;
  text_add(&o->scratch, "\"kind\":\"SetCustomStatus\"");
  bool clears = status == NULL || strcmp(status, "null") == 0;
  if (clears || put_payload(o, entry, "status", status, "The custom status",
                            o->registration->limits.custom_status_bytes)) {
    journal_emit(o, entry, ENTRY_PLAIN);
  }
}

/* ---- Key-value state ----------------------------------------------------------------------------------- */

static size_t kv_place(const kv_table *table, const char *key, bool *found) {
  size_t low = 0, high = table->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(table->entries[middle].key, key);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  *found = false;
  return low;
}

bool kv_put(kv_table *table, const char *key, const char *value, int64_t at) {
  bool found;
  size_t place = kv_place(table, key, &found);
  if (!found) {
    void *entries = table->entries;
    if (!grow(&entries, table->count, &table->capacity, sizeof *table->entries)) return false;
    table->entries = entries;
    memmove(table->entries + place + 1, table->entries + place,
            (table->count - place) * sizeof *table->entries);
    table->count++;
    table->entries[place].key = key;
  }
  table->entries[place].value = value;
  table->entries[place].at = at;
  return true;
}

static void kv_remove(kv_table *table, const char *key) {
  bool found;
  size_t place = kv_place(table, key, &found);
  if (!found) return;
  table->count--;
  memmove(table->entries + place, table->entries + place + 1,
          (table->count - place) * sizeof *table->entries);
}

/* The state as it is at this place of the run: it begins as that of the execution. */
static kv_table *kv_now(dx_orch *o) {
  if (o->kv_ready) return &o->kv;
  o->kv_ready = true;
  o->kv.count = 0;
  for (size_t i = 0; i < o->kv_begun.count; i++) {
    kv_entry *entry = &o->kv_begun.entries[i];
    if (!kv_put(&o->kv, entry->key, entry->value, entry->at)) no_memory(o);
  }
  return &o->kv;
}

const char *dx_orch_kv_get(dx_orch *o, const char *key) {
  bool found;
  kv_table *kv = kv_now(o);
  size_t place = kv_place(kv, key == NULL ? "" : key, &found);
  return found ? kv->entries[place].value : NULL;
}

void dx_orch_kv_set(dx_orch *o, const char *key, const char *value) {
  bool fresh, found = false;
  entry *entry = journal_call(o, CALL_KV_SET, key, &fresh);
  if (entry == NULL || o->leaving != STAYS) return;
  kv_table *kv = kv_now(o);
  if (fresh) {
    int64_t most = o->registration->limits.kv_keys;
    const char *what = dx_orch_format(o, "The value of key '%s'", entry->name);
    text_add(&o->scratch, "\"kind\":\"SetKV\"");
    if (what == NULL || !put_name(o, entry, "key", key, "The key", NAME_BYTES) ||
        !put_payload(o, entry, "value", value, what, o->registration->limits.kv_value_bytes)) {
      return;
    }
    (void)kv_place(kv, key, &found);
    if (!found && kv->count >= (uint64_t)most) {
      journal_refuse(o, entry, OVER_LIMIT, "%zu keys are set; the limit is %lld per instance.", kv->count,
                     (long long)most);
      return;
    }
    const char *json = value == NULL ? "null" : value;
    entry->value = arena_copy(&o->memory, json, strlen(json));
    if (entry->value == NULL) {
      no_memory(o);
      return;
    }
    journal_emit(o, entry, ENTRY_PLAIN);
  }
  if (!kv_put(kv, entry->name, entry->value, entry->made.at)) no_memory(o);
}

void dx_orch_kv_clear(dx_orch *o, const char *key) {
  bool fresh;
  entry *entry = journal_call(o, CALL_KV_CLEAR, key, &fresh);
  if (entry == NULL || o->leaving != STAYS) return;
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"ClearKV\"");
    if (!put_name(o, entry, "key", key, "The key", NAME_BYTES)) return;
    journal_emit(o, entry, ENTRY_PLAIN);
  }
  kv_remove(kv_now(o), entry->name);
}

void dx_orch_kv_clear_all(dx_orch *o) {
  bool fresh;
  entry *entry = journal_call(o, CALL_KV_CLEAR_ALL, "", &fresh);
  if (entry == NULL || o->leaving != STAYS) return;
  if (fresh) {
    text_add(&o->scratch, "\"kind\":\"ClearAllKV\"");
    journal_emit(o, entry, ENTRY_PLAIN);
  }
  kv_now(o)->count = 0;
}

size_t dx_orch_kv_count(dx_orch *o) { return kv_now(o)->count; }

const char *dx_orch_kv_key(dx_orch *o, size_t place) {
  kv_table *kv = kv_now(o);
  return place < kv->count ? kv->entries[place].key : NULL;
}

size_t dx_orch_kv_prune_before(dx_orch *o, int64_t time) {
  size_t pruned = 0;
  kv_table *kv = kv_now(o);
  for (size_t at = 0; at < kv->count && o->leaving == STAYS;) {
    if (kv->entries[at].at >= time) {
      at++;
    } else {
      size_t before = kv->count;
      dx_orch_kv_clear(o, kv->entries[at].key);
      if (kv->count == before) break;
      pruned++;
    }
  }
  return pruned;
}

/* ---- Patches ------------------------------------------------------------------------------------------- */

static bool is_recorded(const dx_orch *o, const char *id) {
  for (size_t i = 0; i < o->recorded_count; i++) {
    if (strcmp(o->recorded[i], id) == 0) return true;
  }
  return false;
}

/* What was decided about a patch; decides it, when it is asked about for the first time. */
static const patch *decide(dx_orch *o, const char *id, bool deprecates) {
  if (!may_call(o, deprecates ? "deprecate_patch" : "patched")) return NULL;
  if (id == NULL || *id == '\0' || strlen(id) > NAME_BYTES) {
    raise_format(o, OVER_LIMIT, "The id of a patch has 1 to %d bytes.", NAME_BYTES);
    return NULL;
  }
  for (const patch *each = o->patches; each != NULL; each = each->next) {
    if (strcmp(each->id, id) == 0) return each;
  }
  text_clear(&o->scratch);
  text_add(&o->scratch, "\"kind\":\"RecordPatch\",\"patch\":");
  if (!text_quote(&o->scratch, id)) {
    raise_format(o, INVALID, "The id of a patch is not UTF-8.");
    return NULL;
  }
  bool recorded = is_recorded(o, id);
  patch *made = arena_take(&o->memory, sizeof *made);
  if (made != NULL) made->id = arena_copy(&o->memory, id, strlen(id));
  if (made == NULL || made->id == NULL) {
    no_memory(o);
    return NULL;
  }
  made->taken = deprecates || recorded || !o->replaying;
  made->next = o->patches;
  o->patches = made;
  if (recorded || (!deprecates && made->taken)) journal_emit_bare(o);
  return made;
}

bool dx_orch_patched(dx_orch *o, const char *id) {
  const patch *patch = decide(o, id, false);
  return patch != NULL && patch->taken;
}

void dx_orch_deprecate_patch(dx_orch *o, const char *id) { (void)decide(o, id, true); }

/* ---- Topics -------------------------------------------------------------------------------------------- */

static void topic(dx_orch *o, call_kind kind, const char *action, const char *name, bool publishes,
                  const char *data) {
  bool fresh;
  entry *entry = journal_call(o, kind, name, &fresh);
  if (!fresh) return;
  text_format(&o->scratch, "\"kind\":\"%s\"", action);
  if (!put_name(o, entry, "topic", name, "The topic", NAME_BYTES)) return;
  if (publishes &&
      !put_payload(o, entry, "data", data, "What is published", o->registration->limits.payload_bytes))
    return;
  journal_emit(o, entry, ENTRY_PLAIN);
}

void dx_orch_subscribe(dx_orch *o, const char *name) {
  topic(o, CALL_SUBSCRIBE, "SubscribeTopic", name, false, NULL);
}

void dx_orch_unsubscribe(dx_orch *o, const char *name) {
  topic(o, CALL_UNSUBSCRIBE, "UnsubscribeTopic", name, false, NULL);
}

void dx_orch_publish(dx_orch *o, const char *name, const char *data) {
  topic(o, CALL_PUBLISH, "Publish", name, true, data);
}
