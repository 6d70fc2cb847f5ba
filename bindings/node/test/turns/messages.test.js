'use strict';
// Events, queues, topics, requests to others, calls and queries.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { InvalidArgument, MessageRefused, WrongStatus } = require('../../lib/errors.js');
const { Script, kinds } = require('./script.js');

test('an event that came early is kept', async () => {
  const script = new Script(async (ctx) => {
    await ctx.timer(1);
    return [await ctx.waitForEvent('go'), await ctx.waitForEvent('go')];
  });
  await script.start();
  await script.raise('go', 1);
  await script.raise('go', 2);
  assert.deepEqual(kinds(await script.fire(1)), ['Event:go', 'Event:go']);
  assert.deepEqual(await script.output(), [1, 2]);
});

test('a cancelled wait takes nothing', async () => {
  const script = new Script(async (ctx) => {
    const given = ctx.waitForEvent('go');
    const kept = ctx.waitForEvent('go');
    given.cancel();
    return kept;
  });
  await script.start();
  await script.raise('go', 1);
  assert.equal(await script.output(), 1);
});

test('a wait that was dropped takes what is its own', async () => {
  const script = new Script(async (ctx) => {
    ctx.waitForEvent('go');
    await ctx.activity('a');
    return ctx.waitForEvent('go');
  });
  await script.start();
  await script.raise('go', 1);
  await script.complete(2);
  await script.raise('go', 2);
  assert.equal(await script.output(), 2);
});

test('queues and events of one name are not the same', async () => {
  const script = new Script(async (ctx) => [await ctx.dequeue('x'), await ctx.waitForEvent('x')]);
  await script.start();
  await script.raise('x', 'event');
  await script.enqueue('x', 'message');
  assert.deepEqual(await script.output(), ['message', 'event']);
});

test('three hundred messages come in their order', async () => {
  const script = new Script(async (ctx) => {
    await ctx.timer(1);
    const seen = [];
    for (let at = 0; at < 300; at += 1) seen.push(await ctx.dequeue('q'));
    return seen;
  });
  await script.start();
  for (let at = 0; at < 300; at += 1) await script.enqueue('q', at);
  await script.fire(1);
  assert.deepEqual(await script.output(), Array.from({ length: 300 }, (_, at) => at));
});

test('topics', async () => {
  const script = new Script(async (ctx) => {
    ctx.subscribe('news');
    const first = await ctx.waitForTopic('news');
    ctx.publish('echo', first);
    const second = await ctx.waitForTopic('news');
    ctx.unsubscribe('news');
    return [first, second];
  });
  assert.deepEqual(kinds(await script.start()), ['SubscribeTopic:news', 'Topic:news']);
  await script.raise('news', 'an event');
  await script.publish('other', 'another topic');
  assert.deepEqual(kinds(await script.publish('news', 1)), ['Publish:echo', 'Topic:news']);
  assert.deepEqual(kinds(await script.publish('news', 2)), ['UnsubscribeTopic:news']);
  assert.deepEqual(await script.output(), [1, 2]);
});

test('requests to other instances, and what becomes of them', async () => {
  const script = new Script(async (ctx) => {
    const sent = await ctx.raiseEvent('a', 'go', { x: 1 });
    const value = await ctx.readKV('b', 'k');
    const none = await ctx.readKV('b', 'k');
    try {
      await ctx.enqueue('c', 'q', 1, { keep: true });
    } catch (error) {
      const isRefused = error instanceof MessageRefused;
      return [sent ?? 'sent', value, none === undefined, isRefused, error.type, error.message];
    }
  });
  assert.deepEqual(await script.start(), [
    { id: 1, after: 1, kind: 'RaiseEvent', instance: 'a', name: 'go', data: { x: 1 } },
  ]);
  const answered = (action, result) => script.deliver(script.event('RequestCompleted', { action, result }));
  assert.deepEqual(await answered(1, null), [{ id: 2, after: 3, kind: 'ReadKV', instance: 'b', key: 'k' }]);
  await answered(2, { value: 7 });
  await answered(3, {});
  assert.deepEqual([script.actions[3].keep, script.actions[3].kind], [true, 'Enqueue']);
  const failure = { type: 'perdure.NotFound', message: "no instance 'c'" };
  await script.deliver(script.event('RequestFailed', { action: 4, failure }));
  assert.deepEqual(await script.output(), [
    'sent', 7, true, true, 'perdure.NotFound',
    "Sending queue 'q' to instance 'c' failed: perdure.NotFound: no instance 'c'",
  ]);
});

test('a request need not be awaited, and its refusal is nobody\'s then', async () => {
  const script = new Script(async (ctx) => {
    ctx.cancelInstance('a', 'enough');
    await ctx.timer(1);
  });
  assert.deepEqual((await script.start())[0], {
    id: 1, after: 1, kind: 'CancelInstance', instance: 'a', reason: 'enough',
  });
  const failure = { type: 'perdure.NotFound', message: '' };
  await script.deliver(script.event('RequestFailed', { action: 1, failure }));
  await script.fire(2);
  assert.equal(await script.output(), null);
  assert.deepEqual(script.logs, []);
});

// ---- Calls ------------------------------------------------------------------------------------------

test('code takes calls one by one, each with one answer', async () => {
  const script = new Script(async (ctx) => {
    const first = await ctx.nextCall('add');
    first.answer(first.input + 1);
    assert.throws(() => first.answer(1), WrongStatus);
    const second = await ctx.nextCall('add');
    assert.throws(() => second.reject(7), InvalidArgument);
    assert.throws(() => second.answer(NaN), InvalidArgument);
    second.reject('not today');
    return [first.isAnswered, second.id, second.name];
  });
  assert.deepEqual(kinds(await script.start()), ['Call:add']);
  assert.deepEqual(await script.call('c-1', 'add', 1), [
    { id: 2, after: 3, kind: 'AnswerCall', call: 'c-1', result: 2 },
    { id: 3, after: 3, kind: 'WaitForCall', name: 'add' },
  ]);
  assert.deepEqual((await script.call('c-2', 'add', 1))[0].failure, {
    type: 'perdure.CallRejected', message: 'not today',
  });
  assert.deepEqual(await script.output(), [true, 'c-2', 'add']);
});

test('a handler serves while the code waits, and wakes it', async () => {
  const script = new Script(async (ctx) => {
    const items = [];
    let enough;
    const full = new Promise((resolve) => { enough = resolve; });
    ctx.onCall('add', (item) => {
      items.push(item);
      if (items.length === 2) enough();
      return items.length;
    });
    await full;
    return items;
  });
  assert.deepEqual(kinds(await script.start()), ['Call:add']);
  assert.deepEqual(kinds(await script.call('c-1', 'add', 'a')), ['Answer:c-1', 'Call:add']);
  assert.deepEqual(kinds(await script.call('c-2', 'add', 'b')).slice(0, 1), ['Answer:c-2']);
  assert.deepEqual(await script.output(), ['a', 'b']);
});

for (const [how, handler] of Object.entries({
  async: (ctx) => async (input) => {
    await ctx.timer(1);
    return ctx.activity('work', input);
  },
  generator: (ctx) => function* handle(input) {
    yield ctx.timer(1);
    return yield ctx.activity('work', input);
  },
})) {
  test(`a durable handler (${how}) takes one call after the other`, async () => {
    const script = new Script(async (ctx) => {
      ctx.onCall('work', handler(ctx));
      await ctx.waitForEvent('stop');
    });
    await script.start();
    assert.deepEqual(kinds(await script.call('c-1', 'work', 1)), ['Timer']);
    assert.deepEqual(kinds(await script.call('c-2', 'work', 2)), []);
    assert.deepEqual(kinds(await script.fire(3)), ['Activity:work']);
    assert.deepEqual(kinds(await script.complete(4, 'one')), ['Answer:c-1', 'Call:work', 'Timer']);
    await script.fire(7);
    await script.fail(8);
    assert.equal(script.actions.at(-2).failure.type, 'Declined');
    await script.raise('stop');
    assert.equal(await script.output(), null);
  });
}

test('what a handler throws is the failure of the answer', async () => {
  const script = new Script(async (ctx) => {
    ctx.onCall('x', (input) => {
      if (input === 1) throw Object.assign(new RangeError('one is odd'), { details: { why: 1 } });
      if (input === 2) return new Map();
      if (input === 3) ctx.continueAsNew();
      if (input === 4) throw 'text';
      return Promise.reject(new Error('x'.repeat(3000)));
    });
    await ctx.waitForEvent('stop');
  }, { limits: { payloadBytes: 2000 } });
  await script.start();
  const failures = [];
  for (const input of [1, 2, 3, 4, 5]) {
    const [answer] = await script.call(`c-${input}`, 'x', input);
    failures.push(answer.failure);
  }
  assert.deepEqual(failures.map((each) => each.type), [
    'RangeError', 'InvalidArgument', 'WrongStatus', 'Error', 'perdure.LimitExceeded',
  ]);
  assert.deepEqual(failures[0].details, { why: 1 });
  assert.match(failures[2].message, /only its own code can call it/);
  await script.raise('stop');
  assert.equal(script.end.kind, 'Completed');
});

test('a validator refuses before anything happens', async () => {
  const script = new Script(async (ctx) => {
    const seen = [];
    const validator = (value) => {
      if (value > 3) throw new RangeError('at most 3');
    };
    ctx.onCall('add', (value) => { seen.push(value); }, { validator });
    ctx.onCall('odd', () => {}, { validator: async () => {} });
    await ctx.waitForEvent('stop');
    return seen;
  });
  await script.start();
  await script.call('c-1', 'add', 3);
  const { type, message } = (await script.call('c-2', 'add', 4))[0].failure;
  assert.deepEqual([type, message], ['perdure.CallRejected', 'at most 3']);
  assert.match((await script.call('c-3', 'odd'))[0].failure.message, /must be a plain function/);
  await script.raise('stop');
  assert.deepEqual(await script.output(), [3]);
});

test('calls are answered while a cancelled orchestration cleans up', async () => {
  const script = new Script(async (ctx) => {
    let state = 'running';
    ctx.onCall('state', () => state);
    ctx.onCall('work', async (value) => {
      await ctx.timer(1);
      return ctx.activity('work', value);
    });
    try {
      await ctx.waitForEvent('never');
    } finally {
      state = 'cleaning up';
      await ctx.activity('undo');
    }
  });
  await script.start();
  await script.call('c-1', 'work', 1);
  assert.deepEqual(kinds(await script.cancel()), ['Cancel:3', 'Activity:undo']);
  assert.equal((await script.call('c-2', 'state'))[0].result, 'cleaning up');
  await script.fire(4);
  assert.deepEqual(kinds(await script.complete(9, 'worked')), ['Answer:c-1', 'Call:work']);
  await script.complete(6);
  assert.equal(script.end.kind, 'Cancelled');
  await script.checkReplay();
});

test('a handler outlives the task that has registered it', async () => {
  const script = new Script(async (ctx) => {
    const task = ctx.task(async () => {
      ctx.onCall('echo', async (value) => ctx.activity('echo', value));
      await ctx.timer(1);
    });
    await ctx.waitForEvent('stop');
    task.cancel();
    await ctx.waitForEvent('stop');
  });
  await script.start();
  await script.call('c-1', 'echo', 1);
  assert.deepEqual(kinds(await script.raise('stop')), ['Cancel:2', 'Event:stop']);
  assert.deepEqual(kinds(await script.complete(4, 'one')), ['Answer:c-1', 'Call:echo']);
  await script.raise('stop');
  assert.equal(await script.output(), null);
});

test('what is no handler is refused', async () => {
  const script = new Script(async (ctx) => {
    for (const call of [
      () => ctx.onCall('a', 'handler'), () => ctx.onCall('a', () => {}, { validator: 1 }),
      () => ctx.onCall('a', () => {}, { validators: [] }), () => ctx.onQuery('a', async () => {}),
      () => ctx.onQuery('a', function* handler() { yield 1; }), () => ctx.onQuery('a', null),
    ]) assert.throws(call, InvalidArgument);
  });
  assert.deepEqual(await script.start(), []);
  assert.equal(await script.output(), null);
});

// ---- Queries ----------------------------------------------------------------------------------------

test('a query looks at code beside the live one', async () => {
  let built = 0;
  const script = new Script(async (ctx) => {
    built += 1;
    const seen = [];
    ctx.onQuery('seen', (count) => (count ? seen.slice(-count) : seen));
    ctx.onQuery('kv', () => ctx.kv.all());
    while (seen.length < 3) {
      seen.push(await ctx.waitForEvent('go'));
      ctx.kv.set('last', seen.at(-1));
    }
    return seen;
  });
  await script.start();
  await script.raise('go', 1);
  assert.deepEqual(await script.query('seen'), { result: [1] });
  await script.raise('go', 2);
  assert.deepEqual(await script.query('seen', 1), { result: [2] });
  assert.deepEqual(await script.query('kv'), { result: { last: 2 } });
  await script.raise('go', 3);
  assert.equal(built, 4, 'the live code was not disturbed');
  assert.deepEqual(await script.query('seen'), { result: [1, 2, 3] }, 'also after the end');
  assert.deepEqual(await script.output(), [1, 2, 3]);
});

test('what is wrong with a query is its failure', async () => {
  const script = new Script(async (ctx) => {
    ctx.onQuery('hidden', () => Promise.reject(new Error('unheard')));
    ctx.onQuery('durable', () => ctx.activity('a'));
    ctx.onQuery('sleeps', () => setTimeout(() => {}, 1));
    ctx.onQuery('sets', () => ctx.kv.set('a', 1));
    ctx.onQuery('ends', () => ctx.continueAsNew());
    ctx.onQuery('fails', () => { throw new TypeError('no such thing'); });
    ctx.onQuery('map', () => new Map());
    await ctx.waitForEvent('stop');
  });
  await script.start();
  for (const [name, message] of Object.entries({
    durable: 'cannot do durable work', sleeps: 'cannot do durable work', sets: 'cannot do durable work',
    ends: 'cannot do durable work', fails: 'no such thing', map: 'is a Map',
    hidden: 'must be a plain function',
    unknown: "instance 'test-1' has no handler for the query 'unknown'; it has 'durable', 'ends', 'fails', ",
  })) {
    const { failure } = await script.query(name);
    assert.ok(failure?.message.includes(message), `${name}: ${JSON.stringify(failure)}`);
  }
  const { failure } = await script.query('unknown');
  assert.deepEqual([failure.type, failure.nonRetryable], ['perdure.NotRegistered', true]);
  await script.raise('stop');
  assert.equal(await script.output(), null);
});
