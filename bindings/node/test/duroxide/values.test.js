'use strict';
// Payloads: JSON, encoded once and decoded once, and the typed variants.

const assert = require('node:assert/strict');
const { both, WAIT } = require('./world.js');

const VALUES = ['text', '3', 'with "quotes"', 'ü€😀', 7, 1.5, { a: [1, { b: null }] }, [1, '2', null], null, true, []];
const same = function* (_ctx, value) {
  return value;
};

both('values survive the way through everything', async (make) => {
  const made = await make({
    *Through(ctx, value) {
      const single = yield ctx.scheduleActivity('Echo', value);
      const two = yield ctx.all([ctx.scheduleActivity('Echo', value), ctx.scheduleSubOrchestration('Same', value)]);
      const race = yield ctx.race(ctx.scheduleActivity('Echo', value), ctx.waitForEvent('never'));
      assert.equal(race.index, 0);
      return [single, two[0].ok, two[1].ok, race.value];
    },
    Same: same,
  }, { Echo: async (_ctx, value) => value });
  for (const value of VALUES) assert.deepEqual(await made.output('Through', value), Array(4).fill(value));
});

both('an input that is missing is null, as is an output', async (make) => {
  const made = await make({
    *Given(_ctx, input) {
      return [input];
    },
    *Nothing() {},
  });
  assert.deepEqual(await made.output('Given'), [null]);
  assert.equal(await made.output('Nothing'), null);
});

both('messages are decoded once', async (make) => {
  const made = await make({
    *Take(ctx) {
      return [yield ctx.dequeueEvent('q'), yield ctx.dequeueEventTyped('q'), yield ctx.waitForEventTyped('e')];
    },
  });
  const instance = await made.start('Take');
  await made.client.enqueueEvent(instance, 'q', JSON.stringify({ a: 1 }));
  await made.client.enqueueEventTyped(instance, 'q', { a: 1 });
  await made.client.raiseEventTyped(instance, 'e', '5');
  assert.deepEqual((await made.wait(instance)).output, ['{"a":1}', { a: 1 }, '5']);
});

both('text that a typed call results in is read once more', async (make) => {
  const made = await make({
    *Typed(ctx, value) {
      const retry = { maxAttempts: 1 };
      return [
        yield ctx.scheduleActivityTyped('Echo', value),
        yield ctx.scheduleActivityWithRetryTyped('Echo', value, retry),
        yield ctx.scheduleActivityOnSessionTyped('Echo', value, 's'),
        yield ctx.scheduleActivityWithRetryOnSessionTyped('Echo', value, retry, 's'),
        yield ctx.scheduleSubOrchestrationTyped('Same', value),
        yield ctx.scheduleSubOrchestrationWithIdTyped('Same', `${ctx.instanceId}-kid`, value),
        (yield ctx.raceTyped(ctx.scheduleActivity('Echo', value), ctx.scheduleTimer(60_000))).value,
        (yield ctx.allTyped([ctx.scheduleActivity('Echo', value)]))[0].ok,
      ];
    },
    Same: same,
  }, { Echo: async (_ctx, value) => value });
  assert.deepEqual(await made.output('Typed', '{"n":1}'), Array(8).fill({ n: 1 }));
  assert.deepEqual(await made.output('Typed', 'plain text'), Array(8).fill('plain text'));
  assert.deepEqual(await made.output('Typed', 5), Array(8).fill(5));
});

both('the typed calls of a client, detached starts and continueAsNew are the untyped ones', async (make) => {
  const made = await make({
    *Starts(ctx, value) {
      if (value === '1') {
        assert.equal(yield ctx.startOrchestrationTyped('Same', 'typed-1', '[1]'), null);
        yield ctx.startOrchestrationVersionedTyped('Same', '1.0.0', 'typed-2', '[2]');
        yield ctx.continueAsNewTyped({ next: true });
      }
      return value;
    },
    Same: same,
  });
  await made.client.startOrchestrationTyped('s', 'Starts', '1');
  assert.deepEqual(await made.client.waitForOrchestrationTyped('s', WAIT), { next: true });
  assert.equal((await made.wait('typed-1')).output, '[1]');
  assert.equal((await made.wait('typed-2')).output, '[2]');
  await made.client.startOrchestrationVersionedTyped('v', 'Same', 5, '1.0.0');
  assert.equal(await made.client.waitForOrchestrationTyped('v', WAIT), 5);
});

both('waiting typed rejects with the error of a failed instance', async (make) => {
  const made = await make({
    *Fail() {
      throw new Error('no such order');
    },
  });
  const failing = made.client.waitForOrchestrationTyped(await made.start('Fail'), WAIT);
  await assert.rejects(failing, (error) => error.message.includes('no such order'));
});

both('what JSON cannot hold, and an id that is no text, are errors of the caller', async (make) => {
  const made = await make({});
  const circle = {};
  circle.self = circle;
  await assert.rejects(made.client.startOrchestration('i', 'Any', circle), /JSON|circular|contains itself/);
  await assert.rejects(made.client.raiseEvent('i', 'e', 10n), Error);
  await assert.rejects(made.client.startOrchestration(7, 'Any'), /must be a string/);
  await assert.rejects(made.client.getStatus(null), /must be a string/);
  await assert.rejects(made.client.waitForOrchestration('i', 'soon'), TypeError);
});
