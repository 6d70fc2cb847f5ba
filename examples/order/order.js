'use strict';
// Orders that survive being killed: reserve the stock, charge the card, wait for an approval, send the parcels.
//
// What was done is undone, in reverse order, when a step fails or nobody approves in time.
//
//     node examples/order/order.js demo --store sqlite:demo.sqlite       six orders, a kill -9 in the middle
//
// or by hand, in two terminals; kill the worker as often as you like:
//
//     node examples/order/order.js worker --store sqlite:orders.sqlite
//     node examples/order/order.js start --store sqlite:orders.sqlite order-1 book 20
//     node examples/order/order.js approve --store sqlite:orders.sqlite order-1
//     node examples/order/order.js status --store sqlite:orders.sqlite

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
// In a program of yours: require('perdure').
const perdure = require('../../bindings/node');

const { activity, orchestration } = perdure;

class CardDeclined extends Error {}
class NoCarrier extends Error {}

// ---- Activities: ordinary functions that may do anything, run at least once ----------------------------
// A real shop would hand `ctx.idempotencyKey` to its bank, which then takes repeated calls for one.

/** Where activities leave a line when they begin. */
let log;

async function work(ctx) {
  if (log) fs.appendFileSync(log, `${ctx.idempotencyKey} ${ctx.name}\n`);
  await sleep(100 + Math.random() * 200, null, { signal: ctx.signal });
}

const reserveStock = activity('reserveStock', async (ctx, { item }) => {
  await work(ctx);
  return `reservation of ${item}`;
});

const chargeCard = activity('chargeCard', async (ctx, { price, card = 'valid' }) => {
  await work(ctx);
  if (card === 'slow' && ctx.attempt === 1) throw new Error('the bank does not answer');
  if (card === 'expired') throw new CardDeclined('the card is expired');
  return `payment of ${price}`;
}, { retry: { maxAttempts: 3, initialInterval: 50, nonRetryable: [CardDeclined] }, startToClose: '30s' });

const callCarrier = activity('callCarrier', async (ctx, item) => {
  await work(ctx);
  if (item === 'anvil') throw new NoCarrier('too heavy for any carrier');
  return `parcel with ${item}`;
});

const refundCard = activity('refundCard', work);
const releaseStock = activity('releaseStock', work);

// ---- Orchestrations: functions that go on, however often their process dies ----------------------------

const ship = orchestration('ship', async (ctx, item) => {
  await ctx.sleep(50);
  return ctx.activity(callCarrier, item);
});

const order = orchestration('order', async (ctx, given) => {
  const undo = [];
  try {
    ctx.setCustomStatus('reserving');
    const reservation = await ctx.activity(reserveStock, given);
    undo.push([releaseStock, reservation]);
    ctx.setCustomStatus('charging');
    const payment = await ctx.activity(chargeCard, given);
    undo.push([refundCard, payment]);
    ctx.setCustomStatus('waiting for approval');
    // A race of an event and a durable timer. The event may have come long before.
    await ctx.withTimeout(given.patience ?? '1m', ctx.waitForEvent('approved'));
    ctx.setCustomStatus('shipping');
    return `shipped: ${await ctx.subOrchestration(ship, given.item)}`;
  } catch (error) {
    ctx.setCustomStatus('compensating');
    for (const [step, receipt] of undo.reverse()) await ctx.activity(step, receipt);
    if (error instanceof perdure.WorkFailed) return `compensated: ${error.failure.message}`;
    if (error instanceof perdure.TimedOut) return 'compensated: nobody approved in time';
    // A cancellation, or an error of this code.
    throw error;
  }
});

// ---- Commands ------------------------------------------------------------------------------------------

async function runWorker(store, options) {
  log = options.log;
  const definitions = [order, ship, reserveStock, chargeCard, callCarrier, refundCard, releaseStock];
  const runtime = await new perdure.Runtime(store, definitions).start();
  const stop = () => runtime.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // A worker that was started by another process does not outlive it.
  if (options.attached) process.stdin.on('end', stop).resume();
}

async function startOrder(client, [id, item, price]) {
  await client.start(order, { item, price: Number(price) }, { instance: id });
  console.log(`${id} is on disk`);
}

async function approveOrder(client, [id]) {
  await client.raiseEvent(id, 'approved', { by: process.env.USER ?? 'somebody' });
  console.log(`the approval of ${id} is on disk`);
}

async function showStatus(client) {
  for await (const one of client.list({ orchestration: order })) {
    console.log(one.instance.padEnd(12), one.status.padEnd(10), one.output ?? one.customStatus ?? '');
  }
}

// ---- The demo: a client that kills the worker -9 in the middle of the orders ---------------------------

const FATES = [
  { input: { item: 'book', price: 20 }, approved: true, end: 'shipped: parcel with book' },
  { input: { item: 'lamp', price: 45, card: 'slow' }, approved: true, end: 'shipped: parcel with lamp' },
  { input: { item: 'piano', price: 900, patience: '2s' }, end: 'compensated: nobody approved in time' },
  { input: { item: 'chair', price: 120, card: 'expired' }, end: 'compensated: the card is expired' },
  { input: { item: 'anvil', price: 80 }, approved: true, end: 'compensated: too heavy for any carrier' },
  { input: { item: 'globe', price: 70 }, approved: true, end: 'shipped: parcel with globe' },
];

function startWorker(url, path) {
  const command = [__filename, 'worker', '--store', url, '--attached', '--log', path];
  return spawn(process.execPath, command, { stdio: ['pipe', 'inherit', 'inherit'] });
}

const exited = (child) => new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));

async function demo(client, url) {
  const path = `${url.replace(/^sqlite:/, '')}.log`;
  fs.rmSync(path, { force: true });
  const begun = () => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').slice(0, -1) : []);
  const ids = FATES.map((fate, number) => `order-${number + 1}`);
  for (const [number, { input, approved }] of FATES.entries()) {
    await client.start(order, input, { instance: ids[number] });
    if (approved) await client.raiseEvent(ids[number], 'approved', { by: 'Ada' });
  }
  console.log(`${ids.length} orders placed; each is on disk, nobody works on them yet`);
  const first = startWorker(url, path);
  while (begun().length < FATES.length * 2) await sleep(5);
  first.kill('SIGKILL');
  console.log(`worker killed with ${await exited(first)}: ${begun().length} steps had begun`);
  const second = startWorker(url, path);
  const results = await Promise.all(ids.map((id) => client.result(id, { timeout: '60s' })));
  second.stdin.end();
  await exited(second);
  for (const [number, result] of results.entries()) console.log(`${ids[number]}: ${result}`);
  const steps = begun();
  const again = steps.length - new Set(steps).size;
  console.log(`${steps.length} steps ran, ${again} of them again, after a failure or the kill`);
  const wrong = results.filter((result, number) => result !== FATES[number].end);
  if (wrong.length > 0) throw new Error(`these orders came to another end: ${wrong.join(', ')}`);
}

const COMMANDS = {
  worker: runWorker,
  start: (store, options, words) => startOrder(new perdure.Client(store), words),
  approve: (store, options, words) => approveOrder(new perdure.Client(store), words),
  status: (store) => showStatus(new perdure.Client(store)),
  demo: (store, options) => demo(new perdure.Client(store), options.store),
};

async function main() {
  const { values, positionals: [command, ...words] } = parseArgs({
    allowPositionals: true,
    options: { store: { type: 'string' }, log: { type: 'string' }, attached: { type: 'boolean' } },
  });
  if (!Object.hasOwn(COMMANDS, command ?? '') || values.store === undefined) {
    throw new Error(`usage: order.js ${Object.keys(COMMANDS).join('|')} --store sqlite:PATH`);
  }
  await COMMANDS[command](await perdure.Store.open(values.store), values, words);
}

main().catch((error) => {
  console.error(`order: ${error.message}`);
  process.exit(1);
});
