'use strict';
// Runs a generator as an orchestration: what it yields is scheduled, and what comes of it is sent in.
//
//   yield task --> begin (table below) --> await --> next(result) | throw(Error(text))
//   a cancellation, or yield continueAsNew --> return(), so that `finally` runs, and thrown on at the end

const { types } = require('node:util');
const { Cancelled, MessageRefused, WorkFailed } = require('../lib/errors.js');
const { describe } = require('../lib/json.js');
const { report } = require('../lib/logs.js');
const { ContinueAsNew } = require('../lib/turns/handles.js');
const { EXECUTION } = require('../lib/turns/messaging.js');
const errors = require('./errors.js');
const { OrchestrationContext } = require('./context.js');
const { MAX_TAG_NAME_BYTES, parsed, plain } = require('./tasks.js');

/** The pauses of a retry, by the name of the back-off. */
const BACKOFFS = {
  exponential: { backoff: 'exponential' },
  linear: { backoff: 'linear' },
  fixed: { backoff: 'fixed', initialInterval: 1000 },
};
const RETRY_NAMES = ['maxAttempts', 'timeoutMs', 'totalTimeoutMs', 'backoff'];
/** Retry options without a meaning that the log has been told of, once in a process. */
const told = new Set();

/** An orchestration of Perdure that runs a generator function. `versions` takes note of what runs. */
function orchestration(fn, versions) {
  return async (live, input) => {
    versions.note(live);
    const context = new OrchestrationContext(live);
    const steps = fn(context, input);
    if (!types.isGeneratorObject(steps)) {
      throw new TypeError(
        'An orchestration is a function* here. Async functions are registered with the Runtime of perdure.',
      );
    }
    const leaving = await run(live, steps);
    if (leaving instanceof ContinueAsNew) context._carryStatus();
    if (leaving instanceof Error) throw leaving;
    return leaving.output;
  };
}

/** { output }, or the error with which the code was left. */
async function run(live, steps) {
  let leaving;
  let step = steps.next();
  while (!step.done) {
    let result;
    let failure;
    try {
      result = await perform(live, step.value);
    } catch (error) {
      failure = error;
    }
    if (failure instanceof Cancelled || failure instanceof ContinueAsNew) {
      leaving ??= failure;
      step = steps.return();
    } else {
      step = failure === undefined ? steps.next(result) : steps.throw(failure);
    }
  }
  return leaving ?? { output: step.value };
}

async function perform(live, task) {
  const { atOnce, begin, group } = kindOf(task);
  if (atOnce !== undefined) return atOnce(live, task);
  if (begin !== undefined) return settled(task, begin(live, task));
  if (group !== undefined) return group(live, task);
  throw new TypeError(
    'An orchestration yields what the schedule..., wait... and similar calls of its context return, '
      + `not ${describe(task)}.`,
  );
}

// ---- Groups -----------------------------------------------------------------------------------------

async function all(live, { tasks, typed }) {
  refuseNesting(tasks, 'join');
  const begun = beginAll(live, tasks);
  const element = async (handle, index) => {
    if (handle === null) return { err: 'unsupported task in join' };
    try {
      const value = await settled(tasks[index], handle);
      return { ok: typed ? parsed(value) : value };
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      return { err: error.message };
    }
  };
  return Promise.all(begun.map(element));
}

async function race(live, { tasks, typed }) {
  if (tasks.length !== 2) throw new Error('select currently supports exactly 2 tasks');
  refuseNesting(tasks, 'select');
  if (tasks.some((task) => kindOf(task).begin === undefined)) throw new Error('unsupported task in select');
  const handles = beginAll(live, tasks);
  const winner = await new Promise((resolve) => {
    handles.forEach((handle, index) => {
      settled(tasks[index], handle).then(
        (value) => resolve({ index, value }),
        (error) => resolve({ index, error }),
      );
    });
  });
  handles[1 - winner.index].cancel();
  if (winner.error !== undefined) throw winner.error;
  return { index: winner.index, value: typed ? parsed(winner.value) : winner.value };
}

/** Schedules them, all or none. null for one that is not of a kind that can be awaited. */
function beginAll(live, tasks) {
  const begun = [];
  try {
    for (const task of tasks) begun.push(kindOf(task).begin?.(live, task) ?? null);
  } catch (error) {
    for (const handle of begun) handle?.cancel();
    throw error;
  }
  return begun;
}

function refuseNesting(tasks, outer) {
  if (tasks.some((task) => kindOf(task).group !== undefined)) {
    throw new Error(`nested join/select inside ${outer} is not supported`);
  }
}

// ---- Work that is awaited ---------------------------------------------------------------------------

/** The result of the work as the generator gets it. */
async function settled(task, handle) {
  let value;
  try {
    value = await handle;
  } catch (error) {
    if (error instanceof MessageRefused && error.type === 'perdure.NotFound') return null;
    throw error instanceof WorkFailed ? errors.ofWork(error) : error;
  }
  if (task.type === 'getKvValue') return value === undefined ? null : plain(value);
  return task.typed ? parsed(value) : value ?? null;
}

function activity(live, task) {
  const { name, tag } = task;
  const size = typeof tag === 'string' ? Buffer.byteLength(tag) : 0;
  if (size > MAX_TAG_NAME_BYTES) {
    throw new Error(`Activity '${name}' tag size (${size} bytes) exceeds limit (${MAX_TAG_NAME_BYTES} bytes)`);
  }
  const retry = task.retry === undefined ? {} : retryOptions(name, task.retry);
  const options = { ...retry, tag: tag ?? undefined, session: task.session ?? undefined };
  return live.activity(name, JSON.parse(task.input), options);
}

/** Retry options as options of an activity. Time limits hold for an attempt, and are not retried. */
function retryOptions(name, given) {
  const unknown = Object.keys(given).filter((key) => !RETRY_NAMES.includes(key) && !told.has(key));
  if (unknown.length > 0) {
    for (const key of unknown) told.add(key);
    report({ level: 'warn', message: `Activity '${name}': retry has no ${unknown.join(', ')}; it is ignored.` });
  }
  if (!Number.isInteger(given.maxAttempts) || given.maxAttempts < 1) {
    throw new Error(`Activity '${name}': maxAttempts must be at least 1, not ${describe(given.maxAttempts)}`);
  }
  const back = BACKOFFS[given.backoff ?? 'exponential'] ?? BACKOFFS.linear;
  const retry = { maxAttempts: given.maxAttempts, nonRetryable: ['perdure.Timeout'], ...back };
  const limits = [given.timeoutMs, given.totalTimeoutMs].filter((each) => each !== undefined && each !== null);
  if (limits.length === 0) return { retry };
  // An attempt that nobody takes is one that takes too long.
  const limit = Math.max(Math.min(...limits), 1);
  return { retry, startToClose: limit, scheduleToStart: limit };
}

function subOrchestration(live, task) {
  let { instance } = task;
  if (instance === undefined || instance === null) {
    // The next action; the event that begins the execution comes before the first.
    const number = Number(live[EXECUTION].childID().split('.').at(-1)) + 1;
    const suffix = live.executionId === 1 ? number : `${live.executionId}_${number}`;
    instance = `${live.instanceId}::sub::${suffix}`;
  } else if (String(instance).startsWith('sub::')) {
    throw new Error(`The instance id '${instance}' is reserved: ids of children begin with sub:: there`);
  }
  const options = { version: task.version ?? undefined, instance };
  return live.subOrchestration(task.name, JSON.parse(task.input), options);
}

// ---- What needs no waiting --------------------------------------------------------------------------

function start(live, task) {
  const options = { version: task.version ?? undefined, instance: task.instance };
  live.startDetached(task.name, JSON.parse(task.input), options);
  return null;
}

function continueAsNew(live, task) {
  return live.continueAsNew(JSON.parse(task.input), { version: task.version ?? undefined });
}

const KINDS = {
  activity: { begin: activity },
  timer: { begin: (live, task) => live.timer(Math.max(Number(task.delayMs), 0)) },
  waitEvent: { begin: (live, task) => live.waitForEvent(task.name) },
  dequeueEvent: { begin: (live, task) => live.dequeue(task.name) },
  subOrchestration: { begin: subOrchestration },
  getKvValue: { begin: (live, task) => live.readKV(task.instance, task.key) },
  startOrchestration: { atOnce: start },
  continueAsNew: { atOnce: continueAsNew },
  newGuid: { atOnce: (live) => live.newGuid() },
  utcNow: { atOnce: (live) => live.nowMS },
  all: { group: all },
  race: { group: race },
};

function kindOf(task) {
  const type = task?.type;
  return typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : {};
}

module.exports = { orchestration };
