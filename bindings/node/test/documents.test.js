'use strict';
// The programs in docs/node.md and in the README of the package run as they stand there.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('node:test');
const run = promisify(require('node:child_process').execFile);
const { ROOT, LONG, folder } = require('./support.js');

const PAGES = [['docs/node.md', 6], ['bindings/node/README.md', 1]];

for (const [page, count] of PAGES) {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);
  test(`${page} has ${count} programs`, () => assert.equal(blocks.length, count));
  blocks.forEach((block, number) => {
    test(`${page}, program ${number + 1}`, async (t) => {
      const cwd = folder(t);
      fs.mkdirSync(path.join(cwd, 'node_modules'));
      fs.symlinkSync(path.join(ROOT, 'bindings/node'), path.join(cwd, 'node_modules/perdure'));
      fs.writeFileSync(path.join(cwd, 'program.mjs'), block);
      const { stderr } = await run(process.execPath, ['program.mjs'], { cwd, timeout: LONG });
      assert.equal(stderr, '');
    });
  });
}
