'use strict';
// docs/duroxide.md: its programs run, and its table has every name.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('node:test');
const run = promisify(require('node:child_process').execFile);
const duroxide = require('../../duroxide');
const { ROOT, LONG, folder } = require('../support.js');

const PAGE = fs.readFileSync(path.join(ROOT, 'docs/duroxide.md'), 'utf8');

test('the program of the guide runs, and runs again', async (t) => {
  const [[, block]] = PAGE.matchAll(/^```js\n(.*?)^```$/gms);
  const cwd = folder(t);
  fs.mkdirSync(path.join(cwd, 'node_modules'));
  fs.symlinkSync(path.join(ROOT, 'bindings/node'), path.join(cwd, 'node_modules/perdure'));
  fs.writeFileSync(path.join(cwd, 'program.js'), block);
  const said = 'Completed paid 12, by Ada, track-7, ring twice 2\n';
  const first = await run(process.execPath, ['program.js'], { cwd, timeout: LONG });
  assert.deepEqual(first, { stdout: said, stderr: '' });
  const second = await run(process.execPath, ['program.js'], { cwd, timeout: LONG });
  assert.equal(second.stdout, said);
  assert.match(second.stderr, /The event 'approve' was not delivered/);
});

test('each name has a row', () => {
  const names = new Set([...PAGE.matchAll(/`\.?(\w+)/g)].map(([, name]) => name));
  const missing = Object.keys(duroxide).filter((name) => !names.has(name));
  for (const kind of [duroxide.Client, duroxide.Runtime, duroxide.OrchestrationContext, duroxide.ActivityContext]) {
    for (let at = kind.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      const own = Object.getOwnPropertyNames(at).filter((name) => name !== 'constructor' && !name.startsWith('_'));
      missing.push(...own.filter((name) => !names.has(name)));
    }
  }
  assert.deepEqual(missing, []);
});
