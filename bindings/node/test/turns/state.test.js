'use strict';
// What the host keeps for the code: key-value state, patches, lateness, metrics, logs; limits at the call.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { InvalidArgument, LimitExceeded } = require('../../lib/errors.js');
const { Script, START, kinds } = require('./script.js');

// ---- Key-value state --------------------------------------------------------------------------------

test('code reads what it has set, as a copy', async () => {
  const script = new Script(async (ctx) => {
    ctx.kv.set('list', [1]);
    ctx.kv.get('list').push(2);
    ctx.kv.set('none', null);
    const seen = [ctx.kv.get('list'), ctx.kv.get('none', 'default'), ctx.kv.get('missing', 'default')];
    ctx.kv.clear('none');
    const { kv } = ctx;
    return [seen, kv.all(), kv.has('list'), kv.has('none'), kv.size, kv.get('no') === undefined];
  });
  assert.deepEqual(kinds(await script.start()), ['SetKV:list', 'SetKV:none', 'ClearKV:none']);
  assert.deepEqual(await script.output(), [[[1], null, 'default'], { list: [1] }, true, false, 1, true]);
});

test('keys are in the order of their bytes', async () => {
  const script = new Script(async (ctx) => {
    for (const key of ['ü', 'b', '🦄', '\uffee', 'a', 'B']) ctx.kv.set(key, key);
    return [ctx.kv.keys(), Object.keys(ctx.kv.all())];
  });
  await script.start();
  const keys = ['B', 'a', 'b', 'ü', '\uffee', '🦄'];
  assert.deepEqual(await script.output(), [keys, keys]);
});

test('the state of the last execution is there', async () => {
  const script = new Script(async (ctx) => {
    const before = ctx.kv.all();
    ctx.kv.clearAll();
    ctx.kv.set('n', ctx.executionId);
    return [before, ctx.kv.all()];
  }, { kv: [{ key: 'n', value: { x: [null] }, at: 5 }] });
  assert.deepEqual(kinds(await script.start()), ['ClearAllKV', 'SetKV:n']);
  assert.deepEqual(await script.output(), [{ n: { x: [null] } }, { n: 1 }]);
});

test('pruning goes by the time of the events', async () => {
  const script = new Script(async (ctx) => {
    ctx.kv.set('b', 1);
    ctx.kv.set('a', 1);
    await ctx.timer(1000);
    ctx.kv.set('a', 2);
    return [ctx.kv.pruneBefore(START), ctx.kv.pruneBefore(ctx.now()), ctx.kv.keys()];
  }, { kv: ['old', 'older'].map((key) => ({ key, value: 0, at: START - 1 })) });
  await script.start();
  assert.deepEqual(kinds(await script.fire(3)), ['SetKV:a', 'ClearKV:old', 'ClearKV:older', 'ClearKV:b']);
  assert.deepEqual(await script.output(), [2, 1, ['a']]);
});

// ---- Patches ----------------------------------------------------------------------------------------

const before = async (ctx) => ctx.activity('old');
const after = async (ctx) => {
  if (ctx.patched('change')) return [await ctx.activity('new'), ctx.patched('change')];
  return [await ctx.activity('old'), ctx.patched('change')];
};
const deprecated = async (ctx) => {
  ctx.deprecatePatch('change');
  ctx.deprecatePatch('change');
  return [await ctx.activity('new'), true];
};

/** The actions of other code over the same history, up to where the script is. */
async function replayedBy(script, code) {
  const other = new Script(code);
  other.actions = script.actions;
  other.events = script.events;
  return kinds((await other.cold()).actions);
}

test('a new instance takes the new path, one from before the change the old one', async () => {
  const script = new Script(after);
  assert.deepEqual(kinds(await script.start()), ['Patch:change', 'Activity:new']);
  await script.complete(2, 'n');
  assert.deepEqual(await script.output(), ['n', true]);

  const old = new Script(before);
  await old.start();
  assert.deepEqual(await replayedBy(old, after), ['Activity:old']);
});

test('a patch is deprecated when the old way is gone', async () => {
  const script = new Script(after);
  await script.start();
  assert.deepEqual(await replayedBy(script, deprecated), ['Patch:change', 'Activity:new']);
  const fresh = new Script(deprecated);
  assert.deepEqual(kinds(await fresh.start()), ['Activity:new']);
  assert.deepEqual(await replayedBy(fresh, deprecated), ['Activity:new']);
});

test('a patch first met at a new event of an old instance is taken', async () => {
  const script = new Script(async (ctx) => {
    await ctx.activity('a');
    return ctx.patched('later');
  });
  await script.start();
  const completed = script.event('ActivityCompleted', { action: 1, result: null });
  const answer = await script.newHost().turn(script.request([...script.events, completed], 0, 1));
  assert.deepEqual(kinds(answer.actions), ['Activity:a', 'Patch:later']);
  assert.equal(answer.end.output, true);
});

// ---- Lateness, status, metrics, logs ----------------------------------------------------------------

test('code is told when the history grows long', async () => {
  const script = new Script(async (ctx) => {
    let count = 0;
    while (!ctx.shouldContinueAsNew) {
      await ctx.dequeue('q');
      count += 1;
    }
    ctx.continueAsNew(count);
  });
  await script.start();
  await script.enqueue('q');
  await script.deliver({ ...script.event('EventRaised', { name: 'other', data: null }), late: true });
  assert.equal(script.end, undefined);
  await script.enqueue('q');
  assert.deepEqual(script.end, { after: 7, kind: 'ContinuedAsNew', input: 2 });
});

test('the custom status is set and cleared', async () => {
  const script = new Script(async (ctx) => {
    ctx.setCustomStatus({ step: 1 });
    ctx.setCustomStatus(null);
    ctx.setCustomStatus();
  });
  assert.deepEqual((await script.start()).map(({ kind, status }) => [kind, status]), [
    ['SetCustomStatus', { step: 1 }], ['SetCustomStatus', undefined], ['SetCustomStatus', undefined],
  ]);
});

test('lines and measurements come once', async () => {
  const script = new Script(async (ctx) => {
    ctx.log.info('began with %s', 1, { a: 1 });
    ctx.metric('orders', 1);
    await ctx.activity('a');
    ctx.log.warn('ended\0\ud800');
    ctx.metric('seconds', 0.5, { kind: 'histogram', attributes: { shop: 'north' } });
  });
  await script.start();
  await script.complete(1);
  assert.deepEqual(script.logs, [
    { level: 'info', message: 'began with 1 { a: 1 }' }, { level: 'warn', message: 'ended\\0\ufffd' },
  ]);
  assert.deepEqual(script.metrics, [
    { name: 'orders', kind: 'counter', value: 1 },
    { name: 'seconds', kind: 'histogram', value: 0.5, attributes: { shop: 'north' } },
  ]);
  await script.checkReplay();
});

test('what is wrong with a measurement is told at the call', async () => {
  const script = new Script(async (ctx) => {
    const calls = [
      () => ctx.metric('', 1), () => ctx.metric('a', NaN), () => ctx.metric('a', '1'),
      () => ctx.metric('a', 1, { kind: 'meter' }), () => ctx.metric('a', 1, { attributes: { b: 1 } }),
      () => ctx.metric('a', 1, { unit: 's' }), () => ctx.metric('a', 1, { attributes: null }),
    ];
    const isOurs = (error) => [InvalidArgument, LimitExceeded].includes(error.constructor);
    for (const call of calls) assert.throws(call, isOurs);
  });
  await script.start();
  assert.equal(await script.output(), null);
  assert.deepEqual(script.metrics, []);
});

// ---- Limits -----------------------------------------------------------------------------------------

test('what is over a limit is refused at the call, can be caught, and lists nothing', async () => {
  const long = 'x'.repeat(257);
  const large = 'x'.repeat(2001);
  const calls = {
    name: (ctx) => ctx.activity(long),
    empty: (ctx) => ctx.waitForEvent(''),
    instance: (ctx) => ctx.raiseEvent('x'.repeat(513), 'a'),
    tag: (ctx) => ctx.activity('a', 1, { tag: long }),
    input: (ctx) => ctx.activity('a', large),
    child: (ctx) => ctx.subOrchestration('a', large),
    status: (ctx) => ctx.setCustomStatus(large),
    value: (ctx) => ctx.kv.set('k', large),
    key: (ctx) => ctx.kv.set(long, 1),
    keys: (ctx) => ['a', 'b', 'c'].forEach((key) => ctx.kv.set(key, 1)),
    next: (ctx) => ctx.continueAsNew(large),
    published: (ctx) => ctx.publish('t', large),
    pending: (ctx) => [1, 2, 3, 4].map(() => ctx.timer(1)),
    timeouts: (ctx) => [1, 2].map(() => setTimeout(() => {}, 1)),
  };
  const script = new Script(async (ctx) => {
    const found = {};
    for (const [name, call] of Object.entries(calls)) {
      assert.throws(() => call(ctx), (error) => {
        found[name] = error.message;
        return error instanceof LimitExceeded && error.failureType === 'perdure.LimitExceeded';
      }, name);
    }
    return found;
  }, {
    limits: { payloadBytes: 2000, customStatusBytes: 1000, kvValueBytes: 1000, kvKeys: 2, pendingActions: 3 },
  });
  assert.deepEqual(kinds(await script.start()), ['SetKV:a', 'SetKV:b', 'Timer', 'Timer', 'Timer']);
  const found = await script.output();
  assert.deepEqual(Object.keys(found), Object.keys(calls));
  assert.equal(found.empty, 'The name of the event is empty.');
  assert.equal(found.pending, '3 actions are pending; the limit is 3 per instance.');
});

test('a result over the limit fails the orchestration', async () => {
  const script = new Script(async () => 'x'.repeat(1000), { limits: { payloadBytes: 1000 } });
  await script.start();
  assert.equal(script.failure.type, 'perdure.LimitExceeded');
  const message = "The result of orchestration 'test' has 1002 bytes; the limit is 1000.";
  assert.equal(script.failure.message, message);
  await script.checkReplay();
});

test('a failure that is too large says how large it is', async () => {
  const script = new Script(async () => {
    throw new Error('x'.repeat(5000));
  }, { limits: { payloadBytes: 1000 } });
  await script.start();
  assert.equal(script.failure.type, 'perdure.LimitExceeded');
  assert.match(script.failure.message, /The failure of the orchestration has \d+ bytes/);
});
