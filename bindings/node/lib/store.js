'use strict';
// Where instances live.

const native = require('./native.js');
const json = require('./json.js');
const limits = require('./limits.js');
const { InvalidArgument } = require('./errors.js');
const { Metrics } = require('./metrics.js');
const { known, oneOf } = require('./options.js');
const { milliseconds, moment } = require('./durations.js');
const { timeoutMS } = require('./waiting.js');

const disposeSymbol = Symbol.dispose ?? Symbol.for('nodejs.dispose');
const asyncDisposeSymbol = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
const MADE_HERE = Symbol('made by Store.open');

/** Without what a URL of PostgreSQL has of secrets. */
const shown = (url) => (url.startsWith('postgres') ? url.replace(/\?.*$/s, '').replace(/\/\/.*@/s, '//') : url);

/** An open store: `await Store.open('sqlite:app.sqlite')`. */
class Store {
  #handle;

  constructor(key, url, handle, taken) {
    if (key !== MADE_HERE) throw new InvalidArgument("A store is opened with await Store.open('sqlite:PATH').");
    this.url = url;
    this.#handle = handle;
    /** What it takes, by the names of the option. */
    this.limits = taken;
  }

  /**
   * Opens a store. `url`: "sqlite:PATH" or "postgresql://USER@HOST/DATABASE?schema=NAME", made if it does not
   * exist, or "memory:". `busyTimeout`: how long a call waits for another process's write lock, or for a server
   * that is away. `limits`: what the store takes, when the defaults do not fit; the same in every process.
   * `clock`: { mode: 'virtual', start } for tests. `password`: gives the password for a PostgreSQL server, or a
   * promise of it; asked for each connection that is opened, as the tokens of cloud identities expire.
   * Rejects with a StoreError that names the store and the cause.
   */
  static async open(url, options) {
    json.text(url, 'The URL of the store');
    const given = known(options, ['busyTimeout', 'limits', 'clock', 'password'], 'The options of Store.open');
    const config = {};
    if (given.busyTimeout !== undefined) {
      config.busyTimeoutMS = milliseconds(given.busyTimeout, 'busyTimeout', 0);
    }
    const taken = limits.of(given.limits);
    if (given.limits !== undefined) config.limits = taken;
    if (given.clock !== undefined) config.clock = clock(given.clock);
    const settings = Object.keys(config).length > 0 ? json.encode(config) : '';
    if (given.password !== undefined && typeof given.password !== 'function') {
      throw new InvalidArgument(`password is a function that gives one, not ${json.describe(given.password)}.`);
    }
    const asked = given.password === undefined ? 0 : native.keepPassword(given.password);
    const value = await native.call('store_open', null, 0, url, settings, asked);
    return new Store(MADE_HERE, url, new native.Handle(native.STORE, value, `store ${shown(url)}`), taken);
  }

  /** For clients and runtimes. Throws InvalidHandle once closed. */
  get _handle() {
    return this.#handle.value;
  }

  /**
   * What this process has committed to the store since it was opened, and what its runtimes hold now. Does not
   * touch the store.
   */
  metrics() {
    return new Metrics(JSON.parse(native.check(native.load().storeMetrics(this._handle, ''))));
  }

  /** The same as OpenMetrics 1.0 text, for Prometheus and its like. */
  openMetrics() {
    return native.check(native.load().storeMetrics(this._handle, '{"format":"openmetrics"}'));
  }

  /** The time that the engine goes by. */
  now() {
    return new Date(JSON.parse(native.check(native.load().storeClock(this._handle, ''))).now);
  }

  /**
   * Moves virtual time, stopping at each moment on the way at which something is due, until nothing of this
   * process is at work on the store. With 0 it only waits for that. Resolves to the time that it is then.
   */
  async advance(duration, options) {
    const { timeout } = known(options, ['timeout'], 'The options of advance');
    const ms = milliseconds(duration, 'The duration', 0);
    const text = await native.call(
      'store_advance_clock', this, this._handle, '', '', ms, timeoutMS(timeout),
    );
    return new Date(JSON.parse(text).now);
  }

  get isOpen() {
    return this.#handle.isOpen;
  }

  /** Drops this reference. The store closes when its last client and runtime are closed, too. */
  close() {
    this.#handle.close();
  }

  [disposeSymbol]() {
    this.close();
  }

  async [asyncDisposeSymbol]() {
    this.close();
  }
}

function clock(given) {
  const { mode = 'system', start } = known(given, ['mode', 'start'], 'The members of clock');
  const wire = { mode: oneOf(mode, ['system', 'virtual'], 'The mode of the clock') };
  if (start !== undefined) wire.startMS = moment(start, 'The start of the clock');
  return wire;
}

/** The handle of a store. `what` needs it. */
function handleOf(store, what) {
  if (store instanceof Store) return store._handle;
  throw new InvalidArgument(
    `${what} needs a store, such as await Store.open('sqlite:app.sqlite'), not ${json.describe(store)}.`,
  );
}

module.exports = { Store, handleOf, disposeSymbol, asyncDisposeSymbol };
