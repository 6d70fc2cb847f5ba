'use strict';
// What the Node binding costs on top of the engine. Same workloads and names as benchmarks/c/bench.c.
//
//     benchmarks/node/bench.js [STORE-URL [quick]]
//
// Prints lines of `WORKLOAD NAME node VALUE UNIT`; without a store, one in a temporary folder.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { monitorEventLoopDelay, PerformanceObserver } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');

// What the binding does on the event loop it does in immediates, with the orchestrations' code.
const nanoseconds = process.hrtime.bigint;
const immediate = setImmediate;
let longest = 0n;
globalThis.setImmediate = (run, ...given) => immediate((...taken) => {
  const begin = nanoseconds();
  try {
    return run(...taken);
  } finally {
    const took = nanoseconds() - begin;
    if (took > longest) longest = took;
  }
}, ...given);

const perdure = require('../../bindings/node/lib/index.js');
const { TurnHost } = require('../../bindings/node/lib/turns/index.js');

const echo = perdure.activity('echo', (ctx, value) => value);
const hello = perdure.orchestration('hello', async (ctx, value) => ctx.activity(echo, value));
const chain = perdure.orchestration('chain', async (ctx, steps) => {
  for (let step = 0; step < steps; step += 1) await ctx.activity(echo, step);
  return steps;
});
const fan = perdure.orchestration('fan', async (ctx, width) => {
  const results = await Promise.all(Array.from({ length: width }, (_, item) => ctx.activity(echo, item)));
  return results.reduce((sum, each) => sum + each, 0);
});
const park = perdure.orchestration('park', async (ctx) => ctx.waitForEvent('never'));

/** What this process has spent, in milliseconds. */
function usage() {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), processor: (user + system) / 1000 };
}

function report(workload, name, value, unit) {
  console.log(`${workload} ${name} node ${value.toFixed(3)} ${unit}`);
}

function check(is, what) {
  if (!is) throw new Error(`${what}: wrong result`);
}

async function startAll(client, requests) {
  const started = await client.startMany(requests);
  const refused = started.find((each) => typeof each !== 'string');
  if (refused) throw refused;
  return started;
}

async function alone(client, count) {
  const latencies = [];
  for (let item = 0; item < count; item += 1) {
    const begin = performance.now();
    await client.result(await client.start(hello, item));
    latencies.push(performance.now() - begin);
  }
  latencies.sort((a, b) => a - b);
  report('W1', 'alone-p50', latencies[Math.floor(count / 2)], 'ms');
  report('W1', 'alone-p99', latencies[Math.floor((count * 99) / 100)], 'ms');
}

async function manyAtOnce(client, count) {
  const begin = usage();
  const ids = await startAll(client, Array.from({ length: count }, (_, input) => ({ orchestration: hello, input })));
  const results = await Promise.all(ids.map((id) => client.result(id)));
  const end = usage();
  check(results.every((each, item) => each === item), 'W1');
  report('W1', `${count}-at-once`, count / ((end.wall - begin.wall) / 1000), 'orchestrations/s');
  report('W1', `${count}-at-once-cpu`, ((end.processor - begin.processor) / count) * 1000, 'us/orchestration');
}

async function chainOf(client, length) {
  const begin = usage();
  check((await client.result(await client.start(chain, length))) === length, 'W3');
  const end = usage();
  report('W3', `chain-${length}`, (end.wall - begin.wall) / length, 'ms/step');
  report('W3', `chain-${length}-cpu`, ((end.processor - begin.processor) / length) * 1000, 'us/step');
}

async function fanOut(client, width) {
  const begin = performance.now();
  check((await client.result(await client.start(fan, width))) === (width * (width - 1)) / 2, 'W4');
  report('W4', `fan-${width}`, performance.now() - begin, 'ms');
}

async function parked(client, count, seconds) {
  const ids = await startAll(client, Array.from({ length: count }, () => ({ orchestration: park })));
  for (const id of ids.toReversed()) while ((await client.describe(id)).eventCount < 2) await sleep(50);
  // At rest: what the load left over of memory has gone back to the system, as each ten seconds.
  await sleep((seconds + 1) * 1000);
  const begin = usage();
  await sleep(seconds * 1000);
  const end = usage();
  report('W8', `${count}-parked-cpu`, ((end.processor - begin.processor) / (end.wall - begin.wall)) * 60, 's/min');
  report('W8', `${count}-parked-rss`, process.memoryUsage.rss() / 2 ** 20, 'MiB');
}

/**
 * How long the event loop is held up while so many turns are run per second: by how much a timer of 1 ms comes
 * late, which includes the garbage collector and what other programs do with the processors; the longest that a
 * callback took; and the longest that the collector did. Of three rounds the least.
 */
async function loop(client, turns, seconds) {
  const rounds = [];
  for (let round = 0; round < 3; round += 1) rounds.push(await loopRound(client, turns, seconds));
  for (const name of Object.keys(rounds[0])) {
    report('W9', `loop-at-${turns}-turns-${name}`, Math.max(0, Math.min(...rounds.map((each) => each[name]))), 'ms');
  }
}

async function loopRound(client, turns, seconds) {
  const each = 20;
  // Two turns for each instance.
  const count = Math.round((turns / 2 / 1000) * each);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let collected = 0;
  const collector = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) collected = Math.max(collected, entry.duration);
  });
  const waits = [];
  const end = performance.now() + seconds * 1000;
  longest = 0n;
  collector.observe({ entryTypes: ['gc'] });
  delay.enable();
  while (performance.now() < end) {
    const requests = Array.from({ length: count }, (_, input) => ({ orchestration: hello, input }));
    waits.push(startAll(client, requests).then((ids) => Promise.all(ids.map((id) => client.result(id)))));
    await sleep(each);
  }
  delay.disable();
  await Promise.all(waits);
  collector.disconnect();
  const late = (value) => value / 1e6 - 1;
  return {
    'late-p50': late(delay.percentile(50)), 'late-p99': late(delay.percentile(99)), 'late-max': late(delay.max),
    'callback-max': Number(longest) / 1e6, 'collector-max': collected,
  };
}

/** The cost of a turn without the engine: reading the request, running code, writing the answer. */
async function turnCost(count) {
  const each = 32;
  const code = async (ctx, value) => ctx.activity(echo, value);
  const orchestrations = new Map([['hello', new Map([['1.0.0', { fn: code, options: {} }]])]]);
  const started = [{ id: 1, at: 1, kind: 'OrchestrationStarted', input: 7 }];
  const answered = [
    { id: 2, at: 1, kind: 'ActivityScheduled', action: 1 },
    { id: 3, at: 2, kind: 'ActivityCompleted', action: 1, result: 7 },
  ];
  const best = { first: Infinity, next: Infinity };
  for (let round = 0; round < 5; round += 1) {
    const host = new TurnHost({ orchestrations });
    for (const [name, from, events] of [['first', 0, started], ['next', 1, answered]]) {
      const request = {
        v: 1, turn: 1, execution: 1, orchestration: 'hello', version: '1.0.0', from, replayed: from, events,
      };
      const polls = Array.from({ length: count / each }, (_, poll) =>
        JSON.stringify(Array.from({ length: each }, (_, at) => ({ ...request, instance: `i-${poll * each + at}` }))));
      const begin = performance.now();
      for (const poll of polls) await Promise.all(JSON.parse(poll).map((one) => host.turnText(one)));
      best[name] = Math.min(best[name], ((performance.now() - begin) / (polls.length * each)) * 1000);
    }
  }
  for (const [name, spent] of Object.entries(best)) report('W9', `${name}-turn-binding`, spent, 'us/turn');
}

async function run(url, quick) {
  const store = await perdure.Store.open(url);
  const runtime = await new perdure.Runtime(store, [echo, hello, chain, fan, park]).start();
  const client = new perdure.Client(store);
  report('W8', 'rss-at-start', process.memoryUsage.rss() / 2 ** 20, 'MiB');
  await alone(client, quick ? 20 : 200);
  for (const count of quick ? [200] : [2_000, 10_000]) await manyAtOnce(client, count);
  for (const length of quick ? [10, 100] : [10, 100, 1_000, 5_000]) await chainOf(client, length);
  await fanOut(client, quick ? 100 : 1_000);
  await turnCost(quick ? 320 : 3_200);
  await loop(client, 1_000, quick ? 1 : 5);
  await parked(client, quick ? 100 : 2_000, quick ? 1 : 10);
  await runtime.stop();
  client.close();
  store.close();
}

async function main([url, ...words]) {
  if (url !== undefined) return run(url, words.includes('quick'));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'perdure-bench-'));
  try {
    await run(`sqlite:${path.join(folder, 'bench.sqlite')}`, false);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

main(process.argv.slice(2));
