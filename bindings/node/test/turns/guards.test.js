'use strict';
// Time, chance, timers and the outside inside of an orchestration; and that nothing has changed outside of
// it.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { NonDurableAwait } = require('../../lib/errors.js');
const { Chance } = require('../../lib/turns/chance.js');
const { Script, START, kinds } = require('./script.js');

test('time is that of the event', async () => {
  const look = () => [
    Date.now(), new Date().getTime(), +new Date(), new Moment().twice() / 2, new Date(Date()).getTime(),
    new Date(5).getTime(), new Date(2020, 1, 2, 3).getFullYear(),
    new Date('2024-05-06T07:08:09Z').toISOString(),
    new Date() instanceof Date, new Moment() instanceof Moment, Object.prototype.toString.call(new Date()),
    performance.now(), Date.UTC(1970, 0, 2), Date.length, Date.name,
  ];
  let Moment;
  const script = new Script(async (ctx) => {
    Moment = class extends Date {
      twice() {
        return this.getTime() * 2;
      }
    };
    const before = look();
    await ctx.timer(2000);
    return [before, look()];
  });
  await script.start();
  await script.fire(1);
  const expected = (now, since) => [
    now, now, now, now, Math.floor(now / 1000) * 1000, 5, 2020, '2024-05-06T07:08:09.000Z', true, true,
    '[object Date]', since, 86_400_000, 7, 'Date',
  ];
  assert.deepEqual(await script.output(), [expected(START, 0), expected(START + 2000, 2000)]);
});

test('chance is derived, from the same source as ctx.random', async () => {
  const chance = new Chance('test-1', 1);
  const expected = [chance.number(), chance.guid(), chance.guid(), chance.number()];
  const script = new Script(async (ctx) => [
    Math.random(), crypto.randomUUID(), globalThis.crypto.randomUUID(), ctx.random(),
  ]);
  await script.start();
  assert.deepEqual(await script.output(), expected);
});

test('setTimeout is a durable timer', async () => {
  for (const set of [globalThis.setTimeout, timers.setTimeout]) {
    const script = new Script(async () => {
      const value = await new Promise((resolve) => { set(resolve, 500, 'rested'); });
      return [value, Date.now()];
    });
    assert.deepEqual(await script.start(), [{ id: 1, after: 1, kind: 'CreateTimer', fireAt: START + 500 }]);
    await script.fire(1);
    assert.deepEqual(await script.output(), ['rested', START + 500]);
  }
});

test('the promised timers are, too', async () => {
  const script = new Script(async () => [
    await timersPromises.setTimeout(10, 'a'), await promisify(setTimeout)(20, 'b'),
    await timersPromises.setImmediate('c'), await promisify(setImmediate)('d'),
    await timersPromises.scheduler.wait(30), await timersPromises.scheduler.yield(),
  ]);
  for (const [action, delay] of [[1, 10], [2, 20], [3, 30]]) {
    const actions = await (action === 1 ? script.start() : script.fire(action - 1));
    assert.deepEqual(actions.map((each) => [each.id, each.fireAt - script.now]), [[action, delay]]);
  }
  await script.fire(3);
  assert.deepEqual(await script.output(), ['a', 'b', 'c', 'd', null, null]);
});

test('timers are cleared, refreshed and repeated', async () => {
  const script = new Script(async (ctx) => {
    const log = [];
    const dropped = setTimeout(() => log.push('dropped'), 10);
    clearTimeout(dropped);
    clearTimeout(dropped);
    clearTimeout(undefined);
    const later = setTimeout(() => log.push('later'), 20);
    later.ref().unref().refresh();
    let count = 0;
    await new Promise((resolve) => {
      const tick = setInterval(() => {
        count += 1;
        log.push(`tick ${count} at ${Date.now() - ctx.nowMS}`);
        if (count === 2) {
          clearInterval(tick);
          resolve();
        }
      }, 100);
    });
    return [log, later.hasRef(), Number(later), require('node:util').inspect(later)];
  });
  assert.deepEqual(kinds(await script.start()), ['Timer', 'Cancel:1', 'Timer', 'Cancel:3', 'Timer', 'Timer']);
  await script.fire(5);
  assert.deepEqual(kinds(await script.fire(6)), ['Timer']);
  assert.deepEqual(kinds(await script.fire(7)), ['Timer', 'Cancel:8']);
  const log = ['later', 'tick 1 at 0', 'tick 2 at 0'];
  assert.deepEqual(await script.output(), [log, true, 5, '<timer #5 done>']);
});

test('setImmediate and no delay run when the code has come to rest, first in first out', async () => {
  const script = new Script(async () => {
    const log = [];
    setImmediate((...given) => log.push(given), 1, 2);
    setTimeout(() => log.push('timeout'), 0);
    const dropped = setImmediate(() => log.push('dropped'));
    clearImmediate(dropped);
    Promise.resolve().then(() => log.push('microtask'));
    await new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });
    return log;
  });
  assert.deepEqual(await script.start(), []);
  assert.deepEqual(await script.output(), ['microtask', [1, 2], 'timeout']);
});

test('the outside is refused by name', async () => {
  const refused = {
    fetch: () => fetch('http://localhost:1'),
    'fs.promises.readFile': () => fs.promises.readFile('/etc/hostname'),
    'fs.promises.open': () => require('node:fs/promises').open('/etc/hostname'),
    'a network connection': () => require('node:http').get('http://localhost:1'),
    'a process': () => require('node:child_process').exec('true'),
    'dns.lookup': () => require('node:dns').lookup('localhost', () => {}),
    'crypto.randomBytes': () => crypto.randomBytes(8),
    'crypto.randomInt': () => crypto.randomInt(8),
    'crypto.getRandomValues': () => globalThis.crypto.getRandomValues(new Uint8Array(8)),
    'setInterval of timers/promises': () => timersPromises.setInterval(1),
    'AbortSignal.timeout': () => AbortSignal.timeout(1),
  };
  const script = new Script(async () => {
    const messages = {};
    for (const [name, call] of Object.entries(refused)) {
      await assert.rejects(async () => call(), (error) => {
        messages[name] = error.message;
        return error instanceof NonDurableAwait;
      });
    }
    return messages;
  });
  await script.start();
  const messages = await script.output();
  for (const name of Object.keys(refused)) {
    const expected = `Orchestration code cannot use ${name}: it is not recorded`;
    assert.ok(messages[name].startsWith(expected), messages[name]);
  }
  assert.match(messages['crypto.randomBytes'], /Use ctx\.random\(\)/);
});

test('outside of orchestrations all is as it was', async () => {
  const before = process.hrtime.bigint();
  const script = new Script(async (ctx) => ctx.waitForEvent('go'));
  await script.start();
  assert.ok(Math.abs(Date.now() - START) > 1000);
  assert.ok(new Date().getTime() - Date.now() <= 1);
  assert.ok(performance.now() <= Number(process.hrtime.bigint()) / 1e6);
  assert.notEqual(crypto.randomUUID(), crypto.randomUUID());
  assert.equal(crypto.randomBytes(4).length, 4);
  assert.equal(globalThis.crypto.getRandomValues(new Uint8Array(2)).length, 2);
  assert.ok((await fs.promises.readFile(__filename, 'utf8')).includes('all is as it was'));
  assert.equal(execFileSync('echo', ['on'], { encoding: 'utf8' }), 'on\n');
  const log = [];
  await new Promise((resolve) => {
    const timer = setTimeout(() => {}, 1e6);
    assert.ok(timer.hasRef());
    clearTimeout(timer);
    const tick = setInterval((what) => {
      log.push(what);
      clearInterval(tick);
      setImmediate((last) => {
        log.push(last);
        resolve();
      }, 'immediate');
    }, 1, 'tick');
  });
  assert.deepEqual(log, ['tick', 'immediate']);
  assert.equal(await timersPromises.setTimeout(1, 'value'), 'value');
  assert.equal(await promisify(setTimeout)(1, 'value'), 'value');
  assert.ok(process.hrtime.bigint() > before);
  assert.equal(Object.getOwnPropertyDescriptor(process, 'emit'), undefined);
});

test('whoever waits for an answer is outside', async () => {
  const script = new Script(async (ctx) => ctx.waitForEvent('go'));
  const other = new Script(async (ctx) => ctx.timer(1));
  const seen = [];
  const look = async (started) => {
    await started;
    for (let round = 0; round < 10; round += 1) {
      seen.push(Math.abs(Date.now() - START) > 1000);
      await null;
    }
  };
  const turns = [script.start(), other.start(), script.query('a'), script.cold()];
  await Promise.all(turns.map(look));
  assert.deepEqual(new Set(seen), new Set([true]));
});

test('guards can be off', () => {
  const code = `
    const { Script } = require('./script.js');
    const real = [Date, setTimeout, fetch];
    const code = async () => [Date.now() > ${START} + 1e9, Math.random() !== Math.random()];
    const script = new Script(code, { guards: false });
    script.start().then(() => {
      const isReal = [real[0] === Date, real[1] === setTimeout, real[2] === fetch];
      console.log(JSON.stringify([script.end.output, ...isReal]));
    });
  `;
  const found = execFileSync(process.execPath, ['-e', code], { cwd: __dirname, encoding: 'utf8' });
  assert.deepEqual(JSON.parse(found), [[true, true], true, true, true]);
});

test('frozen intrinsics are left as they are', () => {
  const code = `
    const { Script } = require('./script.js');
    const script = new Script(async (ctx) => [typeof Date.now(), await ctx.timer(1), ctx.nowMS]);
    script.start().then(() => script.fire(1)).then(() => console.log(JSON.stringify(script.end.output)));
  `;
  const options = { cwd: __dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
  const found = execFileSync(process.execPath, ['--frozen-intrinsics', '-e', code], options);
  assert.deepEqual(JSON.parse(found), ['number', null, START + 1]);
});

test('a module of the other kind imports what is guarded', () => {
  const code = `
    import { readFile } from 'node:fs/promises';
    import { randomUUID } from 'node:crypto';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { createRequire } from 'node:module';
    const { Script } = createRequire(process.cwd() + '/')('./script.js');
    const script = new Script(async (ctx) => {
      await sleep(5);
      const found = await readFile('/etc/hostname').catch((error) => error.name);
      return [found, randomUUID()];
    });
    await script.start();
    await script.fire(1);
    console.log(JSON.stringify(await script.output()));
  `;
  const options = { cwd: __dirname, encoding: 'utf8' };
  const found = execFileSync(process.execPath, ['--input-type=module', '-e', code], options);
  assert.deepEqual(JSON.parse(found), ['NonDurableAwait', '73f623a9-8b8a-4866-a45d-85d3d67b2b0e']);
});
