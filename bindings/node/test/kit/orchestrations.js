'use strict';
// The orchestrations of the conformance kit (docs/kit.md), run with async functions.

const perdure = require('../../lib/index.js');
const { Program, Scope, described } = require('./expressions.js');

/** Members in milliseconds as options: `startToCloseMS` as `startToClose`. */
function options(given) {
  const entries = Object.entries(given).map(([key, value]) => {
    if (key === 'retry') return [key, options(value)];
    return [key.endsWith('MS') ? key.slice(0, -2) : key, value];
  });
  return Object.fromEntries(entries);
}

/** Gives tasks up and waits until they have ended. */
async function end(tasks) {
  for (const task of tasks) task.cancel();
  await Promise.allSettled(tasks);
}

/** One run of the code of an orchestration. `do_` and the name of a step does it. */
class Orchestration extends Program {
  constructor(context) {
    super();
    this.context = context;
    this.calls = new Map();
  }

  run(block, input) {
    return this.body(block, new Scope(undefined, { input }));
  }

  function(name, value) {
    const { context } = this;
    switch (name) {
      case '$kv':
        return context.kv.get(value, null);
      case '$kvKeys':
        return context.kv.keys();
      case '$kvAll':
        return context.kv.all();
      case '$now':
        return context.nowMS;
      case '$late':
        return context.shouldContinueAsNew;
      case '$self':
        return {
          instance: context.instanceId,
          execution: context.executionId,
          name: context.name,
          version: context.version,
          parent: context.parent?.instance ?? null,
        }[value];
      default:
        return super.function(name, value);
    }
  }

  /** A block as a branch that can be cancelled. */
  branch(steps, scope) {
    return this.context.task(() => this.block(steps, scope));
  }

  // ---- Work and messages ----------------------------------------------------------------------------

  do_activity(step, scope) {
    return this.context.activity(step.activity, this.value(step.with, scope), options(step.options ?? {}));
  }

  do_child(step, scope) {
    return this.context.subOrchestration(step.child, this.value(step.with, scope), {
      ...this.start(step, scope),
      ...(step.closePolicy && { closePolicy: step.closePolicy }),
    });
  }

  do_detached(step, scope) {
    return this.context.startDetached(step.detached, this.value(step.with, scope), this.start(step, scope));
  }

  start(step, scope) {
    const instance = this.value(step.instance, scope);
    return { ...(instance !== null && { instance }), ...(step.version && { version: step.version }) };
  }

  do_sleep(step) {
    return this.context.sleep(step.sleep);
  }

  do_event(step) {
    return this.context.waitForEvent(step.event);
  }

  do_queue(step) {
    return this.context.dequeue(step.queue);
  }

  do_topic(step) {
    return this.context.waitForTopic(step.topic);
  }

  do_subscribe(step) {
    this.context.subscribe(step.subscribe);
  }

  do_unsubscribe(step) {
    this.context.unsubscribe(step.unsubscribe);
  }

  do_publish(step, scope) {
    this.context.publish(step.publish, this.value(step.with, scope));
  }

  do_raise(step, scope) {
    const [to, data] = [this.value(step.to, scope), this.value(step.with, scope)];
    return this.context.raiseEvent(to, step.raise, data, { keep: step.keep === true });
  }

  do_enqueue(step, scope) {
    const [to, data] = [this.value(step.to, scope), this.value(step.with, scope)];
    return this.context.enqueue(to, step.enqueue, data, { keep: step.keep === true });
  }

  do_cancelInstance(step, scope) {
    return this.context.cancelInstance(this.value(step.cancelInstance, scope), step.reason ?? '');
  }

  do_readKV(step, scope) {
    return this.context.readKV(this.value(step.of, scope), step.readKV);
  }

  async do_nextCall(step) {
    const call = await this.context.nextCall(step.nextCall);
    this.calls.set(step.as, call);
    return call.input;
  }

  do_answer(step, scope) {
    this.calls.get(step.answer).answer(this.value(step.with, scope));
  }

  do_reject(step) {
    this.calls.get(step.reject).reject(step.why);
  }

  do_serve(step, scope) {
    const handler = (input) => this.body(step.do, new Scope(scope, { input }));
    const validator = (input) => {
      if (this.value(step.check ?? true, new Scope(scope, { input })) !== true) throw new Error(step.why);
    };
    this.context.onCall(step.serve, handler, { validator });
  }

  do_onQuery(step, scope) {
    this.context.onQuery(step.onQuery, (input) => this.value(step.gives, new Scope(scope, { input })));
  }

  // ---- Composition ----------------------------------------------------------------------------------

  async all(tasks) {
    try {
      return await Promise.all(tasks);
    } catch (error) {
      await end(tasks);
      throw error;
    }
  }

  do_all(step, scope) {
    return this.all(step.all.map((each) => this.branch(each, new Scope(scope))));
  }

  do_each(step, scope) {
    const elements = this.value(step.each, scope);
    return this.all(elements.map((each) => this.branch(step.do, new Scope(scope, { [step.item]: each }))));
  }

  async do_race(step, scope) {
    const tasks = step.race.map((each) => this.branch(each, new Scope(scope)));
    const [index, value] = await this.context.select(Object.fromEntries(tasks.entries()));
    return { index: Number(index), value };
  }

  do_timeout(step, scope) {
    return this.context.withTimeout(step.timeout, this.branch(step.do, new Scope(scope)));
  }

  async do_during(step, scope) {
    const task = this.branch(step.during, new Scope(scope));
    task.catch(() => {});
    try {
      return await this.block(step.do, new Scope(scope));
    } finally {
      await end([task]);
    }
  }

  // ---- Control --------------------------------------------------------------------------------------

  async do_repeat(step, scope) {
    const count = this.value(step.repeat, scope);
    for (let index = 0; index < count; index += 1) {
      if (step.item !== undefined) scope.set(step.item, index);
      await this.block(step.do, scope);
    }
  }

  async do_while(step, scope) {
    while (this.value(step.while, scope) === true) await this.block(step.do, scope);
  }

  async do_try(step, scope) {
    try {
      return await this.block(step.try, scope);
    } catch (error) {
      if (error instanceof perdure.Cancelled && step.cancelled !== undefined) {
        const value = await this.block(step.cancelled, scope);
        if (step.survives !== true) throw error;
        return value;
      }
      const caught = described(error);
      if (!caught || !step.catch || !(step.catch.types ?? [caught.type]).includes(caught.type)) throw error;
      if (step.catch.error !== undefined) scope.set(step.catch.error, caught);
      return await this.block(step.catch.do, scope);
    } finally {
      await this.block(step.finally, scope);
    }
  }

  do_continueAsNew(step, scope) {
    this.context.continueAsNew(
      this.value(step.continueAsNew, scope),
      step.version ? { version: step.version } : undefined,
    );
  }

  // ---- State ----------------------------------------------------------------------------------------

  do_status(step, scope) {
    this.context.setCustomStatus(this.value(step.status, scope));
  }

  do_kvSet(step, scope) {
    this.context.kv.set(this.value(step.kvSet, scope), this.value(step.to, scope));
  }

  do_kvClear(step, scope) {
    this.context.kv.clear(this.value(step.kvClear, scope));
  }

  do_kvClearAll() {
    this.context.kv.clearAll();
  }

  do_kvPruneBefore(step, scope) {
    return this.context.kv.pruneBefore(this.value(step.kvPruneBefore, scope));
  }

  do_patched(step) {
    return this.context.patched(step.patched);
  }

  do_deprecatePatch(step) {
    this.context.deprecatePatch(step.deprecatePatch);
  }

  do_random() {
    return this.context.random();
  }

  do_guid() {
    return this.context.newGuid();
  }

  do_log(step) {
    this.context.log.info(step.log);
  }

  do_metric(step) {
    this.context.metric(step.metric, step.by);
  }
}

module.exports = { Orchestration };
