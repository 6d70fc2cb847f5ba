'use strict';
// What activities receive as their first argument, and how their functions are run.

/** One attempt of an activity. */
class ActivityContext {
  #live;
  #makeClient;

  /** `live`: the context of Perdure. `orchestrationVersion`: of its instance. */
  constructor(live, orchestrationVersion, workerId, makeClient) {
    this.instanceId = live.instanceId;
    this.executionId = live.executionId;
    this.orchestrationName = live.orchestration;
    this.orchestrationVersion = orchestrationVersion;
    this.activityName = live.name;
    /** Which slot of which runtime runs it: the same for all activities of a session. */
    this.workerId = workerId;
    this.sessionId = live.session;
    this.#live = live;
    this.#makeClient = makeClient;
  }

  tag() {
    return this.#live.tag;
  }

  /** The result is no longer wanted. */
  isCancelled() {
    return this.#live.isCancelled;
  }

  /** A client on the provider of the runtime. */
  getClient() {
    return this.#makeClient();
  }

  traceInfo(message) {
    this.#live.log.info(String(message));
  }

  traceWarn(message) {
    this.#live.log.warn(String(message));
  }

  traceError(message) {
    this.#live.log.error(String(message));
  }

  traceDebug(message) {
    this.#live.log.debug(String(message));
  }
}

/** The slots of one runtime, by number. */
class Workers {
  #node;
  #slots;
  #busy = new Set();

  constructor(node, slots) {
    this.#node = node;
    this.#slots = slots;
  }

  /** Runs an attempt as a worker, whose id it gets. */
  async run(session, attempt) {
    if (session !== null) return attempt(this.#name(hash(session) % this.#slots));
    let slot = 0;
    while (this.#busy.has(slot)) slot += 1;
    this.#busy.add(slot);
    try {
      return await attempt(this.#name(slot));
    } finally {
      this.#busy.delete(slot);
    }
  }

  #name(slot) {
    return `work-${slot}-${this.#node}`;
  }
}

function hash(text) {
  let sum = 0;
  for (const byte of Buffer.from(text)) sum = (sum * 31 + byte) % 65_521;
  return sum;
}

/** Executions whose version is remembered. */
const REMEMBERED = 10_000;

/** The versions of the executions that run here, so that their activities need not ask the store. */
class Versions {
  #known = new Map();

  /** `live`: the context of an orchestration. */
  note(live) {
    this.#known.set(keyOf(live), live.version);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value);
  }

  /** Of the instance that an activity is of; empty if that is gone. */
  async of(live) {
    const known = this.#known.get(keyOf(live));
    if (known !== undefined) return known;
    try {
      return (await live.client.describe(live.instanceId)).version ?? '';
    } catch {
      return '';
    }
  }
}

function keyOf(live) {
  return `${live.executionId} ${live.instanceId}`;
}

/** An activity of Perdure that runs `fn`. */
function activity(fn, { workers, versions, makeClient }) {
  return (live, input) => workers.run(live.session, async (workerId) => {
    return fn(new ActivityContext(live, await versions.of(live), workerId, makeClient), input);
  });
}

module.exports = { ActivityContext, Versions, Workers, activity };
