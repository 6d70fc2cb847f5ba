'use strict';
// What the tests share: stores in folders of their own, programs in processes of their own.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const perdure = require('../lib/index.js');

const ROOT = path.join(__dirname, '../../..');
/** Milliseconds that nothing here should take; tests fail after it rather than hang. */
const LONG = 30_000;

/** A folder that goes with the test. */
function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'perdure-node-'));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A store, a running runtime with these definitions, and a client; closed with the test. */
async function started(t, definitions, { url = 'memory:', store: storeOptions, ...options } = {}) {
  const store = await perdure.Store.open(url, storeOptions);
  const runtime = new perdure.Runtime(store, definitions, options);
  const client = new perdure.Client(store);
  t.after(async () => {
    await runtime.close();
    client.close();
    store.close();
  });
  await runtime.start();
  return { store, runtime, client };
}

/** Runs a program; resolves to { code, signal, stdout, stderr }. `during(child, text)` sees its output grow. */
function program(source, { cwd, args = [], env = {}, during, module: isModule = false } = {}) {
  return new Promise((resolve, reject) => {
    const kind = isModule ? ['--input-type=module'] : [];
    const child = spawn(process.execPath, [...kind, '-e', source, ...args], {
      cwd,
      env: { ...process.env, PERDURE: path.join(__dirname, '../lib/index.js'), ...env },
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), LONG);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      during?.(child, stdout);
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

module.exports = { perdure, ROOT, LONG, folder, started, program };
