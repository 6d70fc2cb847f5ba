'use strict';
// An order charges a card - twice, when the process dies between the charge and its record.
//
//     node examples/simulate/double_charge.js

const assert = require('node:assert/strict');
// In a program of yours: require('perdure') and require('perdure/testing').
const { orchestration } = require('../../bindings/node');
const { simulate } = require('../../bindings/node/lib/testing');

const order = orchestration('order', async (ctx, price) => {
  const receipt = await ctx.activity('charge', price);
  await ctx.activity('ship', receipt);
  return receipt;
});

/** Charges again what comes again, unless it comes with a key that it knows. */
class Gateway {
  charges = [];
  receipts = new Map();

  charge(price, key) {
    if (this.receipts.has(key)) return this.receipts.get(key);
    this.charges.push(price);
    const receipt = `receipt ${this.charges.length}`;
    if (key !== undefined) this.receipts.set(key, receipt);
    return receipt;
  }
}

const wrong = (gateway) => (price) => gateway.charge(price);
const right = (gateway) => (price, ctx) => gateway.charge(price, ctx.idempotencyKey);

const scenario = (charge) => (run) => {
  const gateway = new Gateway();
  run.activity('charge', charge(gateway));
  run.activity('ship', 'on its way');
  run.start(order, 42, { instance: 'order-1' });
  run.always('nobody pays twice', () => gateway.charges.length <= 1);
  run.check('the order is paid', () => String(gateway.charges) === '42');
};

async function main() {
  let report = await simulate(scenario(wrong));
  console.log(`wrong: ${report}`);
  assert.equal(report.failure.invariant, 'nobody pays twice');
  assert.equal(Object.keys(report.failure.schedule).length, 1);
  report = await simulate(scenario(right));
  console.log(`right: ${report}`);
  report.throwIfFailed();
}

main();
