// The prices, in Node.
//
//     node examples/mixed/prices.mjs sqlite:orders.sqlite
//
// Serves until it is killed.
import { setTimeout as pause } from 'node:timers/promises';
import { Runtime, Store, activity } from '../../bindings/node/index.mjs';

const PRICES = { lamp: 20, chair: 45, carpet: 120 };

const price = activity('price', async (ctx, item) => {
  await pause(20);
  return PRICES[item] ?? 10;
});

const store = await Store.open(process.argv[2]);
const runtime = new Runtime(store, [price]);
await runtime.start();
console.log('node serves');
