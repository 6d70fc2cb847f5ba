/* One live execution of an orchestration: what a dx_orch is.
 *
 * The journal has one entry for each call that does something, in the order of the calls. A run walks through
 * it again from its first entry (`place`), takes the answers that are there, and appends behind the last.
 *
 * Whatever the code asks for on its way must be answered by each run as by the first. So a run carries the
 * moment at which the code came by for the first time: that of the last call it made or answer it took. Each
 * answer and each call has a stamp; what has a later stamp than the moment has not happened yet.
 */
#ifndef EXECUTION_H
#define EXECUTION_H

#include "dx_json.h"
#include "dx_orchestration.h"
#include "memory.h"

typedef enum call_kind {
  CALL_ACTIVITY,
  CALL_TIMER,
  CALL_EVENT,
  CALL_DEQUEUE,
  CALL_TOPIC,
  CALL_CALL,
  CALL_CHILD,
  CALL_REQUEST,
  CALL_READ_KV,
  CALL_DETACHED,
  CALL_CANCEL,
  CALL_STATUS,
  CALL_KV_SET,
  CALL_KV_CLEAR,
  CALL_KV_CLEAR_ALL,
  CALL_SUBSCRIBE,
  CALL_UNSUBSCRIBE,
  CALL_PUBLISH,
  CALL_ANSWER,
} call_kind;

typedef enum entry_state {
  ENTRY_PLAIN, /* nothing answers it */
  ENTRY_OPEN,
  ENTRY_DONE,      /* value: the result */
  ENTRY_FAILED,    /* value: the failure */
  ENTRY_CANCELLED, /* given up */
  ENTRY_REFUSED,   /* never begun; value: the failure */
} entry_state;

typedef struct moment {
  int64_t stamp;
  int64_t event; /* its id */
  int64_t at;
  bool late;
} moment;

typedef struct entry {
  call_kind kind;
  entry_state state;
  bool shielded;
  bool answered;  /* a call of a client */
  int32_t target; /* of a cancel, an answer: the entry that it is about */
  int64_t action; /* its number; 0: it listed none */
  const char *name;
  const char *value; /* JSON */
  const char *call;  /* of a client: its id */
  moment made, settled;
} entry;

/* A message that nobody has waited for yet. */
typedef struct kept {
  struct kept *next;
  call_kind kind;
  const char *name, *value, *call;
} kept;

typedef struct kv_entry {
  const char *key, *value;
  int64_t at;
} kv_entry;

typedef struct kv_table {
  kv_entry *entries; /* in the order of the keys' bytes */
  size_t count, capacity;
} kv_table;

typedef struct patch {
  struct patch *next;
  const char *id;
  bool taken;
} patch;

typedef struct query_handler {
  struct query_handler *next;
  const char *name;
  dx_query_fn answer;
  void *state;
} query_handler;

typedef struct limits {
  int64_t payload_bytes, custom_status_bytes, kv_keys, kv_value_bytes, pending_actions;
} limits;

/* Whether the code may go on, or why it is on its way out. */
typedef enum leaving {
  STAYS,
  WAITS,  /* a call said false: there is something to wait for */
  RAISED, /* a failure passes */
  ENDED,  /* complete, fail, continue as new */
  BROKEN, /* the code breaks the rules: `complaint` says how */
} leaving;

typedef enum wait_kind { WAIT_ALL, WAIT_ANY } wait_kind;

struct dx_orch {
  const struct registration *registration;
  arena memory; /* lives as long as the execution */
  const char *name, *version, *instance, *parent, *traceparent, *tracestate, *input;
  int64_t number;
  bool has_begun, has_ended, cancel_requested, replaying, out_of_memory;
  moment begun;
  moment now; /* the event being delivered; stamp: the last one given */

  entry *entries;
  size_t entry_count, entry_capacity;
  int32_t *of_action; /* by number - 1: the entry, -1 for none */
  size_t action_count, action_capacity;
  size_t first_open; /* no entry before it is open */
  int64_t open_count;
  kept *kept_first, *kept_last;
  kv_table kv_begun, kv;
  const char **recorded; /* patches that the history has */
  size_t recorded_count;
  patch *patches;

  /* Of the run. */
  arena run_memory;
  size_t place;
  moment moment;
  int64_t wait_number;
  leaving leaving;
  bool told; /* the code was told that a failure passes */
  bool kv_ready, chance_ready, in_query;
  uint64_t chance;
  const char *raised; /* the failure that passes; NULL for a cancellation */
  const char *complaint;
  query_handler *queries;

  /* What the code waits for. */
  wait_kind blocked_kind;
  int32_t *blocked;
  size_t blocked_count, blocked_capacity;
  int64_t blocked_number;
  /* The wait that the cancellation interrupted, 0 for none. */
  int64_t interrupted;
  moment interrupted_at;

  /* Of the turn. */
  growing_text actions, logs, metrics, end, scratch;

  /* Of the table of live executions. */
  struct dx_orch *bucket_next, *newer, *older;
  int64_t turn, after;
};

typedef struct registration {
  dx_orch_fn run;
  void *user_data;
  limits limits;
} registration;

/* ---- execution.c ----------------------------------------------------------------------------------------
 */

/* request: a turn request from event 0. NULL when memory is short. */
dx_orch *execution_new(const registration *registration, dx_text request);
void execution_free(dx_orch *o);
/* Delivers events, running the code after each. false: the turn must be given back, see `complaint`. */
bool execution_deliver(dx_orch *o, dx_text events, int64_t replayed);
/* Asks the query handler; adds the member of the answer to `out`. */
void execution_query(dx_orch *o, dx_text query, growing_text *out);

/* ---- journal.c ------------------------------------------------------------------------------------------
 */

/* The entry of the next call; NULL when the code may not make one, or memory is short. *fresh: it is new, and
 * is yet to be emitted or refused. A refused one raises its failure again. */
entry *journal_call(dx_orch *o, call_kind kind, const char *name, bool *fresh);
/* The handle of an entry; 0 for NULL. */
dx_handle journal_handle(const dx_orch *o, const entry *entry);
/* The entry of a handle that is that of work; NULL, and a failure raised, otherwise. */
entry *journal_find(dx_orch *o, dx_handle handle, const char *what);
/* Lists the action whose members are in `scratch`, and clears that. */
void journal_emit(dx_orch *o, entry *entry, entry_state state);
/* Lists an action that has no entry. */
void journal_emit_bare(dx_orch *o);
/* Refuses a fresh call: the failure is raised now, and by each run that comes here. */
void journal_refuse(dx_orch *o, entry *entry, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* An answer. Entries that are not open stay as they are. */
void journal_settle(dx_orch *o, entry *entry, entry_state state, const char *value, const char *call);
/* The code has come to this moment, if it was not there before. */
void journal_advance(dx_orch *o, const moment *moment);

/* Raises a failure in the code. */
void raise_json(dx_orch *o, const char *failure);
void raise_format(dx_orch *o, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void raise_cancellation(dx_orch *o);
/* The failure as JSON, into `out`. */
void write_failure(growing_text *out, const char *type, const char *message, const char *details,
                   bool non_retryable);
/* The code breaks the rules. */
void complain(dx_orch *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether a call of this name may do something now; complains if the code was told to return. */
bool may_call(dx_orch *o, const char *what);
void no_memory(dx_orch *o);
/* state.c: sets a key. false when memory is short. */
bool kv_put(kv_table *table, const char *key, const char *value, int64_t at);

/* Members of an action in `scratch`, checked. false: the entry was refused. */
bool put_name(dx_orch *o, entry *entry, const char *member, const char *value, const char *what, size_t most);
bool put_payload(dx_orch *o, entry *entry, const char *member, const char *json, const char *what,
                 int64_t most);

#define NAME_BYTES 256
#define INSTANCE_BYTES 512
#define REASON_BYTES (16 * 1024)
/* Times that the wire takes. */
#define LAST_TIME ((INT64_C(1) << 53) - 1)
#define LONGEST_MS (INT64_C(1) << 40)
#define INVALID "InvalidArgument"
#define OVER_LIMIT "perdure.LimitExceeded"

#endif /* EXECUTION_H */
