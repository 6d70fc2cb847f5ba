'use strict';
// What the turn host of the Node binding costs, without engine and store.
//
//     node benchmarks/node/turns.js [turns]
//
// Prints one line for each measurement: microseconds per turn, or per event of a replay.

const { registered } = require('../../bindings/node/test/turns/script.js');
const { TurnHost } = require('../../bindings/node/lib/turns/index.js');

const TURNS = Number(process.argv[2] ?? 100_000);
const AT = 1_760_000_000_000;

async function steps(ctx) {
  for (;;) await ctx.activity('step', { n: 1 });
}

function* yields(ctx) {
  for (;;) yield ctx.activity('step', { n: 1 });
}

async function timers(ctx) {
  for (;;) await new Promise((resolve) => { setTimeout(resolve, 1000); });
}

const event = (id, kind, members) => ({ id, at: AT + id, kind, ...members });

function request(orchestration, instance, from, events) {
  return {
    v: 1, turn: 1, instance, execution: 1, orchestration, version: '1.0.0', from, replayed: from, events,
  };
}

function begin(name, instance) {
  return request(name, instance, 0, [event(1, 'OrchestrationStarted', { input: null })]);
}

function next(name, instance, turn) {
  const kind = name === 'timers' ? 'TimerFired' : 'ActivityCompleted';
  return request(name, instance, turn, [event(turn + 1, kind, { action: turn, result: { n: 1 } })]);
}

/** The best of several rounds: other programs have the processors, too. */
async function measure(what, count, run) {
  let best = Infinity;
  for (let round = 0; round < 6; round += 1) {
    globalThis.gc?.();
    const start = process.hrtime.bigint();
    await run(count / 5);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / (count / 5) / 1000);
  }
  console.log(`${what.padEnd(64)} ${best.toFixed(2).padStart(8)} us`);
}

/** One instance, one turn after the other. */
function alone(host, name) {
  return async (count) => {
    await host.turnText(begin(name, 'alone'));
    for (let turn = 1; turn <= count; turn += 1) await host.turnText(next(name, 'alone', turn));
  };
}

/** Many instances at once. */
function together(host, name, instances) {
  return async (count) => {
    const each = async (instance) => {
      await host.turnText(begin(name, instance));
      for (let turn = 1; turn < count / instances; turn += 1) await host.turnText(next(name, instance, turn));
    };
    await Promise.all(Array.from({ length: instances }, (_, at) => each(`i-${at}`)));
  };
}

/** A history of that many events, replayed. */
function cold(host, name) {
  const { events } = begin(name, 'cold');
  for (let turn = 1; turn < TURNS; turn += 1) events.push(...next(name, 'cold', turn).events);
  return async (count) => {
    await host.turnText({ ...request(name, 'cold', 0, events.slice(0, count)), replayed: count });
  };
}

/** What code outside of orchestrations pays for the guards, in nanoseconds. */
function guards() {
  const count = 5_000_000;
  for (const [what, run] of [
    ['Date.now()', () => Date.now()],
    ['new Date()', () => new Date()],
    ['new Date(0)', () => new Date(0)],
    ['Math.random()', () => Math.random()],
    ['performance.now()', () => performance.now()],
    ['crypto.randomUUID()', () => crypto.randomUUID()],
    ['setTimeout and clearTimeout', () => clearTimeout(setTimeout(guards, 1e6))],
  ]) {
    let best = Infinity;
    for (let round = 0; round < 4; round += 1) {
      const start = process.hrtime.bigint();
      for (let at = 0; at < count / 10; at += 1) run();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / (count / 10));
    }
    console.log(`    ${what.padEnd(60)} ${best.toFixed(1).padStart(8)} ns`);
  }
}

/**
 * How late a timer of somebody else's was, while `run` ran; the garbage collector has its part in the worst.
 */
async function lateness(run) {
  const late = [];
  let due = Infinity;
  const watch = setInterval(() => {
    late.push(performance.now() - due);
    due = performance.now() + 1;
  }, 1);
  await new Promise((resolve) => { setTimeout(resolve, 10); });
  await run();
  clearInterval(watch);
  late.sort((one, other) => one - other);
  const at = (part) => late[Math.floor((late.length - 1) * part)].toFixed(2).padStart(8);
  console.log(`${'a timer beside them: late at the median'.padEnd(64)} ${at(0.5)} ms`);
  console.log(`${'  99 %'.padEnd(64)} ${at(0.99)} ms`);
  console.log(`${'  at most'.padEnd(64)} ${at(1)} ms`);
}

async function main() {
  console.log('outside of orchestrations, before the guards:');
  guards();
  const host = new TurnHost({ orchestrations: registered({ steps, yields, timers }) });
  console.log('and with them:');
  guards();
  await measure('a warm turn of one instance', TURNS, alone(host, 'steps'));
  await measure('the same, of a generator', TURNS, alone(host, 'yields'));
  await measure('the same, with setTimeout', TURNS, alone(host, 'timers'));
  await measure('a warm turn, 1,000 instances at once', TURNS, together(host, 'steps', 1000));
  await measure('an event of a replay', TURNS, cold(host, 'steps'));
  const replay = cold(host, 'steps');
  await lateness(async () => {
    for (let round = 0; round < 20; round += 1) await replay(TURNS / 20);
  });
  await lateness(() => together(host, 'steps', 1000)(TURNS));
}

main();
