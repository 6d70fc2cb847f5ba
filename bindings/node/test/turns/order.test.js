'use strict';
// Promises inside of an orchestration: what they emit, in which order, and that a replay emits the same.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { ActivityFailed, Cancelled, InvalidArgument, TimedOut } = require('../../lib/errors.js');
const { Chance } = require('../../lib/turns/chance.js');
const { Handle } = require('../../lib/turns/index.js');
const { Script, START, kinds } = require('./script.js');

test('a sequence awaits one activity after the other', async () => {
  const script = new Script(async (ctx, input) => ctx.activity('b', await ctx.activity('a', input)));
  assert.deepEqual(await script.start(1), [
    { id: 1, after: 1, kind: 'ScheduleActivity', name: 'a', input: 1 },
  ]);
  assert.deepEqual(await script.complete(1, 2), [
    { id: 2, after: 3, kind: 'ScheduleActivity', name: 'b', input: 2 },
  ]);
  assert.deepEqual(await script.complete(2, 'done'), []);
  assert.equal(await script.output(), 'done');
});

test('a plain function may be an orchestration', async () => {
  const script = new Script((ctx, input) => ({ twice: input * 2 }));
  await script.start(4);
  assert.deepEqual(await script.output(), { twice: 8 });
});

test('without a result it is null', async () => {
  const script = new Script(async () => {});
  await script.start();
  assert.equal(await script.output(), null);
});

test('Promise.all schedules all at once and keeps their order', async () => {
  const script = new Script(async (ctx) => Promise.all([0, 1, 2].map((item) => ctx.activity('work', item))));
  assert.deepEqual(kinds(await script.start()), ['Activity:work', 'Activity:work', 'Activity:work']);
  for (const action of [3, 1, 2]) await script.complete(action, action * 10);
  assert.deepEqual(await script.output(), [10, 20, 30]);
});

test('Promise.all fails with the first failure, which is that of the instance', async () => {
  const script = new Script(async (ctx) => Promise.all([ctx.activity('a'), ctx.activity('b')]));
  await script.start();
  await script.fail(2, 'Declined', 'the card');
  assert.equal(script.failure.type, 'Declined');
  assert.equal(script.failure.message, 'the card');
  await script.checkReplay();
});

test('Promise.allSettled has results and failures', async () => {
  const script = new Script(async (ctx) => {
    const settled = await Promise.allSettled([ctx.activity('a'), ctx.activity('b')]);
    return settled.map((each) => each.value ?? each.reason.type);
  });
  await script.start();
  await script.fail(1);
  await script.complete(2, 7);
  assert.deepEqual(await script.output(), ['Declined', 7]);
});

test('Promise.any takes the first result', async () => {
  const script = new Script(async (ctx) => Promise.any(['a', 'b', 'c'].map((name) => ctx.activity(name))));
  await script.start();
  await script.fail(1);
  await script.complete(3, 'c');
  assert.equal(await script.output(), 'c');
});

test('a failure is thrown as ActivityFailed, with all that is known of it', async () => {
  const script = new Script(async (ctx) => {
    try {
      return await ctx.activity('pay');
    } catch (error) {
      assert.ok(error instanceof ActivityFailed);
      return [error.name, error.activity, error.type, error.failure.message, error.message];
    }
  });
  await script.start();
  await script.fail(1, 'Declined', 'the card');
  assert.deepEqual(await script.output(), [
    'ActivityFailed', 'pay', 'Declined', 'the card', "Activity 'pay' failed: Declined: the card",
  ]);
});

test('the first event of a batch decides a race', async () => {
  for (const [winner, order] of [['timer', [0, 1]], ['event', [1, 0]]]) {
    const seen = [];
    const script = new Script(async (ctx) => {
      const event = ctx.waitForEvent('go').then(() => 'event');
      const timer = ctx.timer(1000).then(() => 'timer');
      for (const each of [event, timer]) each.then((name) => seen.push(name));
      return Promise.race([event, timer]);
    });
    await script.start();
    const at = script.now + 1000;
    const events = [
      (id) => ({ id, at, kind: 'TimerFired', action: 2 }),
      (id) => ({ id, at, kind: 'EventRaised', name: 'go', data: 1 }),
    ];
    await script.deliver(...order.map((which, place) => events[which](10 + place)));
    assert.equal(script.end.after, 10, 'the code has ended before the second event');
    assert.deepEqual(seen, [winner]);
    assert.equal(await script.output(), winner);
  }
});

test('long chains of promises run to their end between two events', async () => {
  const script = new Script(async (ctx) => {
    const log = [];
    const deep = async (depth) => (depth === 0 ? null : deep(depth - 1));
    const branch = async (name) => {
      for (let round = 0; round < 3; round += 1) {
        await ctx.waitForEvent(name);
        await deep(50);
        await null;
        log.push(`${name}${round}`);
      }
    };
    await Promise.all([branch('a'), branch('b')]);
    return log;
  });
  await script.start();
  const events = ['a', 'b', 'b', 'a', 'b', 'a'].map((name, at) => {
    return { id: 3 + at, at: START + at, kind: 'EventRaised', name, data: null };
  });
  await script.deliver(...events);
  assert.deepEqual(await script.output(), ['a0', 'b0', 'b1', 'a1', 'b2', 'a2']);
});

test('actions carry the event after which they came', async () => {
  const script = new Script(async (ctx) => {
    await ctx.waitForEvent('a');
    ctx.activity('x');
    await ctx.waitForEvent('b');
    ctx.activity('y');
    await ctx.waitForEvent('c');
  });
  await script.start();
  const [a, b] = ['a', 'b'].map((name) => script.event('EventRaised', { name, data: null }));
  const actions = await script.deliver(b, { ...a, id: b.id + 1 });
  assert.deepEqual(actions.map((each) => [each.id, each.after, each.kind]), [
    [2, b.id + 1, 'ScheduleActivity'], [3, b.id + 1, 'WaitForEvent'], [4, b.id + 1, 'ScheduleActivity'],
    [5, b.id + 1, 'WaitForEvent'],
  ]);
});

test('ticks and microtasks of the code count to the event that set them off', async () => {
  const script = new Script(async (ctx) => {
    await ctx.timer(1);
    const log = [];
    await new Promise((resolve) => {
      process.nextTick(() => {
        log.push('tick');
        queueMicrotask(() => {
          log.push('microtask');
          process.nextTick(resolve);
        });
      });
    });
    ctx.activity('then');
    return [...log, ctx.nowMS];
  });
  await script.start();
  assert.deepEqual(kinds(await script.fire(1)), ['Activity:then']);
  assert.deepEqual(await script.output(), ['tick', 'microtask', START + 1]);
});

test('a handle is started before it is awaited', async () => {
  const script = new Script(async (ctx) => {
    const early = ctx.activity('early');
    const late = await ctx.activity('late');
    return [await early, late, early.isDone];
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:early', 'Activity:late']);
  await script.complete(1, 'e');
  await script.complete(2, 'l');
  assert.deepEqual(await script.output(), ['e', 'l', true]);
});

test('a handle is a promise with a number, whose derived promises are plain', async () => {
  const script = new Script(async (ctx) => {
    const handle = ctx.activity('a');
    const derived = handle.then((value) => value + 1);
    const facts = [
      handle instanceof Handle, handle instanceof Promise, handle.action, derived instanceof Handle,
      handle.finally(() => {}) instanceof Handle, require('node:util').inspect(handle),
    ];
    return [...facts, await derived, await handle];
  });
  await script.start();
  await script.complete(1, 1);
  assert.deepEqual(await script.output(), [true, true, 1, false, false, "<activity 'a' #1 open>", 2, 1]);
});

test('timers are whole milliseconds, never early, and may be text', async () => {
  for (const [delay, fireAt] of [
    [500, START + 500], [0.1, START + 1], [99.9999999, START + 100], ['1.5s', START + 1500],
    ['24h', START + 86_400_000], [0, START], [-5, START - 5], [1e300, Number.MAX_SAFE_INTEGER], [-1e300, 0],
  ]) {
    const script = new Script(async (ctx) => ctx.timer(delay));
    const [action] = await script.start();
    assert.deepEqual([action.kind, action.fireAt], ['CreateTimer', fireAt], String(delay));
    await script.fire(1);
    assert.equal(await script.output(), null);
  }
  for (const delay of [NaN, Infinity, '5 parsecs', null, undefined, {}]) {
    const script = new Script(async (ctx) => ctx.timer(delay));
    await script.start();
    assert.equal(script.failure.type, 'InvalidArgument');
  }
});

test('sleepUntil takes a Date or milliseconds', async () => {
  for (const when of [(ctx) => new Date(ctx.nowMS + 60_000), (ctx) => ctx.now().getTime() + 60_000]) {
    const script = new Script(async (ctx) => {
      const before = ctx.now();
      await ctx.sleepUntil(when(ctx));
      return [before.toISOString(), ctx.now() - before];
    });
    assert.equal((await script.start())[0].fireAt, START + 60_000);
    await script.fire(1);
    assert.deepEqual(await script.output(), [new Date(START).toISOString(), 60_000]);
  }
});

test('ctx.race cancels the losers', async () => {
  const code = async (ctx) => ctx.race([ctx.waitForEvent('go'), ctx.timer(1000), ctx.activity('a')]);
  const early = new Script(code);
  assert.deepEqual(kinds(await early.start()), ['Event:go', 'Timer', 'Activity:a']);
  assert.deepEqual(kinds(await early.raise('go', 5)), ['Cancel:2', 'Cancel:3']);
  assert.equal(await early.output(), 5);

  const failed = new Script(code);
  await failed.start();
  assert.deepEqual(kinds(await failed.fail(3)), ['Cancel:1', 'Cancel:2']);
  assert.equal(failed.failure.type, 'Declined');
  await failed.checkReplay();
});

test('ctx.select names the winner', async () => {
  const script = new Script(async (ctx) => ctx.select({ go: ctx.waitForEvent('go'), late: ctx.timer(1000) }));
  await script.start();
  assert.deepEqual(kinds(await script.fire(2)), ['Cancel:1']);
  assert.deepEqual(await script.output(), ['late', null]);
});

test('ctx.withTimeout gives up what takes too long', async () => {
  const code = async (ctx) => {
    try {
      return await ctx.withTimeout('2s', ctx.activity('slow'));
    } catch (error) {
      assert.ok(error instanceof TimedOut);
      return error.message;
    }
  };
  const late = new Script(code);
  assert.deepEqual(kinds(await late.start()), ['Activity:slow', 'Timer']);
  assert.deepEqual(kinds(await late.fire(2)), ['Cancel:1']);
  assert.equal(await late.output(), 'The work took longer than 2s and was given up.');

  const early = new Script(code);
  await early.start();
  assert.deepEqual(kinds(await early.complete(1, 'result')), ['Cancel:2']);
  assert.equal(await early.output(), 'result');
});

test('races and time limits nest', async () => {
  const script = new Script(async (ctx) => {
    const step = async (name) => {
      await ctx.activity(name);
      return ctx.withTimeout(1000, ctx.waitForEvent(name));
    };
    return ctx.race([
      ctx.task(() => Promise.all([step('a'), step('b')])),
      ctx.task(async () => ctx.race([ctx.timer(5000).then(() => 'late'), step('c')])),
    ]);
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:a', 'Activity:b', 'Timer', 'Activity:c']);
  await script.complete(1);
  await script.complete(2);
  await script.complete(4);
  await script.raise('b', 2);
  assert.deepEqual(kinds(await script.raise('a', 1)), ['Cancel:6', 'Cancel:3', 'Cancel:9', 'Cancel:10']);
  assert.deepEqual(await script.output(), [1, 2]);
});

test('a race of nothing is refused', async () => {
  const script = new Script(async (ctx) => ctx.race([]));
  await script.start();
  assert.match(script.failure.message, /would never end/);
});

test('a task can be cancelled: what it awaits is given up', async () => {
  const script = new Script(async (ctx) => {
    const task = ctx.task(async () => {
      try {
        await Promise.all([ctx.activity('a'), ctx.timer(1000)]);
      } catch (error) {
        await ctx.activity('undo');
        return error instanceof Cancelled;
      }
    });
    await ctx.waitForEvent('stop');
    const was = [task.isDone, task.cancel()];
    return [...was, await task, task.isDone, task.cancel()];
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:a', 'Timer', 'Event:stop']);
  assert.deepEqual(kinds(await script.raise('stop')), ['Cancel:1', 'Cancel:2', 'Activity:undo']);
  await script.complete(6);
  assert.deepEqual(await script.output(), [false, true, true, true, false]);
});

test('a cancelled task that nobody awaits is no news', async () => {
  const script = new Script(async (ctx) => {
    const task = ctx.task(() => ctx.activity('a'));
    await ctx.timer(1);
    task.cancel();
    await ctx.timer(1);
  });
  await script.start();
  assert.deepEqual(kinds(await script.fire(2)), ['Cancel:1', 'Timer']);
  await script.fire(4);
  assert.equal(await script.output(), null);
  assert.deepEqual(script.logs, []);
});

test('a task belongs to what began it, handles of others do not', async () => {
  const script = new Script(async (ctx) => {
    const shared = ctx.activity('shared');
    const task = ctx.task(async () => {
      ctx.task(() => ctx.activity('inner')).catch(() => {});
      await shared;
    });
    await ctx.timer(1);
    task.cancel();
    await task;
    return 'the shared one went on';
  });
  await script.start();
  assert.deepEqual(kinds(await script.fire(3)), ['Cancel:2']);
  await script.complete(1);
  assert.equal(await script.output(), 'the shared one went on');
});

test('what is not a task is refused', async () => {
  for (const code of [
    (ctx) => ctx.task(Promise.resolve()), (ctx) => ctx.shield(1), (ctx) => ctx.select(null),
  ]) {
    const script = new Script(async (ctx) => code(ctx));
    await script.start();
    assert.equal(script.failure.type, 'InvalidArgument');
  }
});

test('a cancelled handle throws at its awaits, once', async () => {
  const script = new Script(async (ctx) => {
    const handle = ctx.activity('a');
    const first = handle.cancel();
    const again = handle.cancel();
    try {
      await handle;
    } catch (error) {
      return [first, again, error instanceof Cancelled, error.message];
    }
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:a', 'Cancel:1']);
  assert.deepEqual(await script.output(), [true, false, true, "The activity 'a' was cancelled by the code."]);
});

test('a result after a cancel is ignored', async () => {
  const script = new Script(async (ctx) => {
    const handle = ctx.activity('a');
    await ctx.timer(1);
    handle.cancel();
    return ctx.waitForEvent('go');
  });
  await script.start();
  await script.fire(2);
  await script.complete(1, 'too late');
  await script.complete(99, 'nobody asked');
  await script.raise('go', 'on');
  assert.equal(await script.output(), 'on');
});

test('code stops where it ends, and later events are not delivered', async () => {
  const script = new Script(async (ctx) => {
    (async () => {
      for (;;) await ctx.activity('again');
    })();
    return ctx.waitForEvent('go');
  });
  await script.start();
  const go = script.event('EventRaised', { name: 'go', data: 1 });
  await script.deliver(go, { ...go, id: go.id + 1, kind: 'ActivityCompleted', action: 1, result: null });
  assert.deepEqual(script.end, { after: go.id, kind: 'Completed', output: 1 });
  assert.deepEqual(kinds(script.actions), ['Activity:again', 'Event:go']);
  await script.checkReplay();
});

test('what runs on after the end is ignored, in the same event, too', async () => {
  const script = new Script(async (ctx) => {
    (async () => {
      await ctx.waitForEvent('go');
      for (let round = 0; round < 20; round += 1) await null;
      ctx.setCustomStatus('too late');
      await ctx.activity('too late');
      throw new Error('unheard');
    })();
    await ctx.activity('a');
    return 'ended';
  });
  await script.start();
  await script.deliver(
    { id: 3, at: START, kind: 'EventRaised', name: 'go', data: 1 },
    { id: 4, at: START, kind: 'ActivityCompleted', action: 2, result: 1 },
  );
  assert.deepEqual(kinds(script.actions), ['Event:go', 'Activity:a', 'SetCustomStatus', 'Activity:too late']);
  const fast = new Script(async (ctx) => {
    ctx.activity('a').then(async () => {
      for (let round = 0; round < 20; round += 1) await null;
      ctx.setCustomStatus('too late');
      await ctx.activity('too late');
    });
    await ctx.activity('b');
  });
  await fast.start();
  const [a, b] = [1, 2].map((action) => {
    return { id: 2 + action, at: START, kind: 'ActivityCompleted', action, result: 1 };
  });
  await fast.deliver(b, a);
  assert.deepEqual(kinds(fast.actions), ['Activity:a', 'Activity:b']);
  assert.equal(fast.end.after, 4);
});

test('orchestrations and activities are named by their definitions', async () => {
  const { activity, orchestration } = require('../../lib/definitions.js');
  const pay = activity('pay', () => {}, { startToClose: '30s', tag: 'gpu', retry: {} });
  const ship = orchestration('ship', () => {}, { version: '2.0.0' });
  const script = new Script(async (ctx) => {
    ctx.activity(pay, 1);
    ctx.activity(pay, 2, { tag: 'cpu', retry: { maxAttempts: 5 } });
    ctx.subOrchestration(ship, 3, { version: '2.0.0', instance: 'kid', closePolicy: 'abandon' });
    const audit = { instance: 'audit-1', version: '3.0.0' };
    const ids = [ctx.startDetached(ship, 4), ctx.startDetached('audit', 5, audit)];
    const wrong = [];
    for (const call of [
      () => ctx.activity(ship), () => ctx.subOrchestration(pay), () => ctx.activity(() => {}),
      () => ctx.activity('a', 1, { timeout: 5 }), () => ctx.subOrchestration('a', 1, { closePolicy: 'kill' }),
      () => ctx.activity('a', 1, { startToClose: 0 }),
      () => ctx.startDetached('a', 1, { closePolicy: 'cancel' }),
    ]) {
      assert.throws(call, (error) => wrong.push(error.message) && error instanceof InvalidArgument);
    }
    return { ids, wrong };
  });
  assert.deepEqual(await script.start(), [
    {
      id: 1, after: 1, kind: 'ScheduleActivity', name: 'pay', input: 1,
      options: { retry: {}, startToCloseMS: 30_000, tag: 'gpu' },
    },
    {
      id: 2, after: 1, kind: 'ScheduleActivity', name: 'pay', input: 2,
      options: { retry: { maxAttempts: 5 }, startToCloseMS: 30_000, tag: 'cpu' },
    },
    {
      id: 3, after: 1, kind: 'ScheduleSubOrchestration', name: 'ship', version: '2.0.0', instance: 'kid',
      input: 3, closePolicy: 'abandon',
    },
    { id: 4, after: 1, kind: 'StartDetached', name: 'ship', input: 4 },
    {
      id: 5, after: 1, kind: 'StartDetached', name: 'audit', version: '3.0.0', instance: 'audit-1', input: 5,
    },
  ]);
  const { ids, wrong } = await script.output();
  assert.deepEqual(ids, ['test-1.1.4', 'audit-1']);
  assert.match(wrong[0], /is an orchestration: ctx.subOrchestration/);
  assert.match(wrong[3], /do not know 'timeout'/);
});

test('the context tells who it is', async () => {
  const script = new Script(async (ctx) => [
    ctx.instanceId, ctx.executionId, ctx.name, ctx.version, ctx.parent, ctx.traceparent, ctx.tracestate,
    ctx.isReplaying, String(require('node:util').inspect(ctx)),
  ]);
  const started = script.event('OrchestrationStarted', {
    name: 'test', version: '1.0.0', input: null, parent: { instance: 'p', execution: 2, action: 3 },
  });
  await script.deliver(started);
  assert.deepEqual(script.end.output, [
    'test-1', 1, 'test', '1.0.0', { instance: 'p', execution: 2, action: 3 }, null, null, false,
    "<orchestration 'test' of instance 'test-1'>",
  ]);
});

test('GUIDs and random numbers are derived as in every language', async () => {
  for (const [instance, execution, guid, number] of [
    ['bestellung-ü', 3, 'cb01d589-fd61-4e57-8a85-d020c5b784a4', 0.31540874109327666],
    ['test-1', 1, '73f623a9-8b8a-4866-a45d-85d3d67b2b0e', undefined],
  ]) {
    const chance = new Chance(instance, execution);
    assert.equal(chance.guid(), guid);
    if (number !== undefined) assert.equal(chance.number(), number);
  }
  const script = new Script(async (ctx) => [ctx.newGuid(), ctx.newGuid(), ctx.random()]);
  await script.start();
  assert.deepEqual(await script.output(), [
    '73f623a9-8b8a-4866-a45d-85d3d67b2b0e', '49c9a8e0-d52d-4e54-8332-9403dd26b627', 0.09746864294148472,
  ]);
});

test('a value is taken as it was when given', async () => {
  const script = new Script(async (ctx) => {
    const items = [1];
    const handle = ctx.activity('a', items);
    items.push(2);
    await handle;
  });
  assert.deepEqual((await script.start())[0].input, [1]);
});
