'use strict';
// Where the log goes: the engine's records, and what code traces.

const fs = require('node:fs');
const { logTo } = require('../lib/logs.js');

/** The levels that programs name, as those of Perdure. */
const LEVELS = { trace: 'debug', debug: 'debug', info: 'info', warn: 'warn', error: 'error' };
const FORMATS = {
  json: (record) => JSON.stringify({ timestamp: new Date(record.at).toISOString(), ...record }),
  compact: (record) => `${new Date(record.at).toISOString()} ${record.level.toUpperCase()} ${said(record)}`,
};
FORMATS.pretty = FORMATS.compact;

/** Who said where the log goes, once it has been said. */
let saidBy = null;

function said({ instance, message }) {
  return instance === undefined ? message : `${instance}: ${message}`;
}

/**
 * Sends the log of this process to a file: once, and before the first runtime is started. `logLevel`: trace,
 * debug, info (default), warn, error. `logFormat`: json, pretty or compact (default).
 */
function initTracing({ logFile, logLevel, logFormat } = {}) {
  const level = LEVELS[String(logLevel ?? 'info').toLowerCase()];
  const format = FORMATS[String(logFormat ?? 'compact').toLowerCase()];
  if (level === undefined || format === undefined) {
    const [levels, formats] = [LEVELS, FORMATS].map((each) => Object.keys(each).join(', '));
    throw new Error(`Failed to init tracing: levels are ${levels}, formats ${formats}.`);
  }
  let file;
  try {
    file = fs.openSync(logFile, 'a');
  } catch (error) {
    throw new Error(`Failed to open log file '${logFile}': ${error.message}`, { cause: error });
  }
  if (saidBy !== null) {
    fs.closeSync(file);
    throw new Error(`Failed to init tracing: it was set before, by ${saidBy}`);
  }
  logTo((record) => fs.writeSync(file, `${format(record)}\n`), { level });
  saidBy = 'initTracing';
}

/** From now on it is too late for `initTracing`. */
function runtimeStarts() {
  saidBy ??= 'the start of a runtime';
}

module.exports = { initTracing, runtimeStarts };
