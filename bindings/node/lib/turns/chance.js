'use strict';
// GUIDs and random numbers derived from the instance: docs/wire-format.md, "Derived randomness".

const MASK = (1n << 64n) - 1n;

/** SplitMix64, seeded with FNV-1a of the instance id, a zero byte and the execution. */
class Chance {
  #seed;
  // Made at first use: most instances need no chance.
  #state = null;

  constructor(instance, execution) {
    this.#seed = `${instance}\0${execution}`;
  }

  #next() {
    const state = this.#state ?? fnv1a(Buffer.from(this.#seed));
    this.#state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let mixed = this.#state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return mixed ^ (mixed >> 31n);
  }

  /** A UUID of version 4 as text. */
  guid() {
    const high = (this.#next() & ~0xf000n) | 0x4000n;
    const low = (this.#next() & ~(0xc0n << 56n)) | (0x80n << 56n);
    const text = high.toString(16).padStart(16, '0') + low.toString(16).padStart(16, '0');
    return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  /** A number in [0, 1). */
  number() {
    return Number(this.#next() >> 11n) * 2 ** -53;
  }
}

function fnv1a(bytes) {
  let state = 0xcbf29ce484222325n;
  for (const byte of bytes) state = ((state ^ BigInt(byte)) * 0x100000001b3n) & MASK;
  return state;
}

module.exports = { Chance };
