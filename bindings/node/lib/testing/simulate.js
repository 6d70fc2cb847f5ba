'use strict';
// Runs a scenario under many schedules, and makes a failing one short.

const { whole, milliseconds } = require('../durations.js');
const { InvalidArgument } = require('../errors.js');
const { boolean, known } = require('../options.js');
const { describe } = require('../json.js');
const { Rehearsal } = require('./rehearsal.js');
const { Simulation } = require('./simulation.js');

/** Runs that making a schedule short may take. */
const SHRINKING_RUNS = 400;
/** Instances whose history a report shows, and events of each. */
const SHOWN_INSTANCES = 5;
const SHOWN_EVENTS = 60;

// Taken before the guards of turns stand in its place.
const now = performance.now.bind(performance);

/** The shortest schedule that was found under which an invariant does not hold. */
class SimulationFailure {
  constructor(members) {
    Object.assign(this, members);
  }

  /** The call that runs this schedule again. */
  get reproduce() {
    return `simulate(scenario, { schedule: ${JSON.stringify(this.schedule)} })`;
  }

  toString() {
    const found = this.seed === null ? 'without any chance' : `with seed ${this.seed}`;
    const lines = this.lines.length > 0 ? this.lines : ['(nothing goes wrong)'];
    const parts = [`${this.invariant}: ${this.message}`, `Found ${found}. The shortest schedule:`];
    parts.push(...lines.map((line) => `  ${line}`), 'Again:', `  ${this.reproduce}`);
    for (const [instance, events] of this.histories) {
      parts.push(`History of '${instance}':`, ...events.map((event) => `  ${event}`));
    }
    return parts.join('\n');
  }
}

/** What came of a simulation. */
class SimulationReport {
  constructor(members) {
    Object.assign(this, members);
  }

  get ok() {
    return this.failure === null;
  }

  /** Throws SimulationFailed. */
  throwIfFailed() {
    if (!this.ok) throw new SimulationFailed(this);
  }

  toString() {
    const what = `${this.runs} runs (${this.points} points of failure, ${this.seeds} seeds)`;
    return `${what} in ${this.seconds.toFixed(1)} s: ${this.failure ?? 'all is well'}`;
  }
}

/** An invariant does not hold under some schedule. */
class SimulationFailed extends Error {
  name = 'SimulationFailed';

  constructor(report) {
    super(String(report));
    this.report = report;
  }
}

/**
 * Runs `scenario(run)` under many schedules, in virtual time, and checks what it asks to be checked.
 *
 * First without trouble; then with every turn replayed from its history; then with the process dying at each
 * commit, before and after it landed, and with each result of an activity lost, one at a time; then under `seeds`
 * (300) random schedules of crashes, repeated attempts, delayed messages and slow activities. The first failure
 * ends it, and is made as short as it gets. With `failActivities` attempts fail, too, with failures of type
 * `perdure.Injected`.
 *
 * `seed` runs that seed only, `schedule` that schedule only. A run that takes more than `maxSteps` (20,000) or more
 * than `maxTime` of virtual time (400 days) is broken off.
 */
async function simulate(scenario, options) {
  const names = ['seeds', 'seed', 'schedule', 'failActivities', 'maxSteps', 'maxTime'];
  const given = known(options, names, 'The options of simulate');
  if (typeof scenario !== 'function') {
    throw new InvalidArgument(`A scenario is a function of a Simulation, not ${describe(scenario)}.`);
  }
  const config = { failActivities: boolean(given.failActivities ?? false, 'failActivities') };
  if (given.maxSteps !== undefined) config.maxSteps = whole(given.maxSteps, 'maxSteps', 1, 10_000_000);
  if (given.maxTime !== undefined) config.maxMS = milliseconds(given.maxTime, 'maxTime');
  const campaign = new Campaign(scenario, config);
  const begun = now();
  let failure;
  if (given.schedule !== undefined) failure = await campaign.attempt({ schedule: given.schedule });
  else if (given.seed !== undefined) {
    failure = await campaign.attempt({ seed: whole(given.seed, 'seed', 0, Number.MAX_SAFE_INTEGER) });
  } else failure = await campaign.sweep(whole(given.seeds ?? 300, 'seeds', 0, 10_000_000));
  const { runs, points, seeds, trace } = campaign;
  return new SimulationReport({ runs, points, seeds, seconds: (now() - begun) / 1000, failure, trace });
}

class Campaign {
  runs = 0;
  points = 0;
  seeds = 0;
  /** Of the last run: two runs of one seed or schedule agree on it. */
  trace = '';
  #scenario;
  #config;

  constructor(scenario, config) {
    this.#scenario = scenario;
    this.#config = config;
  }

  async run(how) {
    this.runs += 1;
    const run = new Simulation();
    await this.#scenario(run);
    const rehearsal = await new Rehearsal(run, { ...this.#config, ...how }).play();
    this.trace = rehearsal.ended.trace ?? '';
    return rehearsal;
  }

  async sweep(seeds) {
    const quiet = await this.run({});
    const failure = await this.#failure(quiet, null);
    if (failure) return failure;
    const replayed = await this.run({ cache: 'off' });
    if (replayed.broken) return this.#describe(replayed, replayed.broken, null);
    const singles = quiet.ended.points.flatMap(({ name, choices }) => choices.map((choice) => ({ [name]: choice })));
    this.points = singles.length;
    for (const schedule of singles) {
      const found = await this.attempt({ schedule });
      if (found) return found;
    }
    for (let seed = 1; seed <= seeds; seed += 1) {
      this.seeds += 1;
      const found = await this.attempt({ seed });
      if (found) return found;
    }
    return null;
  }

  async attempt(how) {
    return this.#failure(await this.run(how), how.seed ?? null);
  }

  async #failure(found, seed) {
    if (!found.broken) return null;
    const shortest = await new Shrinking(this, found).shortest();
    return this.#describe(shortest, shortest.broken ?? found.broken, seed);
  }

  #describe(found, { invariant, message, error }, seed) {
    const { instances = [], decisions = [] } = found.ended;
    const shown = instances.slice(0, SHOWN_INSTANCES);
    return new SimulationFailure({
      invariant, message, error, seed, schedule: scheduleOf(found),
      lines: decisions.map(({ line }) => line),
      histories: new Map(shown.map((each) => [each.description.instance, events(each)])),
    });
  }
}

/** Takes decisions away, in halves and one by one, and makes delays smaller, as long as the same invariant fails. */
class Shrinking {
  #campaign;
  #best;
  #invariant;
  #left = SHRINKING_RUNS;

  constructor(campaign, found) {
    this.#campaign = campaign;
    this.#best = found;
    this.#invariant = found.broken.invariant;
  }

  async shortest() {
    await this.#remove();
    await this.#round();
    return this.#best;
  }

  async #fails(schedule) {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    const rehearsal = await this.#campaign.run({ schedule });
    if (rehearsal.broken?.invariant !== this.#invariant) return false;
    this.#best = rehearsal;
    return true;
  }

  async #remove() {
    let size = Object.keys(scheduleOf(this.#best)).length;
    while (size > 0) {
      const names = Object.keys(scheduleOf(this.#best));
      size = Math.min(size, names.length);
      for (let at = 0; at < names.length; at += Math.max(size, 1)) {
        const gone = new Set(names.slice(at, at + size));
        const all = Object.entries(scheduleOf(this.#best));
        const rest = all.filter(([name]) => !gone.has(name));
        // Two runs of one schedule take the same decisions, if they are reached at all.
        if (rest.length < all.length) await this.#fails(Object.fromEntries(rest));
      }
      size = Math.floor(size / 2);
    }
  }

  async #round() {
    for (const [name, choice] of Object.entries(scheduleOf(this.#best))) {
      if (typeof choice !== 'number') continue;
      // The smallest that fails, if those above it do.
      for (let least = 0, most = choice; most - least > 1 && this.#left > 0;) {
        const middle = Math.floor((least + most) / 2);
        if (await this.#fails({ ...scheduleOf(this.#best), [name]: middle })) most = middle;
        else least = middle;
      }
    }
  }
}

function scheduleOf(found) {
  return Object.fromEntries((found.ended.decisions ?? []).map(({ name, choice }) => [name, choice]));
}

/** The last events of an instance, one line each. */
function events({ history = [] }) {
  const first = history[0]?.at ?? 0;
  return history.slice(-SHOWN_EVENTS).map(({ id, at, kind, after, ...members }) => {
    const told = Object.entries(members).map(([key, value]) => `${key}=${short(value)}`);
    const seconds = ((at - first) / 1000).toFixed(3);
    return [String(id).padStart(3), `${seconds.padStart(10)} s `, kind, ...told].join(' ');
  });
}

function short(value) {
  const told = JSON.stringify(value);
  return told.length <= 80 ? told : `${told.slice(0, 77)}...`;
}

module.exports = { simulate, SimulationFailed, SimulationFailure, SimulationReport };
