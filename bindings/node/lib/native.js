'use strict';
// The addon and the library behind it. Each thread of Node (worker_threads) has its own of what is here.

const fs = require('node:fs');
const path = require('node:path');
const { LibraryNotLoaded, InternalError, InvalidHandle, fromCode } = require('./errors.js');

// Taken before the guards of turns stand in its place.
const { setImmediate } = globalThis;

const LIBRARY = 'libdx.so';
/** Kinds of messages and of handles, as src/addon.h numbers them. */
const ANSWER = 0;
const WORK = 1;
const REPLY = 2;
const LOG = 3;
const MORE = 4;
const PASSWORD = 5;
const STORE = 0;
const CLIENT = 1;
const RUNTIME = 2;
const SIMULATION = 3;

let addon;
let nextId = 1;
/** Requests without an answer yet: { resolve, reject, owner }. The owner is kept from being collected. */
const requests = new Map();
/** Runtimes by the number of their poller: { work(text), reply(text), broken(error) }. */
const pollers = new Map();
const numbers = new Map();
/** Functions that give the passwords of stores, by their number. */
const passwords = new Map();
let onRecord = null;

// ---- Loading ----------------------------------------------------------------------------------------

/** Loads both at first use. Throws LibraryNotLoaded. */
function load() {
  if (addon) return addon;
  const file = find(process.env.PERDURE_ADDON, 'perdure.node', '../../../.build/node/perdure.node');
  let loaded;
  try {
    loaded = require(file);
  } catch (error) {
    throw new LibraryNotLoaded(
      `Cannot load the addon ${file} for ${process.platform}-${process.arch}: ${error.message}. The package has `
        + 'it for Linux; `make node` builds it in a checkout.',
      { cause: error },
    );
  }
  const library = find(process.env.PERDURE_LIBRARY, LIBRARY, '../../../.build/release/libdx.so');
  const why = loaded.load(library, deliver);
  if (why !== undefined) throw new LibraryNotLoaded(why);
  addon = loaded;
  return addon;
}

/** What was named, what is in the package, what a checkout has built, or what the system finds. */
function find(given, name, built) {
  if (given) return path.resolve(given);
  const places = [`../prebuilt/${process.platform}-${process.arch}/${name}`, built];
  const found = places.map((place) => path.join(__dirname, place)).find((place) => fs.existsSync(place));
  return found ?? name;
}

// ---- Messages ---------------------------------------------------------------------------------------

/** Called by the addon on the event loop. */
function deliver(kind, id, code, text, details, transient, handle) {
  try {
    if (kind === ANSWER) answered(id, code, text, details, transient, handle);
    else if (kind === MORE) setImmediate(more);
    else if (kind === LOG) onRecord?.(text);
    else if (kind === PASSWORD) askPassword(id, handle);
    else worked(kind, id, code, text, details, transient);
  } catch (error) {
    // Only a hook of the program can have thrown. It must not keep other messages from their receivers.
    process.nextTick(() => {
      throw error;
    });
  }
}

function more() {
  if (addon.more()) setImmediate(more);
}

function answered(id, code, text, details, transient, handle) {
  const request = requests.get(id);
  requests.delete(id);
  if (!request) return;
  if (code !== 0) request.reject(failure(code, text, details, transient));
  else request.resolve(handle || text);
}

function worked(kind, id, code, text, details, transient) {
  const poller = pollers.get(id);
  if (!poller) return;
  if (code !== 0) poller.broken(failure(code, text, details, transient), kind === WORK);
  else if (kind === WORK) poller.work(text);
  else poller.reply(text);
}

function failure(code, text, details, transient) {
  let data = {};
  try {
    data = JSON.parse(details);
  } catch {
    // Nothing but the sentence, then.
  }
  return fromCode(code, text ?? 'There was not enough memory.', transient, data);
}

/** The result of a call that does not wait; throws what it answered in its place. */
function check(result) {
  if (Array.isArray(result)) throw failure(...result);
  return result;
}

/**
 * Makes a call that may wait, off the event loop. `owner` lives until it is answered.
 * Resolves to the text of the answer, or the number of a new handle.
 */
function call(name, owner, handle, first = '', second = '', number = 0, other = 0) {
  const library = load();
  let at = numbers.get(name);
  if (at === undefined) {
    at = library.find(name);
    if (at < 0) throw new InternalError(`The addon has no call '${name}': it is of another release.`);
    numbers.set(name, at);
  }
  return new Promise((resolve, reject) => {
    const id = newId();
    requests.set(id, { resolve, reject, owner });
    if (!library.request(id, at, handle, first, second, number, other)) {
      requests.delete(id);
      reject(new InternalError('The system gives no thread for the call.', { transient: true }));
    }
  });
}

function newId() {
  do nextId = nextId === 0xffff_ffff ? 1 : nextId + 1;
  while (requests.has(nextId) || pollers.has(nextId) || passwords.has(nextId));
  return nextId;
}

// ---- Passwords --------------------------------------------------------------------------------------

/** The number under which `password` is asked; until the store is gone, or was not opened. */
function keepPassword(password) {
  const id = newId();
  passwords.set(id, password);
  return id;
}

async function askPassword(id, request) {
  if (request === 0) {
    passwords.delete(id);
    return;
  }
  let password = '';
  let why = '';
  try {
    password = await passwords.get(id)();
    if (typeof password !== 'string') throw new TypeError('it gave no string.');
  } catch (error) {
    why = `its function threw ${error}`.replaceAll('\0', ' ');
  }
  // An error is that nobody waits any more, or that it is no text, which the one who waits is told.
  addon.answerPassword(request, why ? '' : password, why);
}

// ---- Handles ----------------------------------------------------------------------------------------

const dropped = new FinalizationRegistry(({ kind, value }) => addon?.free(kind, value));

/** A counted handle of the library, freed once: when closed, when dropped, or when the thread of Node ends. */
class Handle {
  #kind;
  #value;
  #what;

  constructor(kind, value, what) {
    this.#kind = kind;
    this.#value = value;
    this.#what = what;
    dropped.register(this, { kind, value }, this);
  }

  /** Throws InvalidHandle once closed. */
  get value() {
    if (this.#value === undefined) throw new InvalidHandle(`The ${this.#what} is closed.`);
    return this.#value;
  }

  get isOpen() {
    return this.#value !== undefined;
  }

  close() {
    if (this.#value === undefined) return;
    const value = this.#value;
    this.#value = undefined;
    dropped.unregister(this);
    addon.free(this.#kind, value);
  }
}

// ---- Pollers ----------------------------------------------------------------------------------------

/** Begins to poll a runtime. Keeps the process alive until `endPoll`. Returns the number of the poller. */
function poll(receiver, runtime, turns, activities) {
  const id = newId();
  pollers.set(id, receiver);
  if (!load().poll(id, runtime, turns, activities)) {
    pollers.delete(id);
    throw new InternalError('The system gives no threads for the runtime.', { transient: true });
  }
  return id;
}

function endPoll(id) {
  if (pollers.delete(id)) addon.endPoll(id);
}

// ---- Log --------------------------------------------------------------------------------------------

/** Records of the library, as text, go to `receiver`; null turns them off. */
function logTo(receiver, level) {
  const library = load();
  onRecord = receiver;
  check(library.log(receiver ? JSON.stringify({ level }) : ''));
}

module.exports = {
  load, call, check, keepPassword, Handle, poll, endPoll, logTo, STORE, CLIENT, RUNTIME, SIMULATION,
};
