'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const test = require('node:test');
const { perdure, folder } = require('./support.js');
const { NEVER, TestEnvironment, preflight, replay } = require('../lib/testing/index.js');

const { activity, orchestration } = perdure;
const DAY = 86_400_000;

class CardDeclined extends Error {}

const subscription = orchestration('subscription', async (ctx, customer) => {
  let months = 0;
  while (months < 12) {
    try {
      await ctx.activity('charge', customer);
    } catch (error) {
      if (!(error instanceof perdure.ActivityFailed)) throw error;
      await ctx.activity('remind', customer);
      await ctx.timer('3d');
      continue;
    }
    months += 1;
    await ctx.timer('30d');
  }
  return months;
});

/** An environment that goes with the test. */
async function environment(t, definitions, options) {
  const env = await TestEnvironment.start(definitions, options);
  t.after(() => env.close());
  return env;
}

test('a year takes milliseconds, and stubs stand in for activities', async (t) => {
  const stubs = { charge: ['paid', new CardDeclined('no money'), 'paid'], remind: null };
  const env = await environment(t, [subscription], { stubs });
  const begun = env.now;
  assert.equal(begun.toISOString(), '2026-01-01T00:00:00.000Z');
  assert.equal(await env.run(subscription, 'ada'), 12);
  assert.equal(env.now - begun, (12 * 30 + 3) * DAY);
  const reminded = env.calls('remind');
  assert.deepEqual(reminded.map(({ input, attempt }) => [input, attempt]), [['ada', 1]]);
  assert.equal(reminded[0].at - begun, 30 * DAY);
  assert.equal(env.calls().length, 14);
});

test('messages come at the moment to which the test has moved time', async (t) => {
  const approval = orchestration('approval', async (ctx) => {
    const [first, data] = await ctx.select({ decision: ctx.waitForEvent('decision'), late: ctx.timer('3d') });
    return first === 'late' ? 'nobody decided' : `decided: ${data}`;
  });
  const env = await environment(t, [approval], { start: new Date('2030-05-01T00:00:00Z') });
  assert.equal(await env.run(approval), 'nobody decided');
  const instance = await env.client.start(approval);
  await env.advance('2d');
  assert.equal(await env.client.status(instance), 'Running');
  await env.client.raiseEvent(instance, 'decision', 'yes');
  await env.settle();
  assert.equal(await env.client.result(instance), 'decided: yes');
  await env.advanceTo(new Date('2030-06-01T00:00:00Z'));
  assert.equal(env.now.toISOString(), '2030-06-01T00:00:00.000Z');
});

const real = activity('work', (ctx, input) => `real ${input}`);
const once = orchestration('once', async (ctx, input) => ctx.activity('work', input, { startToClose: '10m' }));
const kinds = [
  ['a value', 7, 7],
  ['nothing', undefined, null],
  ['a function', (input, ctx) => `${input} of ${ctx.name}`, 'x of work'],
  ['an async function', async (input) => `async ${input}`, 'async x'],
  ['an activity', real, 'real x'],
  ['an error', new CardDeclined('no'), 'CardDeclined'],
  ['a class of errors', CardDeclined, 'CardDeclined'],
  ['a failure', new perdure.Failure({ type: 'Odd', message: 'm' }), 'Odd'],
  ['one that never answers', NEVER, 'perdure.Timeout'],
  ['a list', [new CardDeclined('no')], 'CardDeclined'],
];
for (const [name, stub, outcome] of kinds) {
  test(`a stub that is ${name}`, async (t) => {
    const env = await environment(t, [once], { stubs: { work: stub } });
    const result = await env.run(once, 'x').catch((error) => error.type);
    assert.deepEqual(result, outcome);
  });
}

test('stubs come and go; what is neither defined nor stubbed fails at once', async (t) => {
  const env = await environment(t, [once, real]);
  assert.equal(await env.run(once, 'x'), 'real x');
  env.stub(real, 'stubbed');
  assert.equal(await env.run(once, 'x'), 'stubbed');
  env.unstub('work');
  await env.restart();
  assert.equal(await env.run(once, 'x'), 'real x');
  const other = await environment(t, [once]);
  await assert.rejects(other.run(once, 'x'), (error) => error.type === 'perdure.NotRegistered');
});

test('a run that stands still says what it waits for', async (t) => {
  const waits = orchestration('waits', async (ctx) => ctx.waitForEvent('never'));
  const env = await environment(t, [waits], { timeout: 200 });
  await assert.rejects(env.run(waits), (error) => error instanceof perdure.TimedOut && /never/.test(error.message));
});

test('recorded histories and open stores against other code', async (t) => {
  const url = `sqlite:${path.join(folder(t), 'r.sqlite')}`;
  const env = await environment(t, [once, real], { store: url, stubs: { work: NEVER } });
  const instance = await env.client.start(once, 'x');
  await env.settle();
  const text = await env.client.management().exportInstance(instance);
  assert.equal((await replay(text, [once])).verdict, 'same');
  const events = await env.client.history(instance);
  assert.equal((await replay({ instance, events }, [once])).verdict, 'same');
  const changed = orchestration('once', async (ctx) => ctx.timer(5));
  assert.equal((await replay(text, [changed])).verdict, 'differs');
  assert.equal((await preflight(env.store, [once])).isClean, true);
  await env.close();
  assert.equal((await preflight(url, [changed])).isClean, false);
  await assert.rejects(replay('no/such/file', [once]), { code: 'ENOENT' });
});
