'use strict';
// `activity(name, fn, options)` and `orchestration(name, fn, options)`: functions with a name under which
// history knows them. What ctx.activity and client.start take in place of a name.

const { AlreadyExists, InvalidArgument } = require('./errors.js');
const json = require('./json.js');
const limits = require('./limits.js');
const { known, activityOptions, activityLimits, ACTIVITY_NAMES } = require('./options.js');

const DEFAULT_VERSION = '1.0.0';

class Definition {
  constructor(what, name, fn) {
    limits.name(name, `The name of ${what}`);
    if (typeof fn !== 'function') {
      throw new InvalidArgument(
        `${what} '${name}' needs a function, such as async (ctx, input) => ..., not ${json.describe(fn)}.`,
      );
    }
    this.name = name;
    this.fn = fn;
  }
}

/** An ordinary function that may do anything: `fn(ctx, input)`. */
class Activity extends Definition {
  constructor(name, fn, options) {
    super('activity', name, fn);
    const { concurrency, rate, ...schedule } = known(
      options,
      [...ACTIVITY_NAMES, 'concurrency', 'rate'],
      `The options of activity '${name}'`,
    );
    /** On the wire, for every schedule of it; undefined for none. */
    this.options = activityOptions(schedule);
    /** On the wire, of what one runtime does of it; undefined for none. */
    this.limits = activityLimits({ concurrency, rate });
    Object.freeze(this);
  }

  /** The same with another function, for tests. */
  copy(fn) {
    const made = Object.create(Activity.prototype);
    return Object.freeze(Object.assign(made, this, { fn }));
  }
}

/** A function that says what happens in which order: `fn(ctx, input)`. */
class Orchestration extends Definition {
  constructor(name, fn, options) {
    super('orchestration', name, fn);
    const given = known(options, ['version'], `The options of orchestration '${name}'`);
    this.version = json.text(given.version ?? DEFAULT_VERSION, 'The version');
    this.options = given;
    Object.freeze(this);
  }
}

const activity = (name, fn, options) => new Activity(name, fn, options);
const orchestration = (name, fn, options) => new Orchestration(name, fn, options);

/** The name of a definition, or the name itself. */
function nameOf(target, what) {
  if (target instanceof Definition) return target.name;
  if (typeof target === 'string') return target;
  throw new InvalidArgument(
    `${what} must be a name or what activity(...) or orchestration(...) made, not ${json.describe(target)}.`,
  );
}

/** What one runtime has: `orchestrations` as the turn host takes them, `activities` by name. */
class Registry {
  orchestrations = new Map();
  activities = new Map();

  /** One of that name (and version) is in it already. */
  has({ name, version }) {
    return version === undefined ? this.activities.has(name) : this.orchestrations.get(name)?.has(version) === true;
  }

  add(definition) {
    if (definition instanceof Orchestration) {
      const versions = this.orchestrations.get(definition.name) ?? new Map();
      if (versions.has(definition.version)) {
        throw new AlreadyExists(
          `The orchestration '${definition.name}' is registered in version ${definition.version} already.`,
        );
      }
      versions.set(definition.version, definition);
      this.orchestrations.set(definition.name, versions);
    } else if (definition instanceof Activity) {
      if (this.activities.has(definition.name)) {
        throw new AlreadyExists(`The activity '${definition.name}' is registered already.`);
      }
      this.activities.set(definition.name, definition);
    } else {
      throw new InvalidArgument(
        `Register what activity(...) or orchestration(...) made, not ${json.describe(definition)}.`,
      );
    }
  }
}

module.exports = { Activity, Orchestration, Registry, activity, orchestration, nameOf };
