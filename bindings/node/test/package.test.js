'use strict';
// The packed package, installed in an empty folder without a registry, and what it exports.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('node:test');
const run = promisify(require('node:child_process').execFile);
const perdure = require('../lib/index.js');
const { ROOT, LONG, folder } = require('./support.js');

const HERE = path.join(__dirname, '..');

test('the package installs offline, and the first page runs with it', { timeout: 4 * LONG }, async (t) => {
  const cwd = folder(t);
  const built = path.join(cwd, 'built');
  fs.mkdirSync(built);
  fs.copyFileSync(process.env.PERDURE_ADDON ?? path.join(ROOT, '.build/node/perdure.node'), path.join(built,
    'perdure.node'));
  const library = process.env.PERDURE_LIBRARY ?? path.join(ROOT, '.build/release/libdx.so');
  const { stdout: packed } = await run(path.join(HERE, 'pack.sh'), [built, library]);
  const tarball = packed.trim().split('\n').at(-1);
  const home = path.join(cwd, 'home');
  fs.mkdirSync(home);
  // Nothing of this repository, and no registry.
  const { PERDURE_LIBRARY, PERDURE_ADDON, ...env } = process.env;
  const options = { cwd: home, env: { ...env, npm_config_cache: path.join(cwd, 'cache') }, timeout: 2 * LONG };
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], options);
  const page = fs.readFileSync(path.join(ROOT, 'docs/node.md'), 'utf8');
  const [, block] = /^```js\n(.*?)^```$/ms.exec(page);
  fs.writeFileSync(path.join(home, 'hello.mjs'), block);
  const { stdout, stderr } = await run(process.execPath, ['hello.mjs'], options);
  assert.deepEqual([stdout, stderr], ['Hello, Ada!\n', '']);
  const common = await run(process.execPath, ['-e', "console.log(require('perdure').libraryVersion())"], options);
  assert.match(common.stdout, /^\d+\.\d+\.\d+\n$/);
  const other = ['-e', "console.log(require('perdure/duroxide').MAX_KV_KEYS)"];
  assert.equal((await run(process.execPath, other, options)).stdout, '150\n');
});

test('modules get the same names as CommonJS', async () => {
  const { default: whole, ...names } = await import('../index.mjs');
  assert.equal(whole, perdure);
  assert.deepEqual(Object.keys(names).sort(), Object.keys(perdure).sort());
  for (const [name, value] of Object.entries(names)) assert.equal(value, perdure[name]);
});

test('a library that cannot be loaded says how to help', async (t) => {
  const load = (env) => run(process.execPath, ['-e', `
    const perdure = require(${JSON.stringify(path.join(HERE, 'lib/index.js'))});
    try { perdure.libraryVersion(); } catch (error) { console.log(error.name + ': ' + error.message); }
  `], { env: { ...process.env, ...env } });
  const cases = [
    [{ PERDURE_LIBRARY: '/nowhere/libdx.so' },
      /^LibraryNotLoaded: Cannot load \/nowhere\/libdx\.so: .*Set PERDURE_LIBRARY/],
    [{ PERDURE_LIBRARY: 'libm.so.6' }, /^LibraryNotLoaded: /],
    [{ PERDURE_ADDON: '/nowhere/perdure.node' },
      /^LibraryNotLoaded: Cannot load the addon \/nowhere\/perdure\.node.*make node/s],
  ];
  for (const [env, message] of cases) {
    await t.test(JSON.stringify(env), async () => assert.match((await load(env)).stdout, message));
  }
});

test('the declarations compile with what users write, and refuse what is wrong', { timeout: 2 * LONG }, async () => {
  await run('tsc', ['-p', path.join(__dirname, 'types')]).catch((error) =>
    assert.fail(error.stdout || error.message));
});

for (const [file, exports] of [
  ['index.d.ts', perdure], ['testing.d.ts', require('../lib/testing')], ['duroxide/index.d.ts', require('../duroxide')],
]) {
  test(`${file} knows every export, and no others`, () => {
    const text = fs.readFileSync(path.join(HERE, file), 'utf8');
    const declared = new Set([...text.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name));
    assert.deepEqual([...declared].sort(), Object.keys(exports).sort());
  });
}
