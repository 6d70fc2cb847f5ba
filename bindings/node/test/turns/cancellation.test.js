'use strict';
// How a cancellation reaches the code: every await of it, once; what is awaited there is given up.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Cancelled } = require('../../lib/errors.js');
const { Script, kinds } = require('./script.js');

const WAITING = {
  all: async (ctx) => Promise.all([ctx.activity('a'), ctx.waitForEvent('e'), ctx.timer(9)]),
  allSettled: async (ctx) => {
    for (const each of await Promise.allSettled([ctx.activity('a'), ctx.activity('b')])) {
      if (each.status === 'rejected') throw each.reason;
    }
  },
  any: async (ctx) => Promise.any([ctx.activity('a'), ctx.dequeue('q')]),
  race: async (ctx) => ctx.race([ctx.activity('a'), ctx.dequeue('q'), ctx.timer(1)]),
  limit: async (ctx) => ctx.withTimeout(1000, ctx.activity('a')),
  backwards: async (ctx) => {
    const [first, second, third] = [ctx.activity('a'), ctx.activity('b'), ctx.dequeue('q')];
    await Promise.all([third, second, first]);
  },
  nested: async (ctx) => {
    const inner = async () => Promise.all([ctx.activity('b'), ctx.timer(1)]);
    await Promise.all([ctx.activity('a'), inner()]);
  },
  tasks: async (ctx) => Promise.all(['a', 'b'].map((name) => ctx.task(() => ctx.activity(name)))),
  generator: function* code(ctx) {
    const inner = function* inner() {
      yield Promise.all([ctx.activity('a'), ctx.timer(1)]);
    };
    yield* inner();
  },
  timers: async () => require('node:timers/promises').setTimeout(50),
};

for (const [name, code] of Object.entries(WAITING)) {
  test(`all awaited work is given up in the order of its actions: ${name}`, async () => {
    const script = new Script(function* tidy(ctx) {
      try {
        yield code(ctx);
      } finally {
        yield ctx.activity('clean up');
      }
    });
    const opened = (await script.start()).map((action) => `Cancel:${action.id}`);
    assert.ok(opened.length > 0);
    assert.deepEqual(kinds(await script.cancel()), [...opened, 'Activity:clean up']);
    await script.complete(script.actions.at(-1).id);
    assert.equal(script.end.kind, 'Cancelled');
    await script.checkReplay();
  });
}

test('the error says why', async () => {
  const script = new Script(async (ctx) => {
    try {
      await ctx.timer('1d');
    } catch (error) {
      return [error instanceof Cancelled, error.name, error.message];
    }
  });
  await script.start();
  await script.cancel('out of money');
  assert.deepEqual(await script.output(), [true, 'Cancelled', 'out of money']);
});

test('each branch may clean up, and a second cancellation changes nothing', async () => {
  const script = new Script(async (ctx) => {
    const step = async (name) => {
      try {
        await ctx.activity(name);
      } finally {
        await ctx.activity(`undo ${name}`);
      }
    };
    const settled = await Promise.allSettled([step('a'), step('b')]);
    throw settled[0].reason;
  });
  await script.start();
  assert.deepEqual(kinds(await script.cancel()), [
    'Cancel:1', 'Cancel:2', 'Activity:undo a', 'Activity:undo b',
  ]);
  assert.deepEqual(await script.cancel('hurry'), []);
  await script.complete(5);
  assert.equal(script.end, undefined, 'it waits for both');
  await script.complete(6);
  assert.equal(script.end.kind, 'Cancelled');
  await script.checkReplay();
});

test('an answer that comes after it is ignored', async () => {
  const script = new Script(async (ctx) => {
    try {
      return await ctx.activity('a');
    } catch {
      return ctx.activity('undo');
    }
  });
  await script.start();
  await script.cancel();
  await script.complete(1, 'too late');
  await script.complete(3, 'undone');
  assert.equal(await script.output(), 'undone');
});

test('a failure while cleaning up is that of the instance', async () => {
  const script = new Script(async (ctx) => {
    try {
      await ctx.timer('1d');
    } finally {
      throw new TypeError('broken');
    }
  });
  await script.start();
  await script.cancel();
  assert.equal(script.failure.type, 'TypeError');
});

test('work under a shield goes on, who awaits it hears', async () => {
  const script = new Script(async (ctx) => {
    const payment = ctx.task(async () => [await Promise.all([ctx.activity('pay'), ctx.timer(1)])]);
    const booking = ctx.activity('book');
    try {
      await Promise.all([ctx.shield(payment), ctx.shield(booking), ctx.activity('other')]);
    } catch (error) {
      assert.ok(error instanceof Cancelled);
      return [await payment, await booking];
    }
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:pay', 'Timer', 'Activity:book', 'Activity:other']);
  assert.deepEqual(kinds(await script.cancel()), ['Cancel:4']);
  await script.complete(3, 'booked');
  await script.complete(1, 'paid');
  await script.fire(2);
  assert.deepEqual(await script.output(), [[['paid', null]], 'booked']);
});

test('a shield alone is interrupted, too, and lets results and failures through', async () => {
  const code = async (ctx) => {
    const work = ctx.activity('a');
    try {
      return await ctx.shield(work);
    } catch (error) {
      return [error.name, await work];
    }
  };
  const cancelled = new Script(code);
  await cancelled.start();
  assert.deepEqual(await cancelled.cancel(), []);
  await cancelled.complete(1, 1);
  assert.deepEqual(await cancelled.output(), ['Cancelled', 1]);
  const completed = new Script(code);
  await completed.start();
  await completed.complete(1, 7);
  assert.equal(await completed.output(), 7);
});

test('work that nobody awaits is left to the end', async () => {
  const script = new Script(async (ctx) => {
    const early = ctx.activity('early');
    try {
      await ctx.activity('late');
    } catch {
      return early;
    }
  });
  await script.start();
  assert.deepEqual(kinds(await script.cancel()), ['Cancel:2']);
  await script.complete(1, 'still there');
  assert.equal(await script.output(), 'still there');
});

test('the code may begin new work and complete', async () => {
  const script = new Script(async (ctx) => {
    try {
      await ctx.waitForEvent('never');
    } catch {
      return Promise.all([ctx.activity('a'), ctx.timer(1)]);
    }
  });
  await script.start();
  await script.cancel();
  await script.complete(3, 1);
  await script.fire(4);
  assert.deepEqual(await script.output(), [1, null]);
});

test('a signal tells code that awaits promises of its own', async () => {
  const script = new Script(async (ctx) => {
    const { signal } = ctx;
    const gone = new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    ctx.waitForEvent('go').catch(() => {});
    const before = signal.aborted;
    try {
      await gone;
    } catch (error) {
      return [before, signal.aborted, error.name, error.message];
    }
  });
  await script.start();
  assert.deepEqual(kinds(await script.cancel('enough')), ['Cancel:1']);
  assert.deepEqual(await script.output(), [false, true, 'Cancelled', 'enough']);
  const late = new Script(async (ctx) => {
    await ctx.timer(1).catch(() => {});
    return [ctx.signal.aborted, ctx.signal.reason.message];
  });
  await late.start();
  await late.cancel('enough');
  assert.deepEqual(await late.output(), [true, 'enough']);
});

test('listeners of the signal run when all is given up, and their errors are those of the code', async () => {
  const script = new Script(async (ctx) => {
    ctx.signal.addEventListener('abort', () => ctx.activity('undo'));
    await ctx.timer(1).catch(() => {});
    await ctx.timer(1);
  });
  await script.start();
  assert.deepEqual(kinds(await script.cancel()), ['Cancel:1', 'Activity:undo', 'Timer']);
  await script.fire(4);
  assert.equal(await script.output(), null);

  const failing = new Script(async (ctx) => {
    ctx.signal.addEventListener('abort', () => {
      throw new RangeError('in a listener');
    });
    await ctx.timer(1).catch(() => {});
    await ctx.timer(1);
  });
  await failing.start();
  await failing.cancel();
  assert.equal(failing.failure.message, 'in a listener');
});

test('code that cancels its own work and lets that pass has failed', async () => {
  const script = new Script(async (ctx) => {
    const handle = ctx.activity('a');
    handle.cancel();
    await handle;
  });
  await script.start();
  assert.equal(script.failure.type, 'perdure.Cancelled');
  assert.match(script.failure.message, /cancelled by the code/);
});

test('before the code has begun there is nothing to cancel', async () => {
  const script = new Script(async (ctx) => ctx.timer(1));
  const cancel = script.event('CancellationRequested', { reason: 'early' });
  const answer = await script.host.turn(script.request([cancel], 0, 0));
  assert.deepEqual([answer.actions, answer.retained], [[], true]);
});

// ---- Continue as new --------------------------------------------------------------------------------

test('continueAsNew ends the execution when the code does', async () => {
  for (const code of [
    (ctx, n) => ctx.continueAsNew(n + 1, { version: '2.0.0' }),
    async (ctx, n) => {
      try {
        ctx.continueAsNew(n + 1, { version: '2.0.0' });
      } catch {
        return 'swallowed';
      }
    },
    async (ctx, n) => Promise.all([(async () => ctx.continueAsNew(n + 1, { version: '2.0.0' }))()]),
    function* code(ctx, n) {
      yield null;
      ctx.continueAsNew(n + 1, { version: '2.0.0' });
    },
  ]) {
    const script = new Script(code);
    assert.deepEqual(await script.start(1), []);
    assert.deepEqual(script.end, { after: 1, kind: 'ContinuedAsNew', version: '2.0.0', input: 2 });
    await script.checkReplay();
  }
});

test('clean-up code may still do durable work on the way', async () => {
  const script = new Script(async (ctx) => {
    try {
      ctx.continueAsNew(1);
    } finally {
      await ctx.activity('tidy');
    }
  });
  assert.deepEqual(kinds(await script.start()), ['Activity:tidy']);
  await script.complete(1);
  assert.deepEqual(script.end, { after: 3, kind: 'ContinuedAsNew', input: 1 });
});

test('a loop that swallows it ends at the second one', async () => {
  const script = new Script(async (ctx) => {
    for (let round = 1; ; round += 1) {
      try {
        ctx.continueAsNew(round);
      } catch {
        await ctx.timer(1);
      }
    }
  });
  await script.start();
  await script.fire(1);
  assert.deepEqual(script.end, { after: 3, kind: 'ContinuedAsNew', input: 2 });
});

test('an error on the way is the failure of the instance', async () => {
  const script = new Script(async (ctx) => {
    try {
      ctx.continueAsNew(1);
    } finally {
      throw new TypeError('broken');
    }
  });
  await script.start();
  assert.equal(script.failure.type, 'TypeError');
});
