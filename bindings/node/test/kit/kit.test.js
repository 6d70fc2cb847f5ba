'use strict';
// The scenarios that all languages share: docs/kit.md.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { ROOT, folder } = require('../support.js');
const { Unknown } = require('./expressions.js');
const { Mismatch, Site } = require('./site.js');

const SCENARIOS = path.join(ROOT, 'Tests/Kit/scenarios');
const names = fs.readdirSync(SCENARIOS).filter((name) => name.endsWith('.json'));

for (const name of names.sort()) {
  for (const cache of [true, false]) {
    test(`${path.basename(name, '.json')}, ${cache ? 'cached' : 'replayed'}`, async (t) => {
      const scenario = JSON.parse(fs.readFileSync(path.join(SCENARIOS, name), 'utf8'));
      await new Site(scenario, folder(t), cache).run();
    });
  }
}

test('there are scenarios', () => {
  assert.ok(names.length >= 50);
});

test('what is not so is noticed', async (t) => {
  const wrong = [
    [{ expect: 'i', output: [2] }, Mismatch],
    [{ expect: 'i', counts: { ActivityCompleted: 0 } }, Mismatch],
    [{ wait: 'i', status: 'Failed' }, Mismatch],
    [{ start: 'main', instance: 'i' }, Mismatch],
    [{ raise: 'go', to: 'i', error: 'notFound' }, Mismatch],
    [{ runs: { echo: 2 } }, Mismatch],
    [{ expect: 'i', colour: 'red' }, Unknown],
    [{ jump: 'i' }, Unknown],
  ];
  for (const [command, kind] of wrong) {
    const scenario = {
      orchestrations: { main: [{ activity: 'echo', with: 1, as: 'a' }, { return: ['$a'] }] },
      activities: { echo: [{ return: '$input' }] },
      script: [{ start: 'main', instance: 'i' }, { wait: 'i', status: 'Completed', output: [1] }, command],
    };
    await assert.rejects(new Site(scenario, folder(t), true).run(), (error) => {
      assert.ok(error instanceof kind, error.stack);
      assert.match(error.message, /^command 3/);
      return true;
    });
  }
});
