'use strict';
// Whose code runs right now. Turns run one delivery at a time, each in a macrotask of its own (pump.js), so
// one variable says it exactly, at the price of a comparison. An AsyncLocalStorage says the same, but on Node
// 20 it makes every promise of the process three times as dear
// (docs/decisions/0014-node-drains-by-immediates.md).

/** `execution`: the one whose code may run now; `guarded`: the same, if guards are on for it. */
module.exports = { execution: null, guarded: null };
