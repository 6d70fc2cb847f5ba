'use strict';
// Log records: those of the engine and of orchestrations, and those that the Node side writes itself.

const native = require('./native.js');
const { InvalidArgument } = require('./errors.js');
const { describe } = require('./json.js');
const { clean, said } = require('./text.js');
const { known, oneOf } = require('./options.js');

// Taken before the guards of turns stand in their place.
const { setImmediate } = globalThis;
const now = Date.now.bind(Date);

const LEVELS = ['debug', 'info', 'warn', 'error'];

let hook = null;
let least = 1;

/**
 * Sends log records of this process to `receiver(record)`; null turns logging off. Replaces what was set
 * before. record: { at, level, message, instance?, execution?, orchestration?, activity?, attempt?, node?,
 * traceparent?, metric? }.
 */
function logTo(receiver, options) {
  const { level = 'info' } = known(options, ['level'], 'The options of logTo');
  oneOf(level, LEVELS, 'The level');
  if (receiver !== null && typeof receiver !== 'function') {
    throw new InvalidArgument(`logTo takes a function or null, not ${describe(receiver)}.`);
  }
  native.logTo(receiver && ((text) => receiver(JSON.parse(text))), level);
  hook = receiver;
  least = LEVELS.indexOf(level);
}

/**
 * A record of the Node side. Without a hook, what is wrong becomes a warning of the process: it is never
 * silent.
 */
function report(record) {
  const full = { at: now(), ...record };
  if (hook) {
    // Not here: this may be in the microtasks of a turn, where the hook's own code would be taken for its code.
    if (LEVELS.indexOf(full.level) >= least) setImmediate(() => hook?.(full));
  } else if (full.level === 'error' || full.level === 'warn') {
    const where = full.instance === undefined ? '' : `${full.instance}: `;
    process.emitWarning(`${where}${full.message}`, { type: 'PerdureWarning', detail: full.stack });
  }
}

/** `debug`, `info`, `warn` and `error`, each of which writes a record with these members. */
function logger(members) {
  const write = (level) => (message) => report({ ...members(), level, message: clean(said(() => message)) });
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

module.exports = { logTo, report, logger };
