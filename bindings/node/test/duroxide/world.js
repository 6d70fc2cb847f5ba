'use strict';
// A provider with one runtime, which a test can restart in the middle.

const test = require('node:test');
const path = require('node:path');
const { Client, Runtime, SqliteProvider } = require('../../duroxide');
const { folder } = require('../support.js');

/** Milliseconds that anything may take before a test gives up on it. */
const WAIT = 20_000;

/** `client` and `runtime` change with each restart, on a file the provider, too. */
class World {
  #file;
  #functions;
  #count = 0;

  static async make(file, orchestrations, activities, { options, start = true } = {}) {
    const made = new World();
    made.#file = file;
    made.#functions = { orchestrations, activities };
    made.options = options;
    await made.#open();
    if (start) await made.runtime.start();
    return made;
  }

  async #open() {
    if (this.#file !== null) this.provider = await SqliteProvider.open(this.#file);
    else this.provider ??= await SqliteProvider.inMemory();
    this.client = new Client(this.provider);
    this.runtime = this.makeRuntime(this.#functions);
  }

  /** The name of an orchestration may have a version: "Order@2.0.0". */
  makeRuntime({ orchestrations = {}, activities = {} }, options = this.options) {
    const runtime = new Runtime(this.provider, options);
    for (const [name, fn] of Object.entries(activities)) runtime.registerActivity(name, fn);
    for (const [name, fn] of Object.entries(orchestrations)) {
      const [bare, version] = name.split('@');
      if (version === undefined) runtime.registerOrchestration(bare, fn);
      else runtime.registerOrchestrationVersioned(bare, version, fn);
    }
    return runtime;
  }

  async stop() {
    await this.runtime.shutdown(0);
    this.client.close();
    if (this.#file !== null) this.provider.store.close();
  }

  /** On the file, or on what is in memory; with other code, if given. */
  async restart(functions) {
    await this.stop();
    Object.assign(this.#functions, functions);
    await this.#open();
    await this.runtime.start();
  }

  /** Starts an instance under a new id, which it resolves to. */
  async start(name, input) {
    this.#count += 1;
    const instance = `${name}-${this.#count}`;
    await this.client.startOrchestration(instance, name, input);
    return instance;
  }

  wait(instance) {
    return this.client.waitForOrchestration(instance, WAIT);
  }

  async run(name, input) {
    return this.wait(await this.start(name, input));
  }

  /** Of a new instance, which must complete. */
  async output(name, input) {
    const result = await this.run(name, input);
    if (result.status !== 'Completed') throw new Error(result.error);
    return result.output;
  }

  /** Waits until the custom status is that. */
  async status(instance, text) {
    for (let version = 0; ;) {
      const found = await this.client.waitForStatusChange(instance, version, 50, WAIT);
      if (found.customStatus === text) return;
      if (found.status !== 'Running') throw new Error(JSON.stringify(found));
      version = found.customStatusVersion;
    }
  }

  /** Waits for something that nothing announces. Resolves to what came true. */
  async until(condition) {
    for (const deadline = performance.now() + WAIT; ;) {
      const found = await condition();
      if (found) return found;
      if (performance.now() > deadline) throw new Error('it did not come true');
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  }

  async kinds(instance, execution = 1) {
    return (await this.client.readExecutionHistory(instance, execution)).map((each) => each.kind);
  }
}

/** A test on a file and in memory: `run(make, t)`, where `make(orchestrations, activities, more)`. */
function both(name, run) {
  for (const kind of ['sqlite', 'memory']) {
    test(`${name} (${kind})`, async (t) => {
      let count = 0;
      const make = async (orchestrations, activities = {}, more = {}) => {
        count += 1;
        const file = kind === 'memory' ? null : path.join(folder(t), `state-${count}`, 'test.db');
        const made = await World.make(file, orchestrations, activities, more);
        t.after(() => made.stop());
        return made;
      };
      await run(make, t);
    });
  }
}

module.exports = { both, WAIT };
