'use strict';
// Recorded histories, and open instances, against the code of today.

const fs = require('node:fs/promises');
const json = require('../json.js');
const { Runtime } = require('../runtime.js');
const { Store } = require('../store.js');

/**
 * Replays a recorded history against code, without a store:
 *
 *     (await replay('tests/order-7.jsonl', [order])).throwIfDifferent();
 *
 * `history`: a file or the text of an exported instance (`Management.exportInstance`), or one execution as an
 * object or JSON ("Recorded history" in docs/wire-format.md). Activities are not run. Rejects with InvalidArgument
 * for what is no history, and TimedOut. Options: `timeout`.
 */
async function replay(history, orchestrations, options) {
  const recorded = await textOf(history);
  const store = await Store.open('memory:');
  const runtime = new Runtime(store, orchestrations, { replayOnly: true });
  try {
    await runtime.start();
    return await runtime.replay(recorded, options);
  } finally {
    await runtime.close();
    store.close();
  }
}

async function textOf(history) {
  if (typeof history === 'object' && history !== null && !(history instanceof URL)) {
    return json.encode(history, 'The history');
  }
  if (typeof history === 'string' && history.trimStart().startsWith('{')) return history;
  return fs.readFile(history, 'utf8');
}

/**
 * Replays every open instance of a store (a `Store`, or a URL), as it stands, against code. Runs and changes
 * nothing; the runtimes of the store may go on meanwhile. The options are those of `Runtime.preflight`.
 */
async function preflight(store, orchestrations, options) {
  const opened = typeof store === 'string' ? await Store.open(store) : store;
  const runtime = new Runtime(opened, orchestrations, { replayOnly: true });
  try {
    await runtime.start();
    return await runtime.preflight(options);
  } finally {
    await runtime.close();
    if (opened !== store) opened.close();
  }
}

module.exports = { replay, preflight };
