/* Instances that this host has live, by id: open addressing, grown before it is half full. */
#ifndef TABLE_H
#define TABLE_H

#include "dx.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct live {
  char *instance; /* NULL: free */
  int total;
  int width;
  int scheduled;
  int answered;
  long long last; /* the last event that was consumed */
} live;

typedef struct table {
  live *slots;
  size_t capacity; /* a power of two */
  size_t count;
} table;

static inline uint64_t table_hash(dx_text key) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < key.size; i++) hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
  return hash ^ hash >> 32;
}

static inline bool table_holds(const live *slot, dx_text key) {
  return strlen(slot->instance) == key.size && memcmp(slot->instance, key.data, key.size) == 0;
}

static inline size_t table_slot(const table *table, dx_text key) {
  size_t at = table_hash(key) & (table->capacity - 1);
  while (table->slots[at].instance != NULL && !table_holds(&table->slots[at], key)) {
    at = (at + 1) & (table->capacity - 1);
  }
  return at;
}

static inline live *table_find(table *table, dx_text key) {
  if (table->capacity == 0) return NULL;
  live *slot = &table->slots[table_slot(table, key)];
  return slot->instance == NULL ? NULL : slot;
}

static inline void table_grow(table *table) {
  struct table grown = {NULL, table->capacity == 0 ? 1024 : table->capacity * 2, table->count};
  grown.slots = calloc(grown.capacity, sizeof *grown.slots);
  if (grown.slots == NULL) abort();
  for (size_t i = 0; i < table->capacity; i++) {
    live *old = &table->slots[i];
    if (old->instance == NULL) continue;
    dx_text key = {old->instance, strlen(old->instance)};
    grown.slots[table_slot(&grown, key)] = *old;
  }
  free(table->slots);
  *table = grown;
}

static inline live *table_insert(table *table, dx_text key) {
  if (table->count * 2 >= table->capacity) table_grow(table);
  live *slot = &table->slots[table_slot(table, key)];
  if (slot->instance == NULL) {
    slot->instance = strndup(key.data, key.size);
    table->count++;
  }
  return slot;
}

/* Closes the gap, so that what stands behind it is still found. */
static inline void table_remove(table *table, dx_text key) {
  if (table_find(table, key) == NULL) return;
  size_t gap = table_slot(table, key);
  size_t mask = table->capacity - 1;
  free(table->slots[gap].instance);
  for (size_t at = (gap + 1) & mask; table->slots[at].instance != NULL; at = (at + 1) & mask) {
    dx_text other = {table->slots[at].instance, strlen(table->slots[at].instance)};
    size_t home = table_hash(other) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    table->slots[gap] = table->slots[at];
    gap = at;
  }
  memset(&table->slots[gap], 0, sizeof *table->slots);
  table->count--;
}

#endif /* TABLE_H */
