'use strict';
// What cannot be durable is reported at once and by name; what is dropped has no effect; nothing ends the
// process.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { InvalidArgument } = require('../../lib/errors.js');
const { Script, kinds } = require('./script.js');

const never = () => new Promise(() => {});
const readFile = promisify(fs.readFile);

const STUCK = {
  'a promise that nobody settles': async () => never(),
  'one of a generator': function* code() {
    yield never();
  },
  'after durable work': async (ctx) => {
    await ctx.activity('before');
    await never();
  },
  'while work is open that nobody awaits': async (ctx) => {
    ctx.activity('before');
    await never();
  },
  'a callback of fs': async () => readFile(__filename),
  'a web crypto digest': async () => crypto.subtle.digest('SHA-256', new Uint8Array(1)),
  'a lock that its holder waits for': async () => {
    const lock = { held: null };
    const take = async () => {
      await lock.held;
      lock.held = never();
    };
    await take();
    await take();
  },
  'an import': async () => import('node:zlib').then(() => import(`${__dirname}/samples.js`)),
};

for (const [name, code] of Object.entries(STUCK)) {
  test(`an await that is not durable is a failure and not a hang: ${name}`, async () => {
    const script = new Script(code);
    for (const { id } of await script.start()) if (script.end === undefined) await script.complete(id);
    assert.equal(script.failure.type, 'NonDurableAwait');
    // Node reads a module with what is guarded.
    const { message } = script.failure;
    if (name !== 'an import') assert.match(message, /nothing can wake the orchestration 'test'/);
    if (name.includes('work')) assert.match(message, /The last work that it began was activity 'before'\./);
    await script.checkReplay();
  });
}

test('code that spins is stopped', async () => {
  const script = new Script(async () => {
    for (;;) await new Promise((resolve) => { setImmediate(resolve); });
  });
  await script.start();
  assert.match(script.failure.message, /ran 100000 callbacks without waiting for durable work/);
});

for (const [name, code] of Object.entries({
  'Date.now': async (ctx) => {
    const end = Date.now() + 5000;
    while (Date.now() < end);
    await ctx.timer(1);
  },
  'new Date': async () => {
    const end = new Date().getTime() + 5000;
    while (new Date().getTime() < end) await null;
  },
  'ctx.nowMS': async (ctx) => {
    const end = ctx.nowMS + 5000;
    while (ctx.nowMS < end) await null;
  },
  'performance.now': async () => {
    while (performance.now() < 5000) await null;
  },
})) {
  test(`a loop until time has passed is stopped: ${name}`, async () => {
    const script = new Script(code);
    await script.start();
    assert.match(script.failure.message, /asked 5000000 times for the time, which stands still/);
  });
}

test('code that lists more than a history can hold is stopped', async () => {
  const script = new Script(async (ctx) => {
    for (;;) {
      ctx.setCustomStatus('again');
      await null;
    }
  }, { limits: { historyEvents: 1000 } });
  assert.equal((await script.start()).length, 1000);
  assert.equal(script.failure.type, 'perdure.LimitExceeded');
  assert.match(script.failure.message, /has listed 1000 actions/);
  await script.checkReplay();
});

test('code that goes on outside of a turn is told so, and fails at its next event', async () => {
  const outside = promisify(fs.readFile);
  let wentOn;
  const gone = new Promise((resolve) => { wentOn = resolve; });
  const script = new Script(async (ctx) => {
    const branch = async () => {
      await outside(__filename);
      wentOn();
      ctx.setCustomStatus('no');
      const dead = ctx.activity('never begun');
      dead.cancel();
      await dead;
    };
    await Promise.all([ctx.waitForEvent('go'), branch()]);
  });
  assert.deepEqual(kinds(await script.start()), ['Event:go']);
  await gone;
  assert.deepEqual(kinds(await script.raise('go')), []);
  assert.equal(script.failure.type, 'NonDurableAwait');
  assert.match(script.failure.message, /what it has awaited before setCustomStatus: it is not recorded/);
  assert.equal(script.strays.length, 1);
  const { message, ...record } = script.strays[0];
  assert.match(message, /The instance fails at its next event\.$/);
  assert.deepEqual(record, { level: 'error', instance: 'test-1', execution: 1, orchestration: 'test' });
});

test('so is code that ends there', async () => {
  let wentOn;
  const gone = new Promise((resolve) => { wentOn = resolve; });
  const script = new Script(async (ctx) => Promise.race([
    ctx.waitForEvent('go'), promisify(fs.readFile)(__filename).then(wentOn),
  ]));
  await script.start();
  await gone;
  await null;
  await new Promise((resolve) => { setImmediate(resolve); });
  await script.raise('go');
  assert.match(script.failure.message, /what it has awaited before its end/);
});

test('so is code that is woken by another instance', async () => {
  let shared;
  const first = new Script(async (ctx) => {
    shared = ctx.waitForEvent('go');
    return shared;
  });
  const second = new Script(async (ctx) => {
    ctx.activity('a').catch(() => {});
    await shared;
    await ctx.activity('b');
  });
  await first.start();
  await second.start();
  await first.raise('go', 1);
  assert.equal(first.end.output, 1);
  assert.deepEqual(await second.complete(1), []);
  assert.match(second.failure.message, /what it has awaited before activity 'b'/);
});

const UNFIT = [
  [NaN, 'is NaN'], [{ a: [1, new Map()] }, 'at a[1] is a Map'], ['a\0b', 'NUL'], [{ 'k\0': 1 }, 'NUL'],
  ['\ud800', 'surrogate'], [10n, 'bigint'], [() => {}, 'function'], [Symbol('s'), 'symbol'],
  [Promise.resolve(1), 'is an await missing?'],
];

for (const [value, named] of UNFIT) {
  test(`a value that is not JSON is named where it is used: ${named}`, async () => {
    const script = new Script(async (ctx) => {
      try {
        ctx.activity('a', value);
      } catch (error) {
        assert.ok(error instanceof InvalidArgument);
        return error.message;
      }
    });
    assert.deepEqual(await script.start(), []);
    const message = await script.output();
    assert.ok(message.startsWith("The input of activity 'a'") && message.includes(named), message);
  });
}

test('a result that is not JSON fails the orchestration', async () => {
  const script = new Script(async () => ({ seen: new Set([1]) }));
  await script.start();
  assert.match(script.failure.message, /The result of orchestration 'test' at seen is a Set/);
});

test('an async generator is refused', async () => {
  const script = new Script(async function* code() {
    yield 1;
  });
  await script.start();
  assert.match(script.failure.message, /write an async function that awaits, or a function\* that yields/);
});

test('whatever is thrown is a failure', async () => {
  class OutOfStock extends Error {
    nonRetryable = true;
    details = { item: 7 };
  }
  for (const [thrown, type, message] of [
    [new OutOfStock('none left', { cause: new RangeError('shelf') }), 'OutOfStock', 'none left'],
    ['text', 'Error', 'text'], [null, 'Error', 'null was thrown, which is no Error'],
    [{ a: 1 }, 'Error', '{"a":1} was thrown, which is no Error'],
    [new Proxy({}, { get() { throw new Error('no'); } }), 'Error', undefined],
  ]) {
    const script = new Script(async () => {
      throw thrown;
    });
    await script.start();
    assert.equal(script.failure.type, type);
    if (message !== undefined) assert.equal(script.failure.message, message);
    if (type === 'OutOfStock') {
      const { details, nonRetryable, stack, cause } = script.failure;
      assert.deepEqual([details, nonRetryable, cause.type], [{ item: 7 }, true, 'RangeError']);
      assert.match(stack, /refusals\.test\.js/);
    }
  }
});

// ---- Errors that nobody caught ----------------------------------------------------------------------

test('a promise that was rejected and not handled is a line in the log', async () => {
  const seen = [];
  const listen = (error) => seen.push(error);
  process.on('unhandledRejection', listen);
  const script = new Script(async (ctx) => {
    (async () => {
      await ctx.activity('a');
      throw new RangeError('nobody hears this');
    })();
    Promise.reject('text');
    await ctx.timer(1);
  });
  await script.start();
  await script.complete(1);
  await script.fire(2);
  process.off('unhandledRejection', listen);
  const message = (what) => `A promise was rejected and nobody has handled it: ${what}`;
  assert.deepEqual(script.logs, [
    { level: 'error', message: message('text') },
    { level: 'error', message: message('RangeError: nobody hears this') },
  ]);
  assert.equal(script.end.kind, 'Completed');
  assert.deepEqual(seen, []);
  await script.checkReplay();
});

test('one that is handled later in the turn is none', async () => {
  const script = new Script(async (ctx) => {
    const branch = (async () => {
      await ctx.activity('a');
      throw new RangeError('heard');
    })();
    await ctx.activity('b');
    return branch.catch((error) => error.message);
  });
  await script.start();
  await script.deliver(
    { id: 5, at: 1, kind: 'ActivityCompleted', action: 1, result: 1 },
    { id: 6, at: 1, kind: 'ActivityCompleted', action: 2, result: 1 },
  );
  assert.equal(await script.output(), 'heard');
  assert.deepEqual(script.logs, []);
});

test('a failed activity that nobody awaits is none either', async () => {
  const script = new Script(async (ctx) => {
    ctx.activity('a');
    await ctx.activity('b');
  });
  await script.start();
  await script.fail(1);
  await script.complete(2);
  assert.equal(await script.output(), null);
  assert.deepEqual(script.logs, []);
});

for (const [name, begin] of Object.entries({
  microtask: (fail) => queueMicrotask(fail),
  tick: (fail) => process.nextTick(fail),
  timer: (fail) => setTimeout(fail, 0),
  immediate: (fail) => setImmediate(fail),
})) {
  test(`an error that reached nobody (${name}) fails the orchestration and not the process`, async () => {
    const script = new Script(async (ctx) => {
      await ctx.timer(1);
      begin(() => {
        throw new RangeError('reached nobody');
      });
      await ctx.timer(1);
    });
    const other = new Script(async (ctx) => ctx.timer(1));
    await Promise.all([script.start(), other.start()]);
    await Promise.all([script.fire(1), other.fire(1)]);
    assert.deepEqual([script.failure.type, script.failure.message], ['RangeError', 'reached nobody']);
    assert.equal(other.end.kind, 'Completed');
    await script.checkReplay();
  });
}

test('errors of others go where they always went', () => {
  const code = `
    const { Script } = require('./script.js');
    const script = new Script(async (ctx) => ctx.timer(1));
    script.start().then(() => {
      process.on('unhandledRejection', (error) => console.log('rejection', error.message));
      process.on('uncaughtException', (error) => console.log('exception', error.message));
      Promise.reject(new Error('one'));
      setTimeout(() => { throw new Error('two'); }, 1);
    });
  `;
  const found = execFileSync(process.execPath, ['-e', code], { cwd: __dirname, encoding: 'utf8' });
  assert.equal(found, 'rejection one\nexception two\n');
});

// ---- Dropped code -----------------------------------------------------------------------------------

test('dropped code has no effect, and runs no finally', async () => {
  const seen = [];
  let go;
  const outside = new Promise((resolve) => { go = resolve; });
  const script = new Script(async (ctx) => {
    const part = async () => {
      try {
        await ctx.waitForEvent('never');
      } finally {
        seen.push('part');
      }
    };
    outside.then(() => {
      seen.push('woken');
      ctx.activity('late');
      ctx.kv.set('late', 1);
      ctx.log.info('late');
    });
    await Promise.all([part(), part()]);
  });
  await script.start();
  script.host.close();
  go();
  await new Promise((resolve) => { setImmediate(resolve); });
  assert.deepEqual(seen, ['woken']);
  assert.deepEqual(script.strays, []);
  assert.deepEqual(kinds(script.actions), ['Event:never', 'Event:never']);
});
