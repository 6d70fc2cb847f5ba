'use strict';
// Custom status and key-value state.

const assert = require('node:assert/strict');
const { both, WAIT } = require('./world.js');

both('the getter of the status sees what was set, after a replay and by continueAsNew', async (make) => {
  const made = await make({
    *Order(ctx, round) {
      const seen = [ctx.getCustomStatus(), ctx.getKvLength()];
      if (round === 1) {
        ctx.setCustomStatus('one');
        seen.push(ctx.getCustomStatus());
        yield ctx.waitForEvent('go');
        ctx.setValue('seen', JSON.stringify([...seen, ctx.getCustomStatus()]));
        yield ctx.continueAsNew(2);
      }
      if (round === 2) {
        ctx.setValue('second', JSON.stringify(seen));
        ctx.resetCustomStatus();
        yield ctx.continueAsNew(3);
      }
      return [ctx.getValue('seen'), ctx.getValue('second'), ...seen];
    },
  });
  const instance = await made.start('Order', 1);
  await made.status(instance, 'one');
  await made.restart();
  await made.client.raiseEvent(instance, 'go');
  const result = await made.wait(instance);
  assert.deepEqual(result.output, ['[null,0,"one","one"]', '["one",1]', null, 2]);
  assert.equal(result.customStatus, undefined);
  assert.deepEqual(Object.keys(await made.client.getKvAllValues(instance)), ['second', 'seen']);
});

both('the version grows by one with each turn that changed the status', async (make) => {
  const made = await make({
    *Order(ctx) {
      yield ctx.waitForEvent('go');
      ctx.setCustomStatus('one');
      ctx.setCustomStatus('two');
      yield ctx.waitForEvent('go');
      return [1];
    },
    *Wait(ctx) {
      yield ctx.waitForEvent('never');
    },
    *Large(ctx, size) {
      ctx.setCustomStatus('ü'.repeat(size));
    },
  });
  const instance = await made.start('Order');
  assert.deepEqual(await made.client.getStatus(instance), { status: 'Running', customStatusVersion: 0 });
  await made.client.raiseEvent(instance, 'go');
  const seen = await made.client.waitForStatusChange(instance, 0, 50, WAIT);
  assert.deepEqual(seen, { status: 'Running', customStatus: 'two', customStatusVersion: 1 });
  await made.client.raiseEvent(instance, 'go');
  const ended = { status: 'Completed', output: [1], customStatus: 'two', customStatusVersion: 1 };
  assert.deepEqual(await made.client.waitForStatusChange(instance, 99), ended);
  assert.deepEqual(await made.client.getStatus(instance), { ...ended, output: '[1]' });
  for (const id of [await made.start('Wait'), 'nobody']) {
    await assert.rejects(made.client.waitForStatusChange(id, 0, 10, 50), { message: 'Operation timed out' });
  }
  const text = 'Custom status size (262146 bytes) exceeds limit (262144 bytes)';
  assert.ok((await made.run('Large', 131_073)).error.includes(text));
  assert.equal((await made.run('Large', 131_072)).customStatus.length, 131_072);
});

both('the calls of an orchestration on its key-value state', async (make) => {
  const made = await make({
    *Order(ctx) {
      ctx.setValue('b', '2');
      ctx.setValue('a', 1);
      const seen = [ctx.getValue('a'), ctx.getValue('none'), ctx.getKvLength(), ctx.getKvAllKeys()];
      seen.push(ctx.getKvAllValues());
      ctx.clearValue('b');
      ctx.clearValue('not there');
      seen.push(ctx.getKvAllValues());
      ctx.clearAllValues();
      seen.push(ctx.getKvLength());
      ctx.setValue('after', 'v');
      yield ctx.scheduleTimer(1);
      return seen;
    },
  });
  const instance = await made.start('Order');
  const expected = ['1', null, 2, ['a', 'b'], { a: '1', b: '2' }, { a: '1' }, 0];
  assert.deepEqual((await made.wait(instance)).output, expected);
  await made.restart();
  assert.equal(await made.client.getValue(instance, 'after'), 'v');
  assert.equal(await made.client.getValue(instance, 'a'), null);
  assert.equal(await made.client.getValue('nobody', 'a'), null);
  assert.deepEqual(await made.client.getKvAllValues(instance), { after: 'v' });
  assert.deepEqual(await made.client.getKvAllValues('nobody'), {});
});

both('counting over turns replays and goes along with continueAsNew', async (make) => {
  const made = await make({
    *Count(ctx, round) {
      for (let n = 0; n < 3; n += 1) {
        const number = Number(ctx.getValue('c') ?? 0);
        yield ctx.scheduleActivity('Noop');
        ctx.setValue('c', number + 1);
      }
      if (round === 1) {
        yield ctx.waitForEvent('go');
        yield ctx.continueAsNew(2);
      }
      return ctx.getValue('c');
    },
  }, { Noop() {} });
  const instance = await made.start('Count', 1);
  await made.until(async () => (await made.client.getValue(instance, 'c')) === '3');
  await made.restart();
  await made.client.raiseEvent(instance, 'go');
  assert.equal((await made.wait(instance)).output, '6');
});

both('pruning takes what was set before; limits fail the orchestration', async (make) => {
  const made = await make({
    *Prune(ctx, state) {
      if (state === null) {
        ctx.setCustomStatus('carried');
        ctx.setValue('old', '1');
        yield ctx.scheduleTimer(5);
        yield ctx.continueAsNew('next');
      }
      const none = ctx.pruneKvValuesUpdatedBefore(0);
      yield ctx.scheduleTimer(5);
      const cutoff = yield ctx.utcNow();
      ctx.setValue('new', '1');
      return [none, ctx.pruneKvValuesUpdatedBefore(cutoff), ctx.getKvAllKeys()];
    },
    *Keys(ctx, count) {
      for (let n = 0; n < count; n += 1) ctx.setValue(`k${n}`, n);
      return ctx.getKvLength();
    },
    *Large(ctx, size) {
      ctx.setValue('K', '\x01'.repeat(size));
    },
  });
  assert.deepEqual(await made.output('Prune'), [0, 1, ['new']]);
  assert.equal(await made.output('Keys', 150), 150);
  assert.match((await made.run('Keys', 151)).error, /KV key count \(151\) exceeds limit \(150\)/);
  assert.equal((await made.run('Large', 65_536)).status, 'Completed');
  const text = "KV value for key 'K' (65537 bytes) exceeds limit (65536 bytes)";
  assert.ok((await made.run('Large', 65_537)).error.includes(text));
});

both('reading another instance, and waiting for a value', async (make) => {
  const made = await make({
    *Keep(ctx) {
      yield ctx.waitForEvent('go');
      ctx.setValue('k', '5');
      return yield ctx.waitForEvent('go');
    },
    *Read(ctx, other) {
      return [
        yield ctx.getValueFromInstance(other, 'k'), yield ctx.getValueFromInstance(other, 'none'),
        yield ctx.getValueFromInstance('nobody', 'k'),
      ];
    },
  });
  const instance = await made.start('Keep');
  const message = `Timed out waiting for value 'k' on instance '${instance}'`;
  await assert.rejects(made.client.waitForValue(instance, 'k', 30), { message });
  const waiting = made.client.waitForValue(instance, 'k', WAIT);
  await made.client.raiseEvent(instance, 'go');
  assert.equal(await waiting, '5');
  // The value stands with the waits of its turn.
  await made.client.raiseEvent(instance, 'go', 'on');
  assert.equal((await made.wait(instance)).output, 'on');
  assert.deepEqual(await made.output('Read', instance), ['5', null, null]);
});
