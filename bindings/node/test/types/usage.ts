// Compiled by types.test.js, never run. What must not compile stands under @ts-expect-error.
import * as perdure from 'perdure';
import { NEVER, TestEnvironment, replay, simulate } from 'perdure/testing';

interface Order {
  number: number;
  price: number;
}

const charge = perdure.activity('charge', async (ctx, order: Order) => `${ctx.idempotencyKey}: ${order.price}`, {
  retry: { maxAttempts: 5, nonRetryable: [TypeError] },
  startToClose: '30s',
});
const audit = perdure.activity('audit', (ctx) => ctx.attempt);
const ask = perdure.activity('ask', async (ctx, question: string) => {
  if (question === '') return 'nothing';
  return ctx.defer();
});

const order = perdure.orchestration('order', async (ctx, given: Order) => {
  const receipt: string = await ctx.activity(charge, given, { startToClose: 1000 });
  const [attempts, answer]: [number, string] = await Promise.all([ctx.activity(audit), ctx.activity(ask, 'why?')]);
  // @ts-expect-error the input is missing
  await ctx.activity(charge);
  // @ts-expect-error the input is of another type
  await ctx.activity(charge, 7);
  // @ts-expect-error there is no such option
  await ctx.activity(charge, given, { retri: {} });
  const chosen = await ctx.select({ paid: ctx.activity(charge, given), late: ctx.timer('24h') });
  if (chosen[0] === 'paid') chosen[1].toUpperCase();
  return { receipt, attempts, answer };
}, { version: '2.0.0' });

const parent = perdure.orchestration('parent', async (ctx) => {
  const child = await ctx.subOrchestration(order, { number: 1, price: 2 }, { closePolicy: 'abandon' });
  return child.attempts;
});

const steps = perdure.orchestration('steps', function* (ctx, name: string): Generator<any, number, any> {
  yield ctx.activity('anything', name);
  return 7;
});

async function main(): Promise<void> {
  const store = await perdure.Store.open('sqlite:app.sqlite', { busyTimeout: '2s', limits: { kvKeys: 10 } });
  const runtime = await new perdure.Runtime(store, [charge, audit, ask, order, parent, steps],
    { cache: false }).start();
  // @ts-expect-error there is no such option
  new perdure.Runtime(store, [], { slots: 4 });
  const client = new perdure.Client(store);
  const id = await client.start(order, { number: 1, price: 2 }, { policy: 'useExisting' });
  const result = await client.result(id, { timeout: 1000 });
  const receipt: string = result.receipt;
  // @ts-expect-error the result has no such member
  result.nothing;
  const seven: number = await client.result(await client.start(steps, 'Ada'));
  const none: number = await client.result(await client.start(parent));
  // @ts-expect-error the input is of another type
  await client.start(order, 'order-1');
  const anything = await client.result(await client.start('by name', { any: 1 }));
  anything.at.all;
  for await (const each of client.list({ status: ['Running', 'Failed'], createdFrom: new Date() })) each.status;
  for await (const event of client.follow('order-1')) event.kind;
  try {
    await client.describe('nothing');
  } catch (error) {
    if (error instanceof perdure.NotFound) error.code.toFixed();
    if (error instanceof perdure.ActivityFailed) error.failure.type.length;
  }
  perdure.logTo((record) => record.message.length, { level: 'warn' });
  await runtime.stop({ grace: '1s' });
  store.metrics().value('perdure_turns').toFixed();
  [receipt, seven, none];
}

async function test(): Promise<void> {
  const env = await TestEnvironment.start([order, parent], {
    start: new Date(), stubs: { charge: [new Error('x'), NEVER, 'paid', (input: Order) => input.price], ask: null },
  });
  const { receipt } = await env.run(order, { number: 1, price: 2 });
  // @ts-expect-error the input is missing
  await env.run(order);
  env.calls(charge)[0].at.getTime();
  (await replay('history.jsonl', [order])).throwIfDifferent();
  await env.advance('30d');
  await env.close();
  receipt.length;
  const report = await simulate((run) => {
    run.activity(charge, (input: Order) => `paid ${input.price}`);
    run.start(order, { number: 1, price: 2 }, { instance: 'o', after: '1s' });
    run.check('it ends', (world) => world.instance('o').isEnded);
  }, { seeds: 10 });
  report.throwIfFailed();
}

main().then(test);
