'use strict';
// Tests/Vectors/turns, which every language runs, with the sample orchestrations of docs/wire-format.md.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { fromFailure, toFailure } = require('../../lib/errors.js');
const { TurnHost } = require('../../lib/turns/index.js');
const { GENERATORS, SAMPLES } = require('./samples.js');
const { registered } = require('./script.js');

const VECTORS = path.join(__dirname, '../../../../Tests/Vectors');

function read(folder) {
  return fs.readdirSync(path.join(VECTORS, folder)).sort().map((name) => {
    return JSON.parse(fs.readFileSync(path.join(VECTORS, folder, name), 'utf8'));
  });
}

const TURNS = read('turns');

/** `found` without what the vectors do not compare: logs, and of failures the stack and causes of our own. */
function comparable(found, wanted) {
  if (Array.isArray(found)) return found.map((each, at) => comparable(each, wanted?.[at]));
  if (typeof found !== 'object' || found === null) return found;
  const kept = Object.entries(found).filter(([key]) => {
    return key !== 'logs' && key !== 'stack' && !(key === 'cause' && wanted && !('cause' in wanted));
  });
  return Object.fromEntries(kept.map(([key, value]) => [key, comparable(value, wanted?.[key])]));
}

async function play(vector, samples) {
  const host = new TurnHost({ orchestrations: registered(samples) });
  for (const [at, { request, answer }] of vector.steps.entries()) {
    const found = await host.turn(request);
    assert.deepEqual(comparable(found, answer), comparable(answer, answer), `step ${at}`);
  }
  host.close();
}

test('there are vectors for every sample', () => {
  assert.deepEqual(new Set(TURNS.map((each) => each.sample)), new Set(Object.keys(SAMPLES)));
});

for (const vector of TURNS) {
  test(`turns: ${vector.name}`, () => play(vector, SAMPLES));
  if (vector.sample in GENERATORS) {
    test(`turns of generators: ${vector.name}`, () => play(vector, GENERATORS));
  }
}

/** A host reads and writes neither a failure without a type, nor causes below the 64th. */
const ENGINE_ONLY = new Set(['empty-type', 'too-long-chain']);

for (const { name, given, expect } of read('failures')) {
  if (expect === undefined || ENGINE_ONLY.has(name)) continue;
  test(`failures: ${name}`, () => {
    const { details = null, ...rest } = JSON.parse(expect);
    const { details: found = null, ...others } = toFailure(fromFailure(JSON.parse(given)));
    assert.deepEqual(others, rest);
    assert.deepEqual(found, details);
  });
}
