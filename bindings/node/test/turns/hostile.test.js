'use strict';
// Whatever code does, its turn is answered, and the turns of others go on.

const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const { test } = require('node:test');
const { Handle } = require('../../lib/turns/index.js');
const { Script } = require('./script.js');

const angry = () => {
  throw new RangeError('no');
};
const proxy = () => new Proxy(() => {}, { get: angry, has: angry, getPrototypeOf: angry, ownKeys: angry });

const HOSTILE = {
  'returns a thenable that throws': () => ({ then: angry }),
  'returns a thenable whose then cannot be read': () => Object.defineProperty({}, 'then', { get: angry }),
  'returns a thenable that never settles': () => ({ then() {} }),
  'returns a thenable that settles twice': () => ({ then: (done, fail) => [done(1), fail(2), done(3)] }),
  'returns a proxy that throws': () => proxy(),
  'returns itself in a circle': () => {
    const circle = {};
    circle.circle = circle;
    return circle;
  },
  'returns what is nested too deep': () => {
    let deep = [];
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    return deep;
  },
  'returns what cannot be encoded': () => ({ toJSON: angry }),
  'returns a generator that throws': () => ({ next: angry, throw: angry, [Symbol.iterator]: angry }),
  'returns a generator that is never done': () => ({
    next: () => ({ done: false, value: new Promise(() => {}) }),
    throw: angry,
    [Symbol.iterator]: angry,
  }),
  'throws a proxy': () => {
    throw proxy();
  },
  'throws an error that throws': () => {
    const get = { get: angry };
    throw Object.defineProperties(new Error('x'), { message: get, stack: get, name: get });
  },
  'throws errors in a circle': () => {
    const error = new Error('round');
    error.cause = error;
    throw error;
  },
  'throws a revoked proxy': () => {
    const { proxy: gone, revoke } = Proxy.revocable({}, {});
    revoke();
    throw gone;
  },
  'recurses without end': function recurse(...given) {
    return recurse(...given);
  },
  'rejects with a handle': (ctx) => Promise.reject(ctx.activity('a')),
  'makes handles of its own': () => new Handle(() => {}),
  'asks the class for all': () => Handle.all([1]),
  'breaks its handle': async (ctx) => {
    const handle = ctx.activity('a');
    handle.then = angry;
    await handle;
  },
  'gives a handle to a thenable job twice': async (ctx) => {
    const handle = ctx.activity('a');
    handle.then(angry, angry);
    handle.cancel();
    await handle;
  },
  'logs what cannot be shown': async (ctx) => {
    ctx.log.info({ [inspect.custom]: angry });
    ctx.log.warn(proxy());
    ctx.log.error(Symbol('s'));
  },
  'passes a proxy everywhere': async (ctx) => {
    const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(ctx));
    const values = [[], [proxy()], ['a', proxy()], ['a', 'b', proxy()], [Symbol('s')], [null, null, null]];
    for (const [name, { value }] of Object.entries(members)) {
      if (typeof value !== 'function') continue;
      for (const given of values) {
        try {
          const result = ctx[name](...given);
          if (result instanceof Promise) result.catch(() => {});
        } catch {
          // Whatever it says.
        }
      }
    }
  },
  'changes its context': async (ctx) => {
    for (const name of ['kv', 'log', 'parent', 'instanceId', 'activity']) ctx[name] = null;
    Object.setPrototypeOf(ctx, null);
  },
  'ends by cancelling everything': async (ctx) => {
    for (let round = 0; round < 100; round += 1) ctx.activity('a').cancel();
    await Promise.all([ctx.activity('b'), ctx.timer(1)].map((handle) => handle.cancel() && handle));
  },
  'leaves many rejections': async () => {
    for (let count = 0; count < 1000; count += 1) Promise.reject(proxy());
  },
};

for (const [name, code] of Object.entries(HOSTILE)) {
  test(`code that ${name}`, async () => {
    const script = new Script(code);
    const bystander = new Script(async (ctx) => ctx.waitForEvent('go'));
    await Promise.all([script.start(), bystander.start()]);
    for (let round = 0; round < 3 && script.end === undefined; round += 1) {
      await script.complete(script.actions.at(-1)?.id ?? 1, round);
      if (script.end === undefined) await script.cancel();
    }
    assert.ok(script.end !== undefined || script.actions.length > 0, 'it waits for nothing');
    await bystander.raise('go', 1);
    assert.equal(await bystander.output(), 1);
    assert.equal(script.strays.length, 0);
  });
}
