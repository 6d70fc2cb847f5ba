'use strict';
// Many instances in one host: what is kept, who runs when, and that every run of the same code is the same.

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { test } = require('node:test');
const { InvalidArgument, NotFound } = require('../../lib/errors.js');
const { TurnHost } = require('../../lib/turns/index.js');
const { Script, START, copy, registered, withoutStack } = require('./script.js');

function request(instance, from, events, members = {}) {
  return {
    v: 1, turn: 1, instance, execution: 1, orchestration: 'test', version: '1.0.0', from, replayed: from,
    events, ...members,
  };
}

const started = (input = null) => ({ id: 1, at: START, kind: 'OrchestrationStarted', input });
const raised = (id, data = null) => ({ id, at: START + id, kind: 'EventRaised', name: 'go', data });
const wait = async (ctx) => ctx.waitForEvent('go');
const newHost = (fn, options) => new TurnHost({ orchestrations: registered({ test: fn }), ...options });
const MISS = { v: 1, miss: true };

// ---- What is kept -----------------------------------------------------------------------------------

test('a full cache drops the one used longest ago', async () => {
  const host = newHost(wait, { cached: 2 });
  for (const instance of ['a', 'b', 'c']) await host.turn(request(instance, 0, [started()]));
  assert.equal(host.size, 2);
  assert.deepEqual(await host.turn(request('a', 1, [raised(3)])), MISS);
  assert.equal((await host.turn(request('b', 1, [raised(3, 'on')]))).end.output, 'on');
});

test('a cache of none keeps none', async () => {
  const host = newHost(wait, { cached: 0 });
  const answer = await host.turn(request('a', 0, [started()]));
  assert.deepEqual([answer.retained, host.size, answer.actions.length], [false, 0, 1]);
});

test('a turn from another place, or of another execution, is a miss', async () => {
  const host = newHost(wait);
  for (const wrong of [[2, {}], [1, { execution: 2 }]]) {
    await host.turn(request('a', 0, [started()]));
    assert.deepEqual(await host.turn(request('a', wrong[0], [raised(3)], wrong[1])), MISS);
    assert.deepEqual(await host.turn(request('a', 1, [raised(3)])), MISS, 'the live code is gone');
  }
});

test('an instance can be evicted, also while its turn waits', async () => {
  const host = newHost(wait);
  await host.turn(request('a', 0, [started()]));
  assert.deepEqual([host.evict('a', 2), host.evict('b'), host.size], [false, false, 1]);
  assert.deepEqual([host.evict('a', 1), host.evict('a'), host.size], [true, false, 0]);
  assert.deepEqual(await host.turn(request('a', 1, [raised(3)])), MISS);
});

test('a turn from 0 begins anew', async () => {
  let runs = 0;
  const host = newHost(async (ctx) => {
    runs += 1;
    return ctx.waitForEvent('go');
  });
  await host.turn(request('a', 0, [started()]));
  await host.turn(request('a', 0, [started()]));
  assert.deepEqual([runs, host.size], [2, 1]);
});

test('an unknown orchestration or version is an error of the host', async () => {
  const host = newHost(wait);
  await assert.rejects(host.turn(request('a', 0, [started()], { orchestration: 'other' })), NotFound);
  const newer = request('a', 0, [started()], { version: '2.0.0' });
  await assert.rejects(host.turn(newer), /'test' version 2\.0\.0/);
  assert.deepEqual((await host.turn(request('a', 0, [started()]))).retained, true);
});

test('a request that is none is an error of its own', async () => {
  const host = newHost(wait);
  await assert.rejects(host.turn(request('a', 0, null)), InvalidArgument);
  await assert.rejects(host.turn(), InvalidArgument);
  const good = host.turn(request('b', 0, [started()]));
  await assert.rejects(host.turn(request('a', 0, [null])), TypeError);
  assert.equal((await good).retained, true);
  assert.equal((await host.turn(request('a', 0, [started()]))).retained, true);
  assert.throws(() => newHost(wait, { cached: -1 }), InvalidArgument);
  assert.throws(() => newHost(wait, { limits: { bytes: 1 } }), InvalidArgument);
  assert.throws(() => new TurnHost({ orchestrations: {} }), InvalidArgument);
});

test('events of kinds that code does not see, and unknown ones, are passed over', async () => {
  const host = newHost(wait);
  const others = ['ActivityScheduled', 'constructor', 'toString', 'Newer'].map((kind, at) => {
    return { id: 3 + at, at: START, kind, action: 1, name: 'go' };
  });
  await host.turn(request('a', 0, [started()]));
  assert.deepEqual((await host.turn(request('a', 1, others))).actions, []);
  assert.equal((await host.turn(request('a', 6, [raised(9, 1)]))).end.output, 1);
});

test('a replay is made beside the live code and keeps nothing', async () => {
  const host = newHost(async (ctx) => {
    ctx.log.info('hello');
    ctx.metric('seen', 1);
    return ctx.waitForEvent('go');
  });
  await host.turn(request('a', 0, [started()]));
  const replay = await host.turn(request('a', 0, [started(), raised(3, 7)], { replay: true }));
  assert.deepEqual(Object.keys(replay), ['v', 'actions', 'end', 'retained']);
  assert.deepEqual([replay.end.output, replay.retained], [7, false]);
  assert.equal((await host.turn(request('a', 1, [raised(3, 8)]))).end.output, 8);
});

// ---- Who runs when ----------------------------------------------------------------------------------

test('a thousand instances interleave, and none sees another', async () => {
  const instances = 1000;
  const rounds = 5;
  let running = null;
  const code = async (ctx, input) => {
    const seen = [];
    const hold = async () => {
      running = ctx.instanceId;
      for (let hop = 0; hop < 7; hop += 1) {
        await null;
        assert.equal(running, ctx.instanceId, 'another instance came in between');
      }
    };
    for (let round = 0; round < rounds; round += 1) {
      const [timer, event] = [ctx.timer(5), ctx.waitForEvent('go')];
      const [data] = await Promise.all([event, timer.then(hold), hold()]);
      seen.push(data, Date.now() - START, ctx.random() === ctx.random());
    }
    return [input, seen];
  };
  const host = newHost(code);
  const drive = async (at) => {
    const instance = `i-${at}`;
    let id = 1;
    await host.turn(request(instance, 0, [started(at)]));
    for (let round = 0; round < rounds; round += 1) {
      const fired = { id: id + 2, at: START + at + round, kind: 'TimerFired', action: 2 * round + 1 };
      const go = { ...raised(id + 3, round), at: START + at + round };
      const turns = at % 2 === 0 ? [[fired, go]] : [[fired], [go]];
      let answer;
      for (const events of turns) {
        answer = await host.turn(request(instance, id, events));
        id = events.at(-1).id;
      }
      if (round === rounds - 1) return answer.end.output;
    }
    return null;
  };
  const outputs = await Promise.all(Array.from({ length: instances }, (_, at) => drive(at)));
  for (const [at, [input, seen]] of outputs.entries()) {
    assert.equal(input, at);
    assert.deepEqual(seen, Array.from({ length: rounds }, (_, round) => [round, at + round, false]).flat());
  }
  assert.equal(host.size, 0);
});

test('turns of one instance follow each other in the order in which they came', async () => {
  const host = newHost(async (ctx) => {
    const seen = [];
    for (let round = 0; round < 3; round += 1) seen.push(await ctx.waitForEvent('go'));
    return seen;
  });
  const answers = await Promise.all([
    host.turn(request('a', 0, [started()])), host.turn(request('a', 1, [raised(3, 'x')])),
    host.turn(request('a', 3, [raised(5, 'y')])), host.turn(request('a', 5, [raised(7, 'z')])),
  ]);
  assert.deepEqual(answers.at(-1).end.output, ['x', 'y', 'z']);
});

test('a long replay lets others in between: instances, timers', async () => {
  const host = newHost(async (ctx, count) => {
    for (let at = 0; at < count; at += 1) await ctx.waitForEvent('go');
  });
  const count = 20_000;
  const events = [started(count), ...Array.from({ length: count }, (_, at) => raised(at + 3))];
  const order = [];
  let ticks = 0;
  const tick = setInterval(() => { ticks += 1; }, 1);
  const long = host.turn(request('long', 0, events)).then((answer) => {
    order.push('long');
    return answer;
  });
  const same = host.turn(request('long', count + 2, []));
  await new Promise((resolve) => { setTimeout(resolve, 1); });
  await host.turn(request('short', 0, [started(0)])).then(() => order.push('short'));
  assert.equal((await long).end.kind, 'Completed');
  assert.deepEqual(await same, MISS, 'a turn of the same instance waits for it');
  clearInterval(tick);
  assert.deepEqual(order, ['short', 'long']);
  assert.ok(ticks > 1, `${ticks} ticks`);
});

test('the asynchronous context of the caller does not show, and is there afterwards', async () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const host = newHost(async (ctx) => {
    seen.push(storage.getStore());
    await ctx.waitForEvent('go');
    seen.push(storage.getStore());
  });
  await storage.run('first', async () => {
    await host.turn(request('a', 0, [started()]));
    assert.equal(storage.getStore(), 'first');
  });
  await storage.run('second', () => host.turn(request('a', 1, [raised(3)])));
  assert.deepEqual(seen, [undefined, undefined]);
});

test('a listener in front of process.emit stays', async () => {
  const mine = [];
  let put = false;
  const host = newHost(async (ctx) => {
    if (!put) {
      put = true;
      const { emit } = process;
      process.emit = function listening(...given) {
        mine.push(given[0]);
        return Reflect.apply(emit, this, given);
      };
    }
    await ctx.waitForEvent('go');
  });
  await host.turn(request('a', 0, [started()]));
  process.emit('perdure-test');
  await host.turn(request('b', 0, [started()]));
  process.emit('perdure-test');
  delete process.emit;
  assert.deepEqual(mine, ['perdure-test', 'perdure-test']);
});

// ---- Every run is the same --------------------------------------------------------------------------

/** Numbers that are the same for a seed. */
function chance(seed) {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % most;
  };
}

/** A program of nested forms, as a tree. */
function grow(next, depth) {
  const leaves = ['activity', 'timer', 'event', 'queue', 'timeout', 'status', 'patch', 'tick'];
  const forms = [
    'sequence', 'all', 'settled', 'race', 'select', 'limit', 'task', 'try', 'generator', 'dropped',
  ];
  if (depth === 0 || next(4) === 0) return { kind: leaves[next(leaves.length)], name: `n${next(3)}` };
  return {
    kind: forms[next(forms.length)],
    parts: Array.from({ length: 1 + next(3) }, () => grow(next, depth - 1)),
  };
}

const FORMS = {
  activity: (ctx, { name }) => ctx.activity(name, [Math.random(), Date.now()]),
  timer: (ctx) => ctx.timer(10),
  event: (ctx, { name }) => ctx.waitForEvent(name),
  queue: (ctx, { name }) => ctx.dequeue(name),
  timeout: () => new Promise((resolve) => { setTimeout(resolve, 20, 'rang'); }),
  status: (ctx) => ctx.setCustomStatus(crypto.randomUUID()),
  patch: (ctx, { name }) => ctx.patched(name),
  tick: () => new Promise((resolve) => { setImmediate(resolve); }),
  sequence: async (ctx, { parts }) => {
    const results = [];
    for (const part of parts) results.push(await run(ctx, part));
    return results;
  },
  all: (ctx, { parts }) => Promise.all(parts.map((part) => run(ctx, part))),
  settled: async (ctx, { parts }) => {
    return (await Promise.allSettled(parts.map((part) => run(ctx, part)))).length;
  },
  race: (ctx, { parts }) => Promise.race(parts.map((part) => run(ctx, part))),
  select: (ctx, { parts }) => ctx.select({ ...parts.map((part) => ctx.task(async () => run(ctx, part))) }),
  limit: (ctx, { parts }) => ctx.withTimeout(15, ctx.task(async () => run(ctx, parts[0]))),
  task: (ctx, { parts }) => {
    const task = ctx.task(async () => run(ctx, parts[0]));
    task.catch(() => {});
    return ctx.timer(5).then(() => task.cancel());
  },
  try: async (ctx, { parts }) => {
    try {
      return await run(ctx, parts[0]);
    } catch (error) {
      return [error.name, await run(ctx, parts.at(-1))];
    }
  },
  generator: (ctx, { parts }) => ctx.task(function* code() {
    for (const part of parts) yield run(ctx, part);
  }),
  dropped: (ctx, { parts }) => {
    Promise.resolve(run(ctx, parts[0])).catch(() => {});
    return run(ctx, parts.at(-1));
  },
};

const run = (ctx, tree) => FORMS[tree.kind](ctx, tree);

/** What could happen next to an instance, one of all that is open. */
function happen(script, next, answered) {
  const gone = new Set(answered);
  for (const { kind, target } of script.actions) if (kind === 'Cancel') gone.add(target);
  const open = script.actions.filter((each) => {
    return ['ScheduleActivity', 'CreateTimer'].includes(each.kind) && !gone.has(each.id);
  });
  const choice = next(open.length + 4);
  if (choice < open.length) {
    const { id, kind, name } = open[choice];
    answered.add(id);
    if (kind === 'CreateTimer') return script.event('TimerFired', { action: id });
    if (next(4) > 0) return script.event('ActivityCompleted', { action: id, result: name });
    return script.event('ActivityFailed', { action: id, failure: { type: 'Declined', message: name } });
  }
  if (choice === open.length + 3 && next(5) === 0) {
    return script.event('CancellationRequested', { reason: 'enough' });
  }
  const kind = choice % 2 === 0 ? 'EventRaised' : 'QueueMessageReceived';
  return script.event(kind, { name: `n${next(3)}`, data: next(100) });
}

test('any program replays: from 0 as with what was kept, in turns of any size', async () => {
  let ends = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const next = chance(seed);
    const tree = grow(next, 4);
    const script = new Script(async (ctx) => run(ctx, tree));
    const answered = new Set();
    await script.start();
    for (let turn = 0; turn < 30 && script.end === undefined; turn += 1) {
      const events = [];
      for (let size = 1 + next(3); size > 0; size -= 1) {
        const last = events.at(-1) ?? script.events.at(-1);
        events.push({ ...happen(script, next, answered), id: last.id + 1 });
      }
      await script.deliver(...events);
    }
    if (script.end !== undefined) ends += 1;
    const cold = await script.cold();
    const why = `seed ${seed}: ${JSON.stringify(tree)}`;
    assert.deepEqual(cold.actions, script.actions, why);
    assert.deepEqual(withoutStack(cold.end), withoutStack(script.end), why);
    const byOne = new TurnHost({ orchestrations: registered({ test: script.fn }) });
    const actions = [];
    let from = 0;
    for (const event of script.events) {
      const answer = await byOne.turn({ ...script.request([event], from, from), patches: [] });
      actions.push(...answer.actions);
      from = event.id;
      if (answer.end !== undefined) break;
    }
    assert.deepEqual(actions, script.actions, why);
  }
  assert.ok(ends > 100, `${ends} of them have ended`);
});

test('requests are not changed', async () => {
  const host = newHost(async (ctx, input) => {
    input.list.push(1);
    const data = await ctx.waitForEvent('go');
    return [input, data];
  });
  const first = request('a', 0, [started({ list: [] })]);
  const before = copy(first);
  await host.turn(copy(first));
  assert.deepEqual(first, before);
  assert.deepEqual((await host.turn(request('a', 1, [raised(3, {})]))).end.output, [{ list: [1] }, {}]);
});
