'use strict';
// What concerns whole processes: their ends, their threads, their memory, their loop.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const test = require('node:test');
const { Worker } = require('node:worker_threads');
const { perdure, LONG, folder, program, started } = require('./support.js');

const { activity, orchestration } = perdure;
const timeout = LONG;

const OPENING = `
  const perdure = require(process.env.PERDURE);
  const echo = perdure.activity('echo', (ctx, value) => value);
  const work = perdure.orchestration('work', async (ctx, value) => ctx.activity(echo, value));
  const open = () => perdure.Store.open(process.argv[1] ?? 'memory:');
`;

const ends = [
  ['nothing but the package', '', ''],
  ['a store and a client that nobody closed',
    'open().then((store) => { globalThis.client = new perdure.Client(store); });', ''],
  ['a runtime that was made and not started', 'open().then((store) => new perdure.Runtime(store, [work, echo]));',
    ''],
  ['a runtime that was stopped', `open().then(async (store) => {
      const runtime = await new perdure.Runtime(store, [work, echo]).start();
      const client = new perdure.Client(store);
      console.log(await client.result(await client.start(work, 7)));
      await runtime.stop();
    });`, '7\n'],
  ['a call that is under way', `open().then(async (store) => {
      const client = new perdure.Client(store);
      const id = await client.start(work, 1);
      await client.wait(id, { timeout: 50 }).catch((error) => console.log(error.name));
    });`, 'TimedOut\n'],
  ['process.exit in the middle of everything', `open().then(async (store) => {
      await new perdure.Runtime(store, [work, echo]).start();
      const client = new perdure.Client(store);
      for (let i = 0; i < 50; i += 1) client.start(work, i).then((id) => client.result(id));
      client.start(work, 1).then(() => process.exit(0));
    });`, ''],
];
for (const [name, source, output] of ends) {
  test(`the process ends by itself after ${name}`, async () => {
    const { code, signal, stdout, stderr } = await program(OPENING + source);
    assert.deepEqual([code, signal, stdout, stderr], [0, null, output, '']);
  });
}

test('a runtime that runs keeps the process alive, and SIGTERM ends it', async () => {
  const source = `${OPENING} open().then((store) => new perdure.Runtime(store, [work, echo]).start()).then(() => {
    console.log('running');
    setTimeout(() => console.log('still'), 100).unref();
  });`;
  const { signal, stdout } = await program(source, {
    during: (child, text) => text.includes('still') && child.kill('SIGTERM'),
  });
  assert.deepEqual([signal, stdout], ['SIGTERM', 'running\nstill\n']);
});

test('a runtime that nobody starts is told of, while somebody waits for what it should do', async () => {
  const source = `${OPENING} open().then(async (store) => {
    new perdure.Runtime(store, [work, echo]);
    const client = new perdure.Client(store);
    client.result(await client.start(work, 7)).catch(() => {});
    process.once('warning', () => process.exit(0));
  });`;
  const { code, stderr } = await program(source);
  assert.equal(code, 0);
  assert.match(stderr, /PerdureWarning: A runtime was made and not started.*await runtime\.start\(\)/);
});

test('an error that nobody catches ends the process as it always does', async () => {
  const source = `${OPENING} open().then(async (store) => {
    await new perdure.Runtime(store, [work, echo]).start();
    setTimeout(() => Promise.reject(new Error('of the program')), 10);
  });`;
  const { code, stderr } = await program(source);
  assert.equal(code, 1);
  assert.match(stderr, /Error: of the program/);
});

test('a promise that an activity leaves behind is reported with the instance, and ends nothing', async () => {
  const source = `${OPENING}
    const careless = perdure.activity('careless', async () => {
      setTimeout(() => Promise.reject(new Error('left behind')), 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const stray = perdure.orchestration('stray', async (ctx) => ctx.activity(careless));
    perdure.logTo((record) => console.log(JSON.stringify(record)), { level: 'error' });
    open().then(async (store) => {
      const runtime = await new perdure.Runtime(store, [stray, careless]).start();
      const client = new perdure.Client(store);
      await client.result(await client.start(stray, null, { instance: 'i-7' }));
      await runtime.stop();
    });`;
  const { code, stdout, stderr } = await program(source);
  assert.deepEqual([code, stderr], [0, '']);
  const record = JSON.parse(stdout);
  assert.deepEqual([record.level, record.instance, record.activity, record.attempt], ['error', 'i-7', 'careless', 1]);
  assert.match(record.message, /left a promise behind that was rejected: Error: left behind/);
});

test('a hook that throws does not keep answers from their callers', async () => {
  const source = `${OPENING}
    const thrown = new Promise((resolve) => {
      process.on('uncaughtException', (error) => { console.log(error.message); resolve(); });
    });
    perdure.logTo(() => { throw new Error('the hook threw'); }, { level: 'debug' });
    const talks = perdure.orchestration('talks', async (ctx) => { ctx.log.info('x'); return 7; });
    open().then(async (store) => {
      const runtime = await new perdure.Runtime(store, [talks]).start();
      const client = new perdure.Client(store);
      console.log(await client.result(await client.start(talks)));
      await thrown;
      await runtime.stop();
      perdure.logTo(null);
    });`;
  const { code, stdout } = await program(source);
  assert.equal(code, 0);
  assert.match(stdout, /^7$/m);
  assert.match(stdout, /the hook threw/);
});

test('killed in the middle, the next process goes on and does nothing twice that was done', async (t) => {
  const url = `sqlite:${folder(t)}/kill.sqlite`;
  const source = `${OPENING}
    const step = perdure.activity('step', (ctx, number) => { console.log('step ' + number); return number; });
    const walk = perdure.orchestration('walk', async (ctx) => {
      const seen = [];
      for (let number = 0; number < 300; number += 1) seen.push(await ctx.activity(step, number));
      return seen.length;
    });
    open().then(async (store) => {
      const runtime = await new perdure.Runtime(store, [walk, step]).start();
      const client = new perdure.Client(store);
      const id = await client.start(walk, null, { instance: 'w', policy: 'useExisting' });
      console.log('result ' + await client.result(id));
      await runtime.stop();
    });`;
  const first = await program(source, {
    args: [url], during: (child, text) => text.includes('step 40\n') && child.kill('SIGKILL'),
  });
  assert.equal(first.signal, 'SIGKILL');
  const second = await program(source, { args: [url] });
  assert.match(second.stdout, /result 300\n$/);
  const steps = (text) => text.match(/step \d+/g);
  const [before, after] = [steps(first.stdout), steps(second.stdout)];
  // The last one may have been done and not yet recorded.
  const repeated = after.filter((each) => before.includes(each));
  assert.ok(repeated.length <= 1, `done twice: ${repeated}`);
  assert.ok(after.length < 300);
  assert.equal(new Set([...before, ...after]).size, 300);
});

test('a Worker has stores and runtimes of its own, and may be terminated', async (t) => {
  const url = `sqlite:${folder(t)}/threads.sqlite`;
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const perdure = require(workerData.perdure);
    const say = perdure.activity('say', (ctx, text) => workerData.name + ' says ' + text);
    const ask = perdure.orchestration('ask-' + workerData.name, async (ctx, text) => ctx.activity(say, text));
    perdure.Store.open(workerData.url).then(async (store) => {
      const runtime = await new perdure.Runtime(store, [ask, say]).start();
      const client = new perdure.Client(store);
      const ids = await client.startMany(Array.from({ length: 20 }, (_, n) => ({ orchestration: ask,
        input: String(n) })));
      const results = await Promise.all(ids.map((id) => client.result(id)));
      parentPort.postMessage(results.length);
      if (workerData.stops) { await runtime.stop(); client.close(); store.close(); }
    });`;
  const run = (name, stops) => new Promise((resolve, reject) => {
    const workerData = { name, stops, url, perdure: require.resolve('../lib/index.js') };
    const worker = new Worker(source, { eval: true, workerData });
    const seen = [];
    worker.on('message', (message) => {
      seen.push(message);
      if (!stops) worker.terminate();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(seen));
  });
  const results = await Promise.all([run('a', true), run('b', true)]);
  assert.deepEqual(results, [[20], [20]]);
  for (let again = 0; again < 3; again += 1) assert.deepEqual(await run(`c${again}`, false), [20]);
  const { client } = await started(t, [activity('x', () => 1)], { url });
  assert.equal((await client.management().statistics()).total, 100);
});

test('memory does not grow with the number of activities', { timeout: 120_000 }, async () => {
  const source = `${OPENING}
    const many = perdure.orchestration('many', async (ctx, count) => {
      for (let at = 0; at < count; at += 50) {
        await Promise.all(Array.from({ length: 50 }, () => ctx.activity(echo, 'x'.repeat(1000))));
      }
    });
    open().then(async (store) => {
      const runtime = await new perdure.Runtime(store, [many, echo]).start();
      const client = new perdure.Client(store);
      const round = async (rounds) => {
        for (let at = 0; at < rounds; at += 1) {
          const ids = await client.startMany([1, 2, 3, 4].map(() => ({ orchestration: many, input: 250 })));
          await Promise.all(ids.map((id) => client.result(id)));
          await client.management().delete(ids);
        }
        global.gc();
        return process.memoryUsage().rss / 2 ** 20;
      };
      await round(15);
      const before = await round(1);
      const after = await round(20);
      console.log(JSON.stringify({ before, after, activities: store.metrics().value('perdure_activity_results') }));
      await runtime.stop();
    });`;
  const collector = `require('node:v8').setFlagsFromString('--expose-gc');
    global.gc = require('node:vm').runInNewContext('gc');`;
  const child = await program(collector + source);
  const { before, after } = JSON.parse(child.stdout);
  // 20,000 activities with 2 KB each way would be 40 MB and more.
  assert.ok(after - before < 16, `from ${before} to ${after} MB`);
});

test('the event loop is not held up by a load', async (t) => {
  const echo = activity('echo', (ctx, value) => value);
  const work = orchestration('work', async (ctx, value) => ctx.activity(echo, await ctx.activity(echo, value)));
  const { client } = await started(t, [echo, work], { url: `sqlite:${folder(t)}/loop.sqlite` });
  const run = async (count) => {
    const ids = await client.startMany(Array.from({ length: count }, (_, input) => ({ orchestration: work, input })));
    return Promise.all(ids.map((id) => client.result(id, { timeout })));
  };
  await run(200);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await run(500);
  delay.disable();
  // Other programs have the processors, too: the median is what this one does; 1 ms of it is the resolution.
  assert.ok(delay.percentile(50) < 8e6, `${delay.percentile(50) / 1e6} ms`);
});

test('a store that another program holds does not hold up the event loop', async (t) => {
  const file = `${folder(t)}/busy.sqlite`;
  const { client } = await started(t, [], { url: `sqlite:${file}` });
  const lock = `import sqlite3, sys
store = sqlite3.connect(${JSON.stringify(file)})
store.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()`;
  const holder = spawn('python3', ['-c', lock], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => holder.kill());
  await once(holder.stdout, 'data');
  const calls = Array.from({ length: 40 }, (_, number) => client.start('later', number));
  const begin = performance.now();
  let ticks = 0;
  while (performance.now() - begin < 200) {
    await new Promise((resolve) => setImmediate(resolve));
    ticks += 1;
  }
  const open = Symbol('open');
  assert.equal(await Promise.race([...calls, open]), open);
  // The loop has turned all the time.
  assert.ok(ticks > 200, `${ticks} turns of the loop`);
  holder.stdin.end();
  assert.equal(new Set(await Promise.all(calls)).size, 40);
});

test('what is disposed of is closed', async () => {
  const dispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
  const store = await perdure.Store.open('memory:');
  const client = new perdure.Client(store);
  const runtime = await new perdure.Runtime(store, [activity('x', () => 1)]).start();
  await runtime[dispose]();
  await client[dispose]();
  await store[dispose]();
  assert.equal(store.isOpen, false);
  await assert.rejects(client.status('x'), perdure.InvalidHandle);
});

test('what is dropped without a close is freed with its wrapper', { timeout: LONG }, async () => {
  const source = `${OPENING}
    require('node:v8').setFlagsFromString('--expose-gc');
    const collect = require('node:vm').runInNewContext('gc');
    const store = (n) => open().then((each) => { new perdure.Client(each); return n; });
    (async () => {
      for (let at = 0; at < 20; at += 1) {
        await Promise.all(Array.from({ length: 20 }, (_, n) => store(n)));
        collect();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const threads = require('node:fs').readdirSync('/proc/self/task').length;
      console.log(threads < 200 ? 'few threads' : threads + ' threads');
    })();`;
  const { code, stdout } = await program(source);
  assert.deepEqual([code, stdout], [0, 'few threads\n']);
});
