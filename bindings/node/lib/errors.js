'use strict';
// Everything that Perdure throws. `PerdureError` is the root of it.
//
// Two families: an error of a call (`NotFound`, `StoreBusy`... one class for each code of the library), and
// the end of work that was awaited (`ActivityFailed`, `SubOrchestrationFailed`, `OrchestrationFailed`...),
// which carries a `Failure`. `Cancelled` is what the awaits of a cancelled orchestration throw.

const { clean, said, tryEncode } = require('./text.js');

/** Root of all errors. `code` is the number from dx.h (0: thrown by the Node side). */
class PerdureError extends Error {
  static code = 0;

  constructor(message, { transient = false, details = {}, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = new.target.code;
    /** Trying the same call again can help. */
    this.transient = transient;
    /** The data behind the message. */
    this.details = details;
  }
}

/** A class for a code of the library. The name stands on the prototype, as with the errors of the language. */
function define(name, code, base = PerdureError) {
  const made = { [name]: class extends base {} }[name];
  if (code !== undefined) made.code = code;
  Object.defineProperty(made.prototype, 'name', { value: name, writable: true, configurable: true });
  return made;
}

Object.defineProperty(PerdureError.prototype, 'name', {
  value: 'PerdureError',
  writable: true,
  configurable: true,
});

const StoreError = define('StoreError');
const coded = {
  InvalidArgument: define('InvalidArgument', 1),
  InvalidHandle: define('InvalidHandle', 2),
  Unsupported: define('Unsupported', 3),
  NotFound: define('NotFound', 4),
  AlreadyExists: define('AlreadyExists', 5),
  WrongStatus: define('WrongStatus', 6),
  LimitExceeded: define('LimitExceeded', 7),
  TimedOut: define('TimedOut', 8),
  Closed: define('Closed', 9),
  Forked: define('Forked', 10),
  Stale: define('Stale', 11),
  ProtocolViolation: define('ProtocolViolation', 20),
  Nondeterminism: define('Nondeterminism', 21),
  StoreBusy: define('StoreBusy', 40, StoreError),
  StoreFull: define('StoreFull', 41, StoreError),
  StoreIO: define('StoreIO', 42, StoreError),
  StoreReadOnly: define('StoreReadOnly', 43, StoreError),
  StoreCorrupt: define('StoreCorrupt', 44, StoreError),
  StoreForeign: define('StoreForeign', 45, StoreError),
  StoreCannotOpen: define('StoreCannotOpen', 46, StoreError),
  StoreReplaced: define('StoreReplaced', 47, StoreError),
  InternalError: define('InternalError', 99),
};
/** libdx or the addon is missing, or not of the release that this package was written for. */
const LibraryNotLoaded = define('LibraryNotLoaded');
/** Orchestration code awaits something that is not recorded, so that no replay could answer it. */
const NonDurableAwait = define('NonDurableAwait');
/** Thrown at the awaits of an orchestration that is asked to end. Let it pass when all is cleaned up. */
const Cancelled = define('Cancelled');

// What limits say in orchestration code is a failure that a second attempt would not change.
coded.LimitExceeded.prototype.failureType = 'perdure.LimitExceeded';
coded.LimitExceeded.prototype.nonRetryable = true;
Cancelled.prototype.failureType = 'perdure.Cancelled';

const byCode = new Map(Object.values(coded).map((each) => [each.code, each]));

/** The error for a code of the library. A code of a newer library becomes a plain `PerdureError`. */
function fromCode(code, message, transient = false, details = {}) {
  const Kind = byCode.get(code) ?? PerdureError;
  const error = new Kind(message, { transient, details });
  error.code = code;
  return error;
}

// ---- The end of awaited work ------------------------------------------------------------------------

/** Why a piece of work failed: the same structure in every language and in history. */
class Failure {
  constructor({
    type = 'Error',
    message = '',
    details = null,
    stack = null,
    nonRetryable = false,
    cause = null,
    retryAfter = null,
  } = {}) {
    /** The type of the error (`TypeError`, `CardDeclined`), or one of the engine's own (`perdure.Timeout`). */
    this.type = type;
    this.message = message;
    /** JSON that the failing code attached. */
    this.details = details;
    this.stack = stack;
    /** Retrying cannot help. */
    this.nonRetryable = nonRetryable;
    this.cause = cause;
    /** Milliseconds that the next attempt should wait, in place of the pause of its retry policy. */
    this.retryAfter = retryAfter;
  }

  toString() {
    return this.message ? `${this.type}: ${this.message}` : this.type;
  }
}

/** Root of the errors that carry a `Failure`. */
class WorkFailed extends PerdureError {
  constructor(what, failure) {
    super(`${what} failed: ${failure}`);
    this.failure = failure;
  }

  /** The type of the failure, such as `CardDeclined`. */
  get type() {
    return this.failure.type;
  }
}

/** An activity failed for good. */
class ActivityFailed extends WorkFailed {
  constructor(activity, failure) {
    super(`Activity '${activity}'`, failure);
    this.activity = activity;
  }
}

/** A sub-orchestration failed, was cancelled or terminated. */
class SubOrchestrationFailed extends WorkFailed {
  constructor(orchestration, failure) {
    super(`Sub-orchestration '${orchestration}'`, failure);
    this.orchestration = orchestration;
  }
}

/** A request to another instance was refused: it is unknown (`perdure.NotFound`), it has ended... */
class MessageRefused extends WorkFailed {
  constructor(what, failure) {
    super(what, failure);
    this.what = what;
  }
}

/** Thrown by `Client.call`: the handler in the orchestration failed. */
class CallFailed extends WorkFailed {
  constructor(instance, call, failure) {
    super(`Call '${call}' of instance '${instance}'`, failure);
    this.instance = instance;
    this.call = call;
  }
}

/** The call was refused before it had an effect: its type is `perdure.CallRejected`. */
class CallRejected extends CallFailed {}

/** Thrown by `Client.query`: the handler failed, or there is none of that name. */
class QueryFailed extends WorkFailed {
  constructor(instance, query, failure) {
    super(`Query '${query}' of instance '${instance}'`, failure);
    this.instance = instance;
    this.query = query;
  }
}

/** Thrown by `Client.result` for an instance that failed. */
class OrchestrationFailed extends WorkFailed {
  constructor(instance, failure) {
    super(`Instance '${instance}'`, failure);
    this.instance = instance;
  }
}

/** Thrown by `Client.result` for an instance that was cancelled or terminated. */
class OrchestrationCancelled extends PerdureError {
  constructor(instance, status) {
    super(`Instance '${instance}' was ${status.toLowerCase()}.`);
    this.instance = instance;
    this.status = status;
  }
}

const work = {
  WorkFailed,
  ActivityFailed,
  SubOrchestrationFailed,
  MessageRefused,
  CallFailed,
  CallRejected,
  QueryFailed,
  OrchestrationFailed,
  OrchestrationCancelled,
};
for (const [name, Kind] of Object.entries(work)) {
  Object.defineProperty(Kind.prototype, 'name', { value: name, writable: true, configurable: true });
}

// ---- Failures on the wire ---------------------------------------------------------------------------

/** Links of a chain of causes that are kept. */
const CAUSES = 16;
/** Characters of a type. */
const NAME = 256;
/** The longest pause that the engine takes, about 35 years. */
const LONGEST_MS = 2 ** 40;

/**
 * The failure (docs/wire-format.md) for whatever was thrown, or for a `Failure`. Never throws: an error is
 * somebody else's code, and a failure that is not told would leave its work open for ever.
 *
 * An error that carries a failure becomes that failure. Properties `details`, `nonRetryable` and `retryAfter`
 * (milliseconds) are taken along, and the `cause` that `new Error(message, { cause })` named.
 */
function toFailure(error, depth = 0) {
  try {
    if (error instanceof Failure) return fromObject(error);
    if (error instanceof WorkFailed) return fromObject(error.failure);
    return fromError(error, depth);
  } catch {
    return { type: 'Error', message: said(() => String(error)) };
  }
}

function fromError(error, depth) {
  if (!(error instanceof Error)) return fromThrown(error);
  const failure = {
    type: clean(typeName(error), NAME),
    message: said(() => String(error.message)),
  };
  const details = attribute(error, 'details');
  if (details !== undefined && details !== null && !(error instanceof PerdureError && isEmpty(details))) {
    failure.details = sayable(details);
  }
  const stack = attribute(error, 'stack');
  if (typeof stack === 'string') failure.stack = clean(stack);
  if (attribute(error, 'nonRetryable') === true) failure.nonRetryable = true;
  const pause = milliseconds(attribute(error, 'retryAfter'));
  if (pause !== undefined) failure.retryAfterMS = pause;
  const cause = attribute(error, 'cause');
  if (cause !== undefined && cause !== null && depth < CAUSES) failure.cause = toFailure(cause, depth + 1);
  return failure;
}

/** `throw 'text'` and its like. */
function fromThrown(value) {
  if (typeof value === 'string') return { type: 'Error', message: clean(value) };
  const text = tryEncode(value);
  const failure = { type: 'Error', message: said(() => `${text ?? String(value)} was thrown, which is no Error`) };
  if (value !== undefined && text !== undefined) failure.details = JSON.parse(text);
  return failure;
}

function fromObject(failure) {
  const wire = { type: clean(String(failure.type), NAME) || 'Error', message: clean(String(failure.message)) };
  if (failure.details !== null && failure.details !== undefined) wire.details = sayable(failure.details);
  if (typeof failure.stack === 'string') wire.stack = clean(failure.stack);
  if (failure.nonRetryable === true) wire.nonRetryable = true;
  const pause = milliseconds(failure.retryAfter);
  if (pause !== undefined) wire.retryAfterMS = pause;
  if (failure.cause) wire.cause = toFailure(failure.cause);
  return wire;
}

/** A failure as users see it. Nothing becomes one of type `Error` that says nothing. */
function fromFailure(wire) {
  if (!wire) return new Failure();
  return new Failure({
    type: wire.type ?? 'Error',
    message: wire.message ?? '',
    details: wire.details ?? null,
    stack: wire.stack ?? null,
    nonRetryable: wire.nonRetryable === true,
    cause: wire.cause ? fromFailure(wire.cause) : null,
    retryAfter: wire.retryAfterMS ?? null,
  });
}

/** The name that stands nearest: what the error says of itself, or its class. */
function typeName(error) {
  const own = attribute(error, 'failureType');
  if (typeof own === 'string' && own && error instanceof PerdureError) return own;
  for (let at = error; at; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, 'name')) {
      const name = attribute(error, 'name');
      return typeof name === 'string' && name ? name : 'Error';
    }
    if (Object.hasOwn(at, 'constructor') && typeof at.constructor?.name === 'string') {
      if (at.constructor.name) return at.constructor.name;
    }
  }
  return 'Error';
}

/** A property that we did not write, whose getter may throw. */
function attribute(error, name) {
  try {
    return error[name];
  } catch {
    return undefined;
  }
}

function sayable(details) {
  const text = tryEncode(details);
  return text === undefined ? said(() => String(details)) : JSON.parse(text);
}

function isEmpty(details) {
  return typeof details === 'object' && Object.keys(details).length === 0;
}

/** What is no duration says nothing. */
function milliseconds(pause) {
  if (typeof pause !== 'number' || !Number.isFinite(pause)) return undefined;
  return Math.min(Math.max(Math.ceil(pause), 0), LONGEST_MS);
}

module.exports = {
  PerdureError,
  StoreError,
  ...coded,
  LibraryNotLoaded,
  NonDurableAwait,
  Cancelled,
  ...work,
  Failure,
  fromCode,
  toFailure,
  fromFailure,
};
