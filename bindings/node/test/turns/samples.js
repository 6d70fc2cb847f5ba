'use strict';
// The sample orchestrations of docs/wire-format.md, which the turn vectors run in every language.

const {
  ActivityFailed, Cancelled, LimitExceeded, MessageRefused, SubOrchestrationFailed,
} = require('../../lib/errors.js');

const SAMPLES = {
  async sequence(ctx, input) {
    return ctx.activity('B', await ctx.activity('A', input));
  },

  async 'fan-out'(ctx) {
    return Promise.all([0, 1, 2].map((item) => ctx.activity('work', item)));
  },

  async race(ctx) {
    const [winner, data] = await ctx.select({ event: ctx.waitForEvent('go'), timer: ctx.timer(1000) });
    return winner === 'event' ? { winner, data } : { winner };
  },

  async timer(ctx) {
    await ctx.timer(500);
    return 'done';
  },

  async 'early-event'(ctx) {
    await ctx.sleep('1s');
    return ctx.waitForEvent('go');
  },

  async queue(ctx) {
    return [await ctx.dequeue('q'), await ctx.dequeue('q')];
  },

  async child(ctx) {
    try {
      return await ctx.subOrchestration('kid', { n: 1 });
    } catch (error) {
      if (error instanceof SubOrchestrationFailed) return { failed: error.type };
      throw error;
    }
  },

  async retry(ctx, input) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ctx.activity('flaky', input);
      } catch (error) {
        if (!(error instanceof ActivityFailed) || attempt === 3) throw error;
      }
    }
  },

  async 'continue-as-new'(ctx, n) {
    if (n < 3) ctx.continueAsNew(n + 1);
    return n;
  },

  async 'cancel-cleanup'(ctx, input) {
    try {
      await ctx.activity('step', input);
      await ctx.waitForEvent('never');
    } catch (error) {
      if (error instanceof Cancelled) await ctx.activity('undo');
      throw error;
    }
  },

  async 'retry-policy'(ctx, input) {
    return ctx.activity('flaky', input, {
      retry: {
        maxAttempts: 5, backoff: 'linear', initialInterval: 200, coefficient: 1.5, maxInterval: '5s',
        jitter: 0.1, nonRetryable: ['Declined'],
      },
      scheduleToStart: '60s', startToClose: '10s', scheduleToClose: '2m', heartbeat: 2500,
      tag: 'gpu', session: 's-1', priority: 5,
    });
  },

  async kv(ctx, input) {
    ctx.kv.set('n', ctx.kv.get('n', 0) + 1);
    ctx.kv.set('tmp', input);
    ctx.kv.clear('tmp');
    await ctx.timer(1000);
    ctx.kv.set('late', true);
    const pruned = ctx.kv.pruneBefore(ctx.nowMS - 500);
    const keys = ctx.kv.keys();
    return { pruned, keys, other: (await ctx.readKV('other', 'n')) ?? null };
  },

  async topic(ctx) {
    ctx.subscribe('news');
    const news = await ctx.waitForTopic('news');
    ctx.publish('echo', news);
    ctx.unsubscribe('news');
    return news;
  },

  async calls(ctx) {
    let total = 0;
    const add = (number) => {
      total += number;
      return total;
    };
    const validator = (number) => {
      if (typeof number !== 'number') throw new TypeError('not a number');
    };
    ctx.onCall('add', add, { validator });
    ctx.onCall('work', (input) => ctx.activity('work', input));
    ctx.onQuery('total', () => total);
    await ctx.waitForEvent('stop');
    return total;
  },

  async requests(ctx, input) {
    try {
      await ctx.raiseEvent('a', 'go', input, { keep: true });
      await ctx.enqueue('b', 'q', 1);
      await ctx.cancelInstance('c', 'enough');
    } catch (error) {
      if (error instanceof MessageRefused) return { refused: error.type };
      throw error;
    }
    return 'sent';
  },

  async patch(ctx, input) {
    ctx.deprecatePatch('p0');
    const result = await ctx.activity(ctx.patched('p1') ? 'new' : 'old', input);
    return ctx.patched('p1') ? ctx.activity('more', result) : result;
  },

  async late(ctx, count) {
    for (let counted = count; ; ) {
      if ((await ctx.dequeue('q')) === 'stop') return counted;
      counted += 1;
      if (ctx.shouldContinueAsNew) ctx.continueAsNew(counted);
    }
  },

  async limit(ctx) {
    const text = 'x'.repeat(262_144);
    const breaches = [() => ctx.activity(''), () => ctx.setCustomStatus(text), () => ctx.kv.set('k', text)];
    return breaches.map((breach) => {
      try {
        return breach();
      } catch (error) {
        if (error instanceof LimitExceeded) return error.failureType;
        throw error;
      }
    });
  },

  async trace(ctx) {
    const result = await ctx.activity('call', [ctx.traceparent, ctx.tracestate]);
    return [ctx.traceparent, result];
  },
};

/** The same as generators, where that reads differently. */
const GENERATORS = {
  * sequence(ctx, input) {
    return yield ctx.activity('B', yield ctx.activity('A', input));
  },

  * 'fan-out'(ctx) {
    return yield Promise.all([0, 1, 2].map((item) => ctx.activity('work', item)));
  },

  * race(ctx) {
    const [winner, data] = yield ctx.select({ event: ctx.waitForEvent('go'), timer: ctx.timer(1000) });
    return winner === 'event' ? { winner, data } : { winner };
  },

  * timer(ctx) {
    yield ctx.timer(500);
    return 'done';
  },

  * 'early-event'(ctx) {
    yield ctx.timer(1000);
    return yield ctx.waitForEvent('go');
  },

  * queue(ctx) {
    const both = function* both() {
      return [yield ctx.dequeue('q'), yield ctx.dequeue('q')];
    };
    return yield* both();
  },

  * child(ctx) {
    try {
      return yield ctx.subOrchestration('kid', { n: 1 });
    } catch (error) {
      if (error instanceof SubOrchestrationFailed) return { failed: error.type };
      throw error;
    }
  },

  * retry(ctx, input) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return yield ctx.activity('flaky', input);
      } catch (error) {
        if (!(error instanceof ActivityFailed) || attempt === 3) throw error;
      }
    }
  },

  * 'cancel-cleanup'(ctx, input) {
    try {
      yield ctx.activity('step', input);
      yield ctx.waitForEvent('never');
    } catch (error) {
      if (error instanceof Cancelled) yield ctx.activity('undo');
      throw error;
    }
  },

  * late(ctx, count) {
    for (let counted = count; ; ) {
      if ((yield ctx.dequeue('q')) === 'stop') return counted;
      counted += 1;
      if (ctx.shouldContinueAsNew) ctx.continueAsNew(counted);
    }
  },
};

module.exports = { SAMPLES, GENERATORS };
