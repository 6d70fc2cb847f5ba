'use strict';
// What the Node binding costs on top of the engine. Same workloads and names as benchmarks/c/bench.c.
//
//     benchmarks/node/bench.js [STORE-URL [quick]]
//
// Prints lines of `WORKLOAD NAME node VALUE UNIT`; without a store, one in a temporary folder.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const perdure = require('../../bindings/node/lib/index.js');

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
  await sleep(1000);
  const begin = usage();
  await sleep(seconds * 1000);
  const end = usage();
  report('W8', `${count}-parked-cpu`, ((end.processor - begin.processor) / (end.wall - begin.wall)) * 60, 's/min');
  report('W8', `${count}-parked-rss`, process.memoryUsage.rss() / 2 ** 20, 'MiB');
}

/**
 * How long the event loop is held up while so many turns are run per second. What is told is by how much a timer
 * of 1 ms comes late: that includes what other programs do with the processors.
 */
async function loop(client, turns, seconds) {
  const each = 20;
  // Two turns for each instance.
  const count = Math.round((turns / 2 / 1000) * each);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const waits = [];
  const end = performance.now() + seconds * 1000;
  delay.enable();
  while (performance.now() < end) {
    const requests = Array.from({ length: count }, (_, input) => ({ orchestration: hello, input }));
    waits.push(startAll(client, requests).then((ids) => Promise.all(ids.map((id) => client.result(id)))));
    await sleep(each);
  }
  delay.disable();
  await Promise.all(waits);
  for (const [name, value] of [['p50', delay.percentile(50)], ['p99', delay.percentile(99)], ['max', delay.max]]) {
    report('W9', `loop-at-${turns}-turns-${name}`, Math.max(0, value / 1e6 - 1), 'ms');
  }
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
  await loop(client, 1_000, quick ? 1 : 10);
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
