'use strict';
// Orchestrations and activities: how they run, fail, are cancelled and versioned; children.

const assert = require('node:assert/strict');
const test = require('node:test');
const { Runtime, SqliteProvider } = require('../../duroxide');
const { both } = require('./world.js');

const add = async (_ctx, [a, b]) => a + b;
const fail = async (_ctx, text) => {
  throw new TypeError(text);
};
const tell = function* (ctx) {
  return ctx.orchestrationVersion;
};

both('a failure is thrown into the generator as an Error', async (make) => {
  const made = await make({
    *Order(ctx) {
      try {
        yield ctx.scheduleActivity('Fail', 'card declined');
      } catch (error) {
        return [error.constructor === Error, error.message];
      }
    },
  }, { Fail: fail });
  const text = "Activity 'Fail' JS execution failed: TypeError: card declined";
  assert.deepEqual(await made.output('Order'), [true, text]);
});

both('a failed orchestration has its stack as error', async (make) => {
  const made = await make({
    *Order(ctx) {
      yield ctx.scheduleActivity('Add', [1, 2]);
      throw new Error('Processing failed');
    },
    *Uncaught(ctx) {
      yield ctx.scheduleActivity('Fail', 'deep inside');
    },
    *Asserts(ctx) {
      assert.equal(yield ctx.scheduleActivity('Add', [1, 2]), 4, 'it is three');
    },
    Plain: () => 5,
  }, { Add: add, Fail: fail });
  const result = await made.run('Order');
  assert.equal(result.status, 'Failed');
  assert.equal(result.output, undefined);
  assert.match(result.error, /^Error: Processing failed\n\s+at Order/);
  assert.match((await made.run('Uncaught')).error, /deep inside/);
  assert.match((await made.run('Asserts')).error, /it is three/);
  assert.match((await made.run('Plain')).error, /function\*/);
});

both('a description schedules each time it is yielded and not before', async (make) => {
  const ran = [];
  const made = await make({
    *Order(ctx) {
      ctx.scheduleActivity('Count', 1);
      const twice = ctx.scheduleActivity('Count', 2);
      yield twice;
      yield twice;
      yield* (function* () {
        yield ctx.scheduleActivity('Count', 3);
      })();
    },
  }, { Count: (_ctx, value) => ran.push(value) });
  await made.output('Order');
  assert.deepEqual(ran, [2, 2, 3]);
});

both('contexts know where they are', async (make) => {
  const made = await make({
    *'Order@2.1.0'(ctx) {
      const mine = [ctx.instanceId, ctx.executionId, ctx.orchestrationName, ctx.orchestrationVersion];
      return [mine, yield ctx.scheduleActivity('Look')];
    },
  }, {
    async Look(ctx) {
      const { status } = await ctx.getClient().getStatus(ctx.instanceId);
      ctx.traceInfo('looked');
      const named = [ctx.instanceId, ctx.executionId, ctx.orchestrationName, ctx.orchestrationVersion];
      return [named, ctx.activityName, ctx.sessionId, ctx.tag(), ctx.isCancelled(), status, typeof ctx.workerId];
    },
  });
  const instance = await made.start('Order');
  const named = [instance, 1, 'Order', '2.1.0'];
  const look = [named, 'Look', null, null, false, 'Running', 'string'];
  assert.deepEqual((await made.wait(instance)).output, [named, look]);
});

both('generators go on where they were after a restart, and finally runs once', async (make) => {
  const ran = [];
  const made = await make({
    *Order(ctx) {
      try {
        const first = yield ctx.scheduleActivity('Step', 'one');
        ctx.setCustomStatus('waiting');
        const event = yield ctx.waitForEvent('go');
        return [first, event, yield ctx.scheduleActivity('Step', 'two')];
      } finally {
        ran.push('finally');
      }
    },
  }, {
    Step(_ctx, name) {
      ran.push(name);
      return name;
    },
  });
  const instance = await made.start('Order');
  await made.status(instance, 'waiting');
  await made.restart();
  await made.client.raiseEvent(instance, 'go', 7);
  assert.deepEqual((await made.wait(instance)).output, ['one', 7, 'two']);
  assert.deepEqual(ran, ['one', 'two', 'finally']);
});

both('versions: the highest, or the one that is named', async (make) => {
  const go = function* (ctx, seen) {
    const all = [...(seen ?? []), ctx.orchestrationVersion];
    if (all.length === 1) yield ctx.continueAsNewVersioned(all, '1.0.0');
    if (all.length === 2) yield ctx.continueAsNew(all);
    return all;
  };
  const made = await make({
    Tell: tell, 'Tell@1.2.0': tell, 'Tell@1.10.0': tell, Go: go, 'Go@2.0.0': go,
    *Parent(ctx) {
      yield ctx.startOrchestrationVersioned('Tell', '1.2.0', 'loose');
      return [
        yield ctx.scheduleSubOrchestration('Tell'),
        yield ctx.scheduleSubOrchestrationVersioned('Tell', '1.2.0'),
        yield ctx.scheduleSubOrchestrationVersionedWithId('Tell', '1.0.0', 'named'),
      ];
    },
  });
  assert.equal(await made.output('Tell'), '1.10.0');
  assert.deepEqual(await made.output('Parent'), ['1.10.0', '1.2.0', '1.0.0']);
  assert.equal((await made.wait('loose')).output, '1.2.0');
  await made.client.startOrchestrationVersioned('pinned', 'Tell', null, '1.2.0');
  assert.equal((await made.wait('pinned')).output, '1.2.0');
  assert.deepEqual(await made.output('Go'), ['2.0.0', '1.0.0', '2.0.0']);
});

both('an unknown name waits until some runtime knows it', async (make) => {
  const made = await make({ Known: tell });
  const instance = await made.start('Unknown');
  await assert.rejects(made.client.waitForOrchestration(instance, 100), { message: 'Operation timed out' });
  assert.equal((await made.client.getStatus(instance)).status, 'Running');
  await made.restart({ orchestrations: { Unknown: tell } });
  assert.equal((await made.wait(instance)).output, '1.0.0');
});

both('code that differs from its history fails', async (make) => {
  const made = await make({
    *Order(ctx) {
      yield ctx.scheduleActivity('Add', [1, 1]);
      ctx.setCustomStatus('waiting');
      yield ctx.waitForEvent('go');
    },
  }, { Add: add });
  const instance = await made.start('Order');
  await made.status(instance, 'waiting');
  await made.restart({
    orchestrations: {
      *Order(ctx) {
        yield ctx.scheduleTimer(60_000);
      },
    },
  });
  await made.client.raiseEvent(instance, 'go');
  const result = await made.wait(instance);
  assert.equal(result.status, 'Failed');
  assert.match(result.error, /^nondeterministic: /);
});

test('what cannot be registered is refused at once', async () => {
  const runtime = new Runtime(await SqliteProvider.inMemory());
  runtime.registerOrchestrationTyped('Twice', tell);
  runtime.registerOrchestrationVersionedTyped('Twice', '2.0.0', tell);
  runtime.registerActivityTyped('Twice', add);
  assert.throws(() => runtime.registerOrchestration('Twice', tell), /registered/);
  assert.throws(() => runtime.registerActivity('Twice', add), /registered/);
  assert.throws(() => runtime.registerOrchestrationVersioned('V', 'not a version', tell), /version/);
  assert.throws(() => runtime.registerActivity('No', 5), TypeError);
  assert.throws(() => new Runtime('memory:'), TypeError);
});

// ---- Cancellation -----------------------------------------------------------------------------------

both('a cancelled instance has failed with its reason, and its code catches nothing', async (make) => {
  const made = await make({
    *Wait(ctx) {
      try {
        yield ctx.waitForEvent('never');
      } catch {
        return 'caught';
      }
    },
  });
  for (const reason of ['changed my mind', undefined, '']) {
    const instance = await made.start('Wait');
    await made.client.cancelInstance(instance, reason);
    const { status, error } = await made.wait(instance);
    assert.deepEqual([status, error], ['Failed', `canceled: ${reason ?? ''}`]);
  }
});

both('a cancellation reaches children and activities, and finally may do durable work', async (make) => {
  const cleaned = [];
  let began;
  const begun = new Promise((resolve) => {
    began = resolve;
  });
  let ended = false;
  const made = await make({
    *Parent(ctx) {
      try {
        yield ctx.scheduleSubOrchestrationWithId('Child', 'the-child');
      } finally {
        yield ctx.scheduleActivity('CleanUp', ctx.instanceId);
      }
    },
    *Child(ctx) {
      yield ctx.all([ctx.waitForEvent('never'), ctx.scheduleActivity('Slow')]);
    },
  }, {
    async Slow(ctx) {
      began();
      while (!ctx.isCancelled()) {
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
      ended = true;
    },
    CleanUp: (_ctx, name) => cleaned.push(name),
  });
  const instance = await made.start('Parent');
  await begun;
  await made.client.cancelInstance(instance, 'stop');
  assert.equal((await made.wait(instance)).error, 'canceled: stop');
  const { status, error } = await made.wait('the-child');
  assert.deepEqual([status, error.startsWith('canceled: ')], ['Failed', true]);
  assert.deepEqual(cleaned, [instance]);
  await made.until(() => ended);
});

// ---- Children ---------------------------------------------------------------------------------------

const child = function* (ctx, value) {
  if (value === 'fail') throw new Error('the child broke');
  if (value === 'wait') return yield ctx.waitForEvent('go');
  return { got: value, id: ctx.instanceId };
};
const parent = function* (ctx, value) {
  try {
    return yield ctx.scheduleSubOrchestration('Child', value);
  } catch (error) {
    return `caught: ${error.message}`;
  }
};

both('a child has an id below its parent, and its error can be caught', async (make) => {
  const made = await make({ Parent: parent, Child: child });
  const instance = await made.start('Parent', 5);
  assert.deepEqual((await made.wait(instance)).output, { got: 5, id: `${instance}::sub::2` });
  assert.equal((await made.client.getInstanceInfo(`${instance}::sub::2`)).parentInstanceId, instance);
  const failed = await made.start('Parent', 'fail');
  const { error } = await made.client.getStatus(`${failed}::sub::2`).then(() => made.wait(`${failed}::sub::2`));
  assert.equal((await made.wait(failed)).output, `caught: ${error}`);
  assert.match(error, /the child broke/);
});

both('children of later executions, ids of ones own, and ids that are refused', async (make) => {
  const made = await make({
    *Rounds(ctx, round) {
      const found = yield ctx.allTyped([0, 1].map((n) => ctx.scheduleSubOrchestration('Child', n)));
      if (round === 1) yield ctx.continueAsNew(2);
      return found.map((each) => each.ok.id);
    },
    *Named(ctx, id) {
      try {
        yield ctx.scheduleSubOrchestrationWithId('Child', id, 1);
        return yield ctx.scheduleSubOrchestrationWithId('Child', id, 2);
      } catch (error) {
        return error.message;
      }
    },
    Child: child,
  });
  const instance = await made.start('Rounds', 1);
  assert.deepEqual((await made.wait(instance)).output, [`${instance}::sub::2_2`, `${instance}::sub::2_3`]);
  assert.match(await made.output('Named', 'my-child'), /exists already/);
  assert.match(await made.output('Named', 'sub::1'), /reserved/);
  await assert.rejects(made.client.startOrchestration('order::sub::2', 'Child'), /Invalid input/);
});

both('a detached instance is independent', async (make) => {
  const made = await make({
    *Starter(ctx) {
      assert.equal(yield ctx.startOrchestration('Child', 'loose', 'wait'), null);
      yield ctx.waitForEvent('never');
    },
    Child: child,
  });
  const instance = await made.start('Starter');
  await made.until(async () => (await made.client.getStatus('loose')).status === 'Running');
  await made.client.cancelInstance(instance);
  assert.equal((await made.wait(instance)).status, 'Failed');
  assert.equal((await made.client.getInstanceInfo('loose')).parentInstanceId, undefined);
  await made.client.raiseEvent('loose', 'go', 1);
  assert.equal((await made.wait('loose')).output, 1);
});
