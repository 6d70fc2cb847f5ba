// Programs of Duroxide as TypeScript has them. Checked, not run.

import {
  Client, OrchestrationContext, Runtime, ScheduledTask, SqliteProvider, Task, initTracing,
} from 'perdure/duroxide';

function* order(ctx: OrchestrationContext, input: { amount: number }): Generator<Task, string, any> {
  const work: ScheduledTask<number> = ctx.scheduleActivity<number>('Charge', input).withTag('gpu');
  const charged: number = yield work;
  const { index } = yield ctx.race(ctx.waitForEvent('go'), ctx.scheduleTimer(10));
  const results = yield ctx.all([ctx.scheduleActivityWithRetry('Charge', input, { maxAttempts: 2 })]);
  ctx.setValue('charged', String(charged));
  if (index === 1) yield ctx.continueAsNew(input);
  return results[0].ok;
}

async function main(): Promise<void> {
  initTracing({ logFile: 'log', logLevel: 'debug' });
  const provider = await SqliteProvider.open('orders.db');
  const runtime = new Runtime(provider, { workerTagFilter: { defaultAnd: ['gpu'] }, workerConcurrency: 4 });
  runtime.registerOrchestration('Order', order);
  runtime.registerActivity('Charge', async (ctx, input: { amount: number }) => (ctx.isCancelled() ? 0 : input.amount));
  await runtime.start();
  const client = new Client(provider);
  await client.startOrchestration('order-1', 'Order', { amount: 5 });
  const { status, output } = await client.waitForOrchestration('order-1', 5000);
  const stats = await client.getOrchestrationStats('order-1');
  console.log(status, output, stats?.kvUserKeyCount, runtime.metricsSnapshot()?.orchStarts);
  // @ts-expect-error A reason is text.
  await client.cancelInstance('order-1', 5);
  // @ts-expect-error A race has two tasks.
  (null as unknown as OrchestrationContext).race(work());
  await runtime.shutdown();
}

declare function work(): Task;
void main;
