'use strict';
// Errors of an orchestration that reached nobody, and code of it that runs at the wrong time.

const { Cancelled } = require('../errors.js');
const { said } = require('../text.js');
const { ContinueAsNew } = require('./handles.js');
const { isA } = require('./is-a.js');
const { refusal } = require('./refusal.js');

class Trouble {
  #execution;
  #crash = null;
  #stray = null;
  // Promises that were rejected and that nobody has handled so far, with their errors.
  #unhandled = new Map();

  constructor(execution) {
    this.#execution = execution;
  }

  /** What fails the orchestration, undefined for nothing. */
  get error() {
    if (this.#crash !== null) return this.#crash.error;
    return this.#stray === null ? undefined : this.#stray;
  }

  /** An error that reached nobody: it fails the orchestration, where Node would end the process. */
  crash(error) {
    this.#crash ??= { error: error ?? new Error(`${error} was thrown`) };
  }

  /** The code goes on outside of a turn. That reaches nobody now: it fails at its next event. */
  stray(what) {
    const execution = this.#execution;
    if (this.#stray !== null) return;
    this.#stray = refusal(`what it has awaited before ${what}`);
    execution.settings.log?.({
      level: 'error',
      message: `${this.#stray.message} The instance fails at its next event.`,
      instance: execution.instance,
      execution: execution.number,
      orchestration: execution.name,
    });
  }

  /** What Node has to say about errors while the code runs; false for what is not about its errors. */
  take(kind, [value, promise]) {
    switch (kind) {
      case 'unhandledRejection':
        if (!this.#execution.replaying) this.#unhandled.set(promise, value);
        return true;
      case 'rejectionHandled':
        return this.#unhandled.delete(value);
      case 'uncaughtException':
        this.crash(value);
        return true;
      case 'uncaughtExceptionMonitor':
        return true;
      default:
        return false;
    }
  }

  /** At the end of a turn: what nobody has handled is written to the log. */
  report() {
    if (this.#unhandled.size === 0) return;
    for (const error of this.#unhandled.values()) {
      // How the code is left, by way of a branch that nobody waits for.
      if (isA(error, ContinueAsNew) || isA(error, Cancelled)) continue;
      const what = said(() => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)));
      this.#execution.note('error', `A promise was rejected and nobody has handled it: ${what}`);
    }
    this.#unhandled.clear();
  }
}

module.exports = { Trouble };
