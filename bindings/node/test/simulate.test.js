'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { perdure } = require('./support.js');
const { Simulation, simulate } = require('../lib/testing/index.js');

const { activity, orchestration } = perdure;

const order = orchestration('order', async (ctx, price) => {
  const receipt = await ctx.activity('charge', price);
  await ctx.activity('ship', receipt);
  return receipt;
});

/** Charges as often as it is asked. */
function careless(run) {
  const charges = [];
  run.activity('charge', (price) => charges.push(price));
  run.activity('ship', 'on its way');
  run.start(order, 42, { instance: 'order-1' });
  run.always('nobody pays twice', () => charges.length <= 1);
}

test('a double charge is found, made short, and happens again', async () => {
  const report = await simulate(careless);
  assert.equal(report.ok, false);
  const { failure } = report;
  assert.equal(failure.invariant, 'nobody pays twice');
  assert.equal(Object.keys(failure.schedule).length, 1);
  assert.match(String(report), /The shortest schedule:[^]*Again:\n {2}simulate\(scenario, \{ schedule: /);
  assert.ok(failure.histories.get('order-1').length > 0);
  assert.throws(() => report.throwIfFailed(), /nobody pays twice/);
  const again = await simulate(careless, { schedule: failure.schedule });
  assert.deepEqual(again.failure.schedule, failure.schedule);
});

test('two runs of one seed are the same', async () => {
  const [a, b] = [await simulate(careless, { seed: 7 }), await simulate(careless, { seed: 7 })];
  assert.ok(a.trace.length > 0);
  assert.equal(a.trace, b.trace);
});

test('code that is right holds under everything, with all that can come from outside', async () => {
  const worker = orchestration('worker', async (ctx) => {
    ctx.subscribe('news');
    ctx.onCall('add', (number) => number + 1);
    ctx.kv.set('seen', 1);
    const all = [await ctx.waitForEvent('go'), await ctx.dequeue('q'), await ctx.activity('ask')];
    await ctx.sleep('1h');
    return all;
  });
  const idle = orchestration('idle', async (ctx) => ctx.waitForEvent('never'));
  const stopped = orchestration('stopped', async (ctx) => ctx.waitForEvent('never'));
  const report = await simulate((run) => {
    const told = new Set();
    run.register(idle, stopped, activity('unused', () => 1));
    run.activity('ask', (input, ctx) => {
      ctx.heartbeat('asked');
      if (!told.has(ctx.token)) run.completeActivity(ctx.token, 'answer', { after: '1m' });
      told.add(ctx.token);
      return ctx.defer();
    });
    run.start(worker, null, { instance: 'w' });
    run.start(idle, null, { instance: 'i' });
    run.start(stopped, null, { instance: 's' });
    const go = run.event('w', 'go', 1, { after: 10 });
    run.enqueue('w', 'q', 2, { after: 5 });
    run.publish('news', 'x', { after: 20 });
    run.call('w', 'add', 1, { after: 30 });
    run.cancel('s', 'enough', { after: 40, grace: '1m' });
    run.mayWait('i');
    run.check('all came', (world) => {
      assert.deepEqual(world.instance('w').output, [1, 2, 'answer']);
      assert.equal(world.instance('s').status, 'Cancelled');
      assert.equal(world.refused.has(go), false);
      assert.equal(world.kv('w').get('seen'), 1);
      assert.ok(world.history('w').length > 5 && world.elapsed >= 3_600_000);
      assert.equal(world.waits('i').length, 1);
    });
  }, { seeds: 20 });
  assert.ok(report.ok, String(report));
  assert.ok(report.points > 10 && report.seeds === 20);
});

test('what never ends is told, with what it waits for', async () => {
  const waits = orchestration('waits', async (ctx) => ctx.waitForEvent('never'));
  const report = await simulate((run) => run.start(waits), { seeds: 0 });
  assert.equal(report.failure.invariant, 'every instance ends');
  assert.match(report.failure.message, /never/);
});

test('bad input is refused', async () => {
  await assert.rejects(simulate(7), /A scenario is a function/);
  await assert.rejects(simulate(() => {}, { sedes: 3 }), /do not know 'sedes'/);
  await assert.rejects(simulate(() => {}, { seeds: -1 }), /seeds must be a whole number/);
  const run = new Simulation();
  assert.throws(() => run.event('i', 'go', Promise.resolve()), /is a Promise/);
  assert.throws(() => run.event('i', 'go', 1, { afterMS: 3 }), perdure.InvalidArgument);
});
