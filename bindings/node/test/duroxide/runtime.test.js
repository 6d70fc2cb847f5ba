'use strict';
// Runtimes, providers, metrics, tracing, and what the module offers.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const duroxide = require('../../duroxide');
const { folder, program } = require('../support.js');
const { both } = require('./world.js');

const { Client, NotSupported, PostgresProvider, Runtime, SqliteProvider } = duroxide;
const MODULE = path.join(__dirname, '../../duroxide/index.js');

const echo = async (_ctx, value) => value;
const call = function* (ctx, value) {
  return yield ctx.scheduleActivity('Echo', value);
};

both('an idle runtime shuts down at once and twice, and starts once', async (make) => {
  const made = await make({ Call: call }, { Echo: echo });
  assert.equal(await made.output('Call', 1), 1);
  await assert.rejects(made.runtime.start(), /started before/);
  const begin = performance.now();
  await made.runtime.shutdown(10_000);
  await made.runtime.shutdown();
  assert.ok(performance.now() - begin < 5000);
  await assert.rejects(made.runtime.start(), /make a new one/);
  await new Runtime(made.provider).shutdown();
});

both('work in flight is picked up by the next runtime', async (make) => {
  let end;
  const mayEnd = new Promise((resolve) => {
    end = resolve;
  });
  let begun = 0;
  const made = await make({ Call: call }, {
    async Echo() {
      begun += 1;
      await mayEnd;
      return 'done';
    },
  });
  const instance = await made.start('Call');
  await made.until(() => begun === 1);
  await made.runtime.shutdown(50);
  end();
  await made.restart();
  assert.equal((await made.wait(instance)).output, 'done');
});

both('runtimes and clients share a provider, and share the work', async (make) => {
  const made = await make({ Call: call }, { Echo: echo }, { options: { workerConcurrency: 0 } });
  const instance = await made.start('Call', 5);
  await assert.rejects(made.client.waitForOrchestration(instance, 50), /timed out/);
  const functions = { orchestrations: { Call: call }, activities: { Echo: (ctx) => ctx.workerId } };
  const worker = made.makeRuntime(functions, {
    orchestrationConcurrency: 0, workerConcurrency: 3, workerNodeId: 'n', logLevel: 'info', maxAttempts: 3,
  });
  await worker.start();
  assert.match((await made.wait(instance)).output, /^work-[012]-n$/);
  const client = new Client(made.provider);
  assert.match((await client.waitForOrchestration(await made.start('Call'))).output, /-n$/);
  client.close();
  await worker.shutdown();
});

both('so many activities run at once', async (make) => {
  let running = 0;
  let most = 0;
  const made = await make({
    *Wide(ctx) {
      yield ctx.all(Array.from({ length: 8 }, () => ctx.scheduleActivity('Busy')));
    },
  }, {
    async Busy() {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
      running -= 1;
    },
  }, { options: { workerConcurrency: 2 } });
  await made.output('Wide');
  assert.equal(most, 2);
});

both('a snapshot counts what happened since the start', async (make) => {
  const made = await make({
    Call: call,
    *Rounds(ctx, left) {
      yield ctx.all([ctx.scheduleActivity('Fail'), ctx.scheduleSubOrchestration('Call', 1)]);
      if (left > 0) yield ctx.continueAsNew(left - 1);
      throw new Error('it broke');
    },
  }, {
    Echo: echo,
    async Fail() {
      throw new Error('no');
    },
  }, { start: false });
  assert.equal(made.runtime.metricsSnapshot(), null);
  await made.runtime.start();
  await made.output('Call', 1);
  assert.equal(made.runtime.metricsSnapshot().orchCompletions, 1);
  assert.equal((await made.run('Rounds', 1)).status, 'Failed');
  const seen = made.runtime.metricsSnapshot();
  const names = [
    'orchStarts', 'orchCompletions', 'orchFailures', 'orchApplicationErrors', 'activitySuccess', 'activityAppErrors',
    'orchContinueAsNew', 'suborchestrationCalls', 'workerDispatcherItemsFetched', 'orchPoison', 'providerErrors',
  ];
  assert.deepEqual(names.map((name) => seen[name]), [4, 3, 1, 1, 3, 2, 1, 2, 5, 0, 0]);
  assert.equal(Object.keys(seen).length, 17);
  await made.runtime.shutdown();
  assert.equal(made.runtime.metricsSnapshot(), null);
});

// ---- Providers --------------------------------------------------------------------------------------

test('a path or a URL makes the file and its folders', async (t) => {
  const place = folder(t);
  const [plain, url, slashes] = ['plain', 'url', 'slashes'].map((name) => path.join(place, name, 'deep', 'x.db'));
  for (const [file, given] of [[plain, plain], [url, `sqlite:${url}`], [slashes, `sqlite://${slashes}?mode=rwc`]]) {
    const provider = await SqliteProvider.open(given);
    assert.ok(fs.existsSync(file));
    provider.store.close();
  }
  await assert.rejects(SqliteProvider.open(place), Error);
  fs.writeFileSync(path.join(place, 'file'), 'x');
  await assert.rejects(SqliteProvider.open(path.join(place, 'file', 'x.db')), /folder/);
});

test('each store in memory is a store of its own', async () => {
  const [one, other] = [await SqliteProvider.inMemory(), await SqliteProvider.open('sqlite::memory:')];
  await new Client(one).startOrchestration('i', 'Any');
  assert.deepEqual(await new Client(one).listAllInstances(), ['i']);
  assert.deepEqual(await new Client(other).listAllInstances(), []);
});

test('postgres with entra says what to use in its place', async () => {
  // One after the other: what fails before it is waited for counts as unhandled.
  for (const make of [
    () => PostgresProvider.connectWithEntra('h', 5432, 'd', 'u', { audience: 'a' }),
    () => PostgresProvider.connectWithSchemaAndEntra('h', 5432, 'd', 'u', 's'),
  ]) {
    await assert.rejects(make(), (error) => error instanceof NotSupported
      && error.message.includes('@azure/identity, or the option tokenProvider'));
  }
  let asked = 0;
  const tokenProvider = async () => `token-${(asked += 1)}`;
  const options = { tokenProvider, maxConnections: 4, acquireTimeoutMs: 100, refreshIntervalMs: 60_000 };
  await assert.rejects(PostgresProvider.connectWithEntra('127.0.0.1', 1, 'd', 'me@tenant', options),
    ({ message }) => message.includes('127.0.0.1:1/d') && !message.includes('token-'));
  assert.equal(asked, 1);
  const absent = 'postgres://me:secret@127.0.0.1:1/d';
  for (const make of [
    () => PostgresProvider.connect(absent),
    () => PostgresProvider.connectWithSchema(absent, 'my_schema'),
  ]) {
    await assert.rejects(make(), ({ message }) => message.includes('127.0.0.1:1/d') && !message.includes('secret'));
  }
  const wrong = PostgresProvider.connectWithSchema('postgres://h/d', 'no-good');
  await assert.rejects(wrong, /^Error: Failed to connect to PostgreSQL: Invalid schema_name/);
});

test('a process ends with its provider open, and with its folder gone', async (t) => {
  const done = await program(`
    const { Client, Runtime, SqliteProvider } = require(${JSON.stringify(MODULE)});
    (async () => {
      const provider = await SqliteProvider.open('data/x.db');
      const runtime = new Runtime(provider);
      runtime.registerOrchestration('Quick', function* () { return 1; });
      await runtime.start();
      const client = new Client(provider);
      await client.startOrchestration('i', 'Quick');
      console.log((await client.waitForOrchestration('i')).output);
      await runtime.shutdown();
      require('fs').rmSync('data', { recursive: true });
    })();
  `, { cwd: folder(t) });
  assert.deepEqual([done.code, done.stdout, done.stderr], [0, '1\n', '']);
});

// ---- Tracing ----------------------------------------------------------------------------------------

const TRACING = `
  const assert = require('assert');
  const { Client, Runtime, SqliteProvider, initTracing } = require(${JSON.stringify(MODULE)});
  const [, logFile, logFormat] = process.argv;
  assert.throws(() => initTracing({ logFile: logFile + '/no/such/folder.log' }), /Failed to open log file/);
  assert.throws(() => initTracing({ logFile, logLevel: 'loud' }), /Failed to init tracing/);
  initTracing({ logFile, logLevel: 'debug', logFormat });
  assert.throws(() => initTracing({ logFile }), /Failed to init tracing/);
  (async () => {
    const provider = await SqliteProvider.inMemory();
    const client = new Client(provider);
    await client.startOrchestration('i', 'Order');
    for (const event of [null, 'go']) {
      const runtime = new Runtime(provider);
      runtime.registerActivity('Work', (ctx) => ctx.traceWarn('from the activity'));
      runtime.registerOrchestration('Order', function* (ctx) {
        for (const level of ['Debug', 'Info', 'Warn', 'Error']) ctx['trace' + level]('one ' + level);
        yield ctx.scheduleActivity('Work');
        ctx.setCustomStatus('waiting');
        yield ctx.waitForEvent('go');
      });
      await runtime.start();
      if (event) {
        await client.raiseEvent('i', event);
        assert.equal((await client.waitForOrchestration('i')).status, 'Completed');
      } else {
        await client.waitForStatusChange('i');
      }
      await runtime.shutdown();
    }
  })();
`;

for (const format of ['compact', 'json']) {
  test(`tracing goes to a file once for each line, as ${format}`, async (t) => {
    const log = path.join(folder(t), 'log');
    const done = await program(TRACING, { args: [log, format] });
    assert.deepEqual([done.code, done.stdout, done.stderr], [0, '', '']);
    const lines = fs.readFileSync(log, 'utf8').trim().split('\n');
    for (const text of ['one Debug', 'one Info', 'one Warn', 'one Error', 'from the activity']) {
      assert.equal(lines.filter((line) => line.includes(text)).length, 1, text);
    }
    assert.ok(lines.every((line) => line.startsWith('{') === (format === 'json')));
  });
}

test('tracing cannot be set after a runtime was started', async (t) => {
  const done = await program(`
    const { Runtime, SqliteProvider, initTracing } = require(${JSON.stringify(MODULE)});
    (async () => {
      const runtime = new Runtime(await SqliteProvider.inMemory());
      await runtime.start();
      try { initTracing({ logFile: 'log' }); } catch (error) { console.log(error.message); }
      await runtime.shutdown();
    })();
  `, { cwd: folder(t) });
  assert.match(done.stdout, /Failed to init tracing/);
});

test('the module has every name, also for import', async () => {
  const { MAX_WORKER_TAGS, MAX_TAG_NAME_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES } = duroxide;
  assert.deepEqual([MAX_WORKER_TAGS, MAX_TAG_NAME_BYTES, MAX_KV_KEYS, MAX_KV_VALUE_BYTES], [5, 256, 150, 65_536]);
  const imported = await import('../../duroxide/index.js');
  for (const name of [
    'SqliteProvider', 'PostgresProvider', 'Client', 'Runtime', 'OrchestrationContext', 'ActivityContext', 'initTracing',
  ]) {
    assert.equal(typeof duroxide[name], 'function', name);
    assert.equal(imported[name], duroxide[name], name);
  }
});
