'use strict';
// Changes of the code under running instances: docs/wire-format.md, "State that the host keeps".

const limits = require('../limits.js');

/** What the code was told about the changes that it asked about. */
class Patches {
  #execution;
  #recorded;
  #told = new Map();

  /** `recorded`: the ids that the history has. */
  constructor(execution, recorded) {
    this.#execution = execution;
    this.#recorded = new Set(recorded);
  }

  /** Whether the code takes the new path of a change: decided once, and then remembered. */
  isTaken(patch) {
    const quoted = limits.name(patch, 'The id of the patch');
    let taken = this.#told.get(patch);
    if (taken === undefined) {
      taken = this.#recorded.has(patch) || !this.#execution.replaying;
      if (taken) this.#execution.emit(`"kind":"RecordPatch","patch":${quoted}`, 'patched');
      this.#told.set(patch, taken);
    }
    return taken;
  }

  /** Repeats what older code recorded, if it did. */
  deprecate(patch) {
    const quoted = limits.name(patch, 'The id of the patch');
    if (this.#told.has(patch)) return;
    this.#told.set(patch, true);
    if (!this.#recorded.has(patch)) return;
    this.#execution.emit(`"kind":"RecordPatch","patch":${quoted}`, 'deprecatePatch');
  }
}

module.exports = { Patches };
