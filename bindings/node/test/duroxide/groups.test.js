'use strict';
// `all` and `race`; events, queues, timers, time and identity.

const assert = require('node:assert/strict');
const { both } = require('./world.js');

const echo = async (_ctx, value) => value;
const fail = async (_ctx, text) => {
  throw new Error(text);
};

both('all has results in the order of the tasks', async (make) => {
  const made = await make({
    *Many(ctx) {
      ctx.setCustomStatus('waiting');
      return yield ctx.all([
        ctx.scheduleActivity('Echo', 1), ctx.scheduleActivity('Fail', 'no'), ctx.scheduleTimer(1),
        ctx.waitForEvent('e'), ctx.dequeueEvent('q'), ctx.scheduleSubOrchestration('Child', 'good'),
        ctx.scheduleSubOrchestration('Child', 'bad'), ctx.getValueFromInstance('nobody', 'k'),
        ctx.utcNow(), ctx.newGuid(), ctx.continueAsNew(1), ctx.startOrchestration('Child', 'never-started'),
      ]);
    },
    *Child(_ctx, value) {
      if (value === 'bad') throw new Error('bad child');
      return value;
    },
    *None(ctx) {
      return yield ctx.all([]);
    },
    *Typed(ctx) {
      return yield ctx.allTyped([ctx.scheduleActivity('Echo', '[1]'), ctx.scheduleActivity('Fail', 'no')]);
    },
  }, { Echo: echo, Fail: fail });
  const instance = await made.start('Many');
  await made.status(instance, 'waiting');
  await made.restart();
  await made.client.enqueueEvent(instance, 'q', 'message');
  await made.client.raiseEvent(instance, 'e', { n: 1 });
  const { output } = await made.wait(instance);
  const failed = { err: "Activity 'Fail' JS execution failed: Error: no" };
  assert.deepEqual(output.slice(0, 6), [
    { ok: 1 }, failed, { ok: null }, { ok: { n: 1 } }, { ok: 'message' }, { ok: 'good' },
  ]);
  assert.match(output[6].err, /bad child/);
  assert.deepEqual(output.slice(7), [{ ok: null }, ...Array(4).fill({ err: 'unsupported task in join' })]);
  assert.equal((await made.client.getStatus('never-started')).status, 'NotFound');
  assert.deepEqual(await made.output('None'), []);
  assert.deepEqual(await made.output('Typed'), [{ ok: [1] }, failed]);
});

both('a wide all', async (make) => {
  const made = await make({
    *Wide(ctx, count) {
      const results = yield ctx.all(Array.from({ length: count }, (_, item) => ctx.scheduleActivity('Echo', item)));
      return results.reduce((sum, each) => sum + each.ok, 0);
    },
  }, { Echo: echo });
  assert.equal(await made.output('Wide', 300), (300 * 299) / 2);
});

both('race gives the index and the value of the winner; one that failed throws', async (make) => {
  const made = await make({
    *Race(ctx, first) {
      const [timer, activity] = [ctx.scheduleTimer(60_000), ctx.scheduleActivity('Echo', 'won')];
      return yield first ? ctx.race(timer, activity) : ctx.race(activity, timer);
    },
    *Timer(ctx) {
      return yield ctx.race(ctx.waitForEvent('never'), ctx.scheduleTimer(1));
    },
    *Fails(ctx) {
      try {
        yield ctx.race(ctx.scheduleActivity('Fail', 'lost anyway'), ctx.scheduleTimer(60_000));
      } catch (error) {
        return error.message;
      }
    },
  }, { Echo: echo, Fail: fail });
  assert.deepEqual(await made.output('Race', true), { index: 1, value: 'won' });
  assert.deepEqual(await made.output('Race', false), { index: 0, value: 'won' });
  assert.deepEqual(await made.output('Timer'), { index: 1, value: null });
  assert.match(await made.output('Fails'), /lost anyway/);
});

both('what groups do not take', async (make) => {
  const made = await make({
    *Wrong(ctx) {
      const timer = ctx.scheduleTimer(1);
      const [all, race] = [ctx.all([]), ctx.race(timer, timer)];
      const errors = [];
      const groups = [
        ctx.race(timer), ctx.race(timer, timer, timer), ctx.all([all]), ctx.all([race]), ctx.race(all, timer),
        ctx.race(race, timer), ctx.race(ctx.utcNow(), timer), 5,
      ];
      for (const group of groups) {
        try {
          yield group;
        } catch (error) {
          errors.push(error.message);
        }
      }
      return errors;
    },
  });
  const errors = await made.output('Wrong');
  assert.deepEqual(errors.slice(0, 7), [
    ...Array(2).fill('select currently supports exactly 2 tasks'),
    ...Array(2).fill('nested join/select inside join is not supported'),
    ...Array(2).fill('nested join/select inside select is not supported'),
    'unsupported task in select',
  ]);
  assert.match(errors[7], /not number 5/);
});

both('losers: an activity hears of it, a child is cancelled, a wait gives its claim to the next', async (make) => {
  let heard = false;
  const made = await make({
    *Race(ctx) {
      const child = ctx.scheduleSubOrchestrationWithId('Wait', 'loser');
      const seen = [
        (yield ctx.race(ctx.scheduleActivity('Slow'), ctx.waitForEvent('stop'))).index,
        (yield ctx.race(child, ctx.scheduleTimer(20))).index,
        (yield ctx.race(ctx.dequeueEvent('q'), ctx.scheduleTimer(1))).index,
      ];
      ctx.setCustomStatus('waiting');
      return [...seen, yield ctx.dequeueEvent('q')];
    },
    *Wait(ctx) {
      yield ctx.waitForEvent('never');
    },
  }, {
    async Slow(ctx) {
      await ctx.getClient().raiseEvent(ctx.instanceId, 'stop');
      while (!ctx.isCancelled()) {
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
      heard = true;
    },
  });
  const instance = await made.start('Race');
  await made.status(instance, 'waiting');
  await made.restart();
  await made.client.enqueueEvent(instance, 'q', 'first');
  assert.deepEqual((await made.wait(instance)).output, [1, 1, 1, 'first']);
  assert.match((await made.wait('loser')).error, /^canceled: /);
  await made.until(() => heard);
});

// ---- Messages ---------------------------------------------------------------------------------------

both('messages that came before any runtime, or the instance, are delivered in order', async (make) => {
  const made = await make({
    *Take(ctx, count) {
      const taken = [yield ctx.waitForEvent('e')];
      yield ctx.scheduleTimer(1);
      taken.push(yield ctx.waitForEvent('e'));
      for (let n = 0; n < count; n += 1) taken.push(yield ctx.dequeueEvent('q'));
      return taken;
    },
  }, {}, { start: false });
  await made.client.raiseEvent('t', 'e', 'before the start');
  await made.client.startOrchestration('t', 'Take', 150);
  await made.client.raiseEvent('t', 'e', 'before the wait');
  for (let n = 0; n < 150; n += 1) await made.client.enqueueEvent('t', 'q', n);
  await made.runtime.start();
  const expected = ['before the start', 'before the wait', ...Array(150).keys()];
  assert.deepEqual((await made.wait('t')).output, expected);
});

both('queues are independent and survive continueAsNew', async (make) => {
  const made = await make({
    *Take(ctx, before) {
      const seen = before ?? [];
      if (seen.length < 3) {
        seen.push(yield ctx.dequeueEvent('q'));
        yield ctx.continueAsNew(seen);
      }
      return [seen, yield ctx.dequeueEvent('other'), ctx.executionId];
    },
  });
  const instance = await made.start('Take');
  await made.client.enqueueEvent(instance, 'other', 'o');
  for (const item of [0, 1, 2]) await made.client.enqueueEvent(instance, 'q', item);
  assert.deepEqual((await made.wait(instance)).output, [[0, 1, 2], 'o', 4]);
});

both('messages to nobody and to the finished, and a start of a taken id, are no errors', async (make, t) => {
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on('warning', listen);
  t.after(() => process.removeListener('warning', listen));
  const made = await make({
    *Quick(_ctx, value) {
      return value;
    },
    *Detached(ctx, id) {
      return yield ctx.startOrchestration('Quick', id, 'again');
    },
  });
  const done = await made.start('Quick', 'first');
  await made.wait(done);
  for (const instance of ['ghost', done]) {
    await made.client.raiseEvent(instance, 'e', 1);
    await made.client.enqueueEvent(instance, 'q', 1);
    await made.client.cancelInstance(instance, 'why');
  }
  await made.client.startOrchestration(done, 'Quick', 'second');
  assert.equal(await made.output('Detached', done), null);
  assert.equal((await made.wait(done)).output, 'first');
  assert.equal((await made.client.getStatus('ghost')).status, 'NotFound');
  await made.until(() => warnings.filter((text) => text.includes('was not delivered')).length >= 4);
});

both('timers, time and guids are the same in each run', async (make) => {
  const runs = [];
  const made = await make({
    *Nap(ctx) {
      const before = yield ctx.utcNow();
      const guids = [yield ctx.newGuid(), yield ctx.newGuid()];
      runs.push([before, ...guids]);
      ctx.setCustomStatus('napping');
      assert.equal(yield ctx.scheduleTimer(150), null);
      return (yield ctx.utcNow()) - before;
    },
  });
  const instance = await made.start('Nap');
  await made.status(instance, 'napping');
  await made.restart();
  assert.ok((await made.wait(instance)).output >= 150);
  assert.deepEqual(runs[0], runs[1]);
  assert.ok(Math.abs(runs[0][0] - Date.now()) < 60_000);
  assert.equal(new Set(runs[0]).size, 3);
});
