'use strict';
// Retry, tags and sessions.

const assert = require('node:assert/strict');
const test = require('node:test');
const { MAX_TAG_NAME_BYTES, MAX_WORKER_TAGS, Runtime, SqliteProvider } = require('../../duroxide');
const { perdure } = require('../support.js');
const { both } = require('./world.js');

/** An activity that fails so many times, then says how often it was called. */
function flaky(failures) {
  const calls = [];
  const run = async () => {
    calls.push(performance.now());
    if (calls.length <= failures) throw new Error(`failure ${calls.length}`);
    return calls.length;
  };
  return { run, calls };
}

const retrying = function* (ctx, retry) {
  try {
    return yield ctx.scheduleActivityWithRetry('Flaky', null, retry);
  } catch (error) {
    return error.message;
  }
};
const NOBODY = 'timeout: activity timed out';

for (const [retry, failures, output] of [
  [{ maxAttempts: 2 }, 1, 2],
  [{ maxAttempts: 3 }, 3, "Activity 'Flaky' JS execution failed: Error: failure 3"],
  [{ maxAttempts: 2, unknownKey: 5 }, 1, 2],
  [{}, 0, "Activity 'Flaky': maxAttempts must be at least 1, not undefined"],
  [{ maxAttempts: 0 }, 0, "Activity 'Flaky': maxAttempts must be at least 1, not number 0"],
]) {
  both(`attempts of ${JSON.stringify(retry)}`, async (make) => {
    const made = await make({ Retrying: retrying }, { Flaky: flaky(failures).run });
    assert.equal(await made.output('Retrying', retry), output);
  });
}

for (const [backoff, pauses] of [
  [undefined, [100, 200]], ['exponential', [100, 200]], ['linear', [100, 200]], ['what', [100]], ['fixed', [1000]],
]) {
  both(`pauses of ${backoff}`, async (make) => {
    const { run, calls } = flaky(pauses.length);
    const made = await make({ Retrying: retrying }, { Flaky: run });
    await made.output('Retrying', { maxAttempts: 5, backoff });
    pauses.forEach((least, n) => {
      const pause = calls[n + 1] - calls[n];
      assert.ok(pause >= least - 1 && pause < least + 700, `${pause}`);
    });
  });
}

both('a time limit ends the call at once, is not retried, and holds for what nobody takes', async (make) => {
  const calls = [];
  const made = await make({ Retrying: retrying }, {
    async Flaky(ctx) {
      calls.push(1);
      while (!ctx.isCancelled()) {
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
    },
  });
  for (const key of ['timeoutMs', 'totalTimeoutMs']) {
    assert.equal(await made.output('Retrying', { maxAttempts: 5, [key]: 50 }), NOBODY);
  }
  assert.equal(calls.length, 2);
  const none = await make({ Retrying: retrying });
  assert.equal(await none.output('Retrying', { maxAttempts: 1, timeoutMs: 50 }), NOBODY);
});

both('a retry goes on after a restart', async (make) => {
  const { run, calls } = flaky(1);
  const made = await make({ Retrying: retrying }, { Flaky: run });
  const instance = await made.start('Retrying', { maxAttempts: 2, backoff: 'fixed' });
  const client = new perdure.Client(made.provider.store);
  await made.until(async () => {
    const { activities } = await client.management().inspect(instance);
    return activities[0]?.state === 'backoff';
  });
  client.close();
  await made.restart();
  assert.equal((await made.wait(instance)).output, 2);
  assert.ok(calls[1] - calls[0] >= 900);
});

// ---- Tags -------------------------------------------------------------------------------------------

const tagged = function* (ctx, tag) {
  const task = ctx.scheduleActivity('Work');
  const limit = ctx.scheduleTimer(600);
  const { index, value } = yield ctx.race(tag === null ? task : task.withTag(tag), limit);
  return index === 0 ? value : NOBODY;
};

for (const [filter, served] of [
  [undefined, [null]], ['defaultOnly', [null]], ['any', [null, 'gpu', 'cpu']], ['none', []],
  [{ tags: ['gpu'] }, ['gpu']], [{ defaultAnd: ['gpu'] }, [null, 'gpu']], ['what is that', [null]],
]) {
  both(`a worker with the filter ${JSON.stringify(filter)}`, async (make) => {
    const options = { workerTagFilter: filter };
    const made = await make({ Tagged: tagged }, { Work: (ctx) => [ctx.tag()] }, { options });
    const tags = [null, 'gpu', 'cpu'];
    const started = await Promise.all(tags.map((tag) => made.start('Tagged', tag)));
    const outputs = await Promise.all(started.map(async (instance) => (await made.wait(instance)).output));
    assert.deepEqual(outputs, tags.map((tag) => (served.includes(tag) ? [tag] : NOBODY)));
  });
}

both('descriptions carry a tag, some of them', async (make) => {
  const made = await make({
    *Order(ctx) {
      const task = ctx.scheduleActivity('Work');
      const before = task.tag;
      const is = task.withTag('gpu') === task;
      const has = (each) => typeof each.withTag === 'function';
      return [
        before === undefined, is, task.tag, has(ctx.scheduleActivityOnSession('Work', 1, 's')),
        has(ctx.scheduleActivityTyped('Work')), has(ctx.scheduleActivityWithRetry('Work', 1, { maxAttempts: 1 })),
        has(ctx.scheduleTimer(1)),
      ];
    },
  });
  assert.deepEqual(await made.output('Order'), [true, true, 'gpu', true, true, false, false]);
});

both('limits of tags', async (make) => {
  const made = await make({ Tagged: tagged }, { Work: () => 1 }, { options: { workerTagFilter: 'any' } });
  assert.equal(await made.output('Tagged', 't'.repeat(MAX_TAG_NAME_BYTES)), 1);
  const text = "Activity 'Work' tag size (257 bytes) exceeds limit (256 bytes)";
  assert.ok((await made.run('Tagged', 't'.repeat(257))).error.includes(text));
});

test('a worker has one to five tags', async () => {
  for (const count of [0, MAX_WORKER_TAGS + 1]) {
    const workerTagFilter = { tags: Array.from({ length: count }, (_, n) => `t${n}`) };
    const provider = await SqliteProvider.inMemory();
    assert.throws(() => new Runtime(provider, { workerTagFilter }), /1 to 5 tags/);
  }
});

both('activities of a session run at one worker', async (make) => {
  const activities = { Where: (ctx) => [ctx.sessionId, ctx.sessionId === null ? null : ctx.workerId] };
  const made = await make({
    *Order(ctx, before) {
      const seen = before ?? [];
      seen.push(yield ctx.scheduleActivity('Where', null, { sessionId: 's1' }));
      seen.push(yield ctx.scheduleActivityOnSession('Where', null, 's1'));
      seen.push(yield ctx.scheduleActivityWithRetryOnSession('Where', null, { maxAttempts: 2 }, 's1'));
      if (seen.length === 3) yield ctx.continueAsNew(seen);
      return [...seen, yield ctx.scheduleActivity('Where')];
    },
  }, activities, { options: { maxSessionsPerRuntime: 2 } });
  const other = made.makeRuntime({ activities });
  await other.start();
  const output = await made.output('Order');
  await other.shutdown();
  assert.deepEqual(output.pop(), [null, null]);
  assert.deepEqual([...new Set(output.map(([session]) => session))], ['s1']);
  assert.equal(new Set(output.map(([, worker]) => worker)).size, 1);
});
