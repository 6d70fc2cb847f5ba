'use strict';
// What an open store has counted. docs/operations.md has the names.

/** Families by name, at one moment. Counters begin when the store is opened. */
class Metrics {
  #families;

  constructor(wire) {
    /** Of the snapshot, and of the opening of the store, in milliseconds since 1970. */
    this.at = wire.at;
    this.since = wire.since;
    this.#families = new Map(wire.families.map((family) => [family.name, family]));
  }

  /** { name, type, unit?, help, source?, series }, undefined if there is none. */
  family(name) {
    return this.#families.get(name);
  }

  names() {
    return [...this.#families.keys()];
  }

  [Symbol.iterator]() {
    return this.#families.values();
  }

  /** The sum of a counter or gauge over all series that have these labels; 0 if there is none. */
  value(name, labels = {}) {
    const wanted = Object.entries(labels);
    const series = this.#families.get(name)?.series ?? [];
    return series
      .filter((each) => wanted.every(([key, value]) => each.labels[key] === value))
      .reduce((sum, each) => sum + (each.value ?? 0), 0);
  }

  /** The values of a counter or gauge by one of its labels. */
  by(name, label) {
    const found = new Map();
    for (const each of this.#families.get(name)?.series ?? []) {
      const key = each.labels[label] ?? '';
      found.set(key, (found.get(key) ?? 0) + (each.value ?? 0));
    }
    return found;
  }
}

module.exports = { Metrics };
