'use strict';
// The smallest program: one orchestration, one activity.
//
//     node examples/hello/hello.js hello.sqlite

// In a program of yours: require('perdure').
const { Client, Runtime, Store, activity, orchestration } = require('../../bindings/node');

const makeGreeting = activity('makeGreeting', (ctx, name) => `Hello, ${name}!`);

const greet = orchestration('greet', async (ctx, name) => ctx.activity(makeGreeting, name));

async function main(path) {
  if (path === undefined) throw new Error('usage: hello.js PATH-OF-A-SQLITE-FILE');
  const store = await Store.open(`sqlite:${path}`);
  const runtime = await new Runtime(store, [greet, makeGreeting]).start();
  const client = new Client(store);
  console.log(await client.result(await client.start(greet, 'Ada'), { timeout: '10s' }));
  await runtime.stop();
}

main(process.argv[2]);
