'use strict';
// What both languages of the conformance kit (docs/kit.md) have: expressions, variables, failures.

const { isDeepStrictEqual } = require('node:util');
const perdure = require('../../lib/index.js');

/** The scenario has something that this runner does not know. */
class Unknown extends Error {}

/** `return`: ends the program with a value. */
class Return extends Error {
  constructor(value) {
    super('return');
    this.value = value;
  }
}

/** What `fail` throws. Its name is the type of the failure. */
class Thrown extends Error {
  constructor({ type, message, details, nonRetryable, retryAfterMS, cause }) {
    super(message, cause ? { cause: new Thrown(cause) } : undefined);
    this.name = type;
    this.details = details ?? null;
    this.nonRetryable = nonRetryable === true;
    if (retryAfterMS !== undefined) this.retryAfter = retryAfterMS;
  }
}

const named = (type, message, details, nonRetryable) => ({ type, message, details: details ?? null, nonRetryable });

/** An error as `catch` names it; undefined for one that `catch` does not take. */
function described(error) {
  if (error instanceof perdure.WorkFailed) {
    const { type, message, details, nonRetryable } = error.failure;
    return named(type, message, details, nonRetryable);
  }
  if (error instanceof perdure.LimitExceeded) return named(error.failureType, error.message, null, true);
  if (error instanceof perdure.TimedOut) return named('kit.Timeout', 'time ran out', null, false);
  if (error instanceof Thrown) return named(error.name, error.message, error.details, error.nonRetryable);
  return undefined;
}

/** Variables, and those of the scope around them. */
class Scope {
  constructor(outer, variables = {}) {
    this.outer = outer;
    this.variables = new Map(Object.entries(variables));
  }

  find(name) {
    return this.variables.has(name) ? this : this.outer?.find(name);
  }

  set(name, value) {
    (this.find(name) ?? this).variables.set(name, value);
  }

  get(path) {
    const [name, ...members] = path.split('.');
    return members.reduce(at, this.find(name)?.variables.get(name) ?? null);
  }
}

function at(container, key) {
  if (container === null || typeof container !== 'object') return null;
  return Object.hasOwn(container, key) ? container[key] : null;
}

function text(part) {
  if (typeof part === 'string' || Number.isInteger(part)) return String(part);
  throw new Unknown(`$concat takes texts and whole numbers, not ${part}`);
}

function size(value) {
  if (typeof value === 'string') return [...value].length;
  return Object.keys(value).length;
}

const FUNCTIONS = {
  $add: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
  $concat: (parts) => parts.map(text).join(''),
  $repeat: ([part, count]) => part.repeat(count),
  $append: ([list, ...more]) => [...list, ...more],
  $at: ([container, key]) => at(container, key),
  $size: size,
  $eq: ([one, other]) => isDeepStrictEqual(one, other),
  $lt: ([one, other]) => one < other,
  $not: (value) => value !== true,
  $and: (values) => values.every((each) => each === true),
};

/** What the languages of orchestrations and activities have in common. */
class Program {
  function(name, value) {
    if (!Object.hasOwn(FUNCTIONS, name)) throw new Unknown(`there is no expression '${name}'`);
    return FUNCTIONS[name](value);
  }

  value(expression, scope) {
    if (typeof expression === 'string') {
      return expression.startsWith('$') ? scope.get(expression.slice(1)) : expression;
    }
    if (Array.isArray(expression)) return expression.map((each) => this.value(each, scope));
    if (expression === null || typeof expression !== 'object') return expression ?? null;
    const entries = Object.entries(expression);
    if (entries.length === 1 && entries[0][0].startsWith('$')) {
      const [[name, argument]] = entries;
      return name === '$literal' ? argument : this.function(name, this.value(argument, scope));
    }
    return Object.fromEntries(entries.map(([key, each]) => [key, this.value(each, scope)]));
  }

  operation(step) {
    const found = Object.keys(step).filter((key) => typeof this[`do_${key}`] === 'function');
    if (found.length !== 1) throw new Unknown(`a step has one operation: ${JSON.stringify(step)}`);
    return this[`do_${found[0]}`];
  }

  async block(steps, scope) {
    let value = null;
    for (const step of steps ?? []) {
      value = (await this.operation(step).call(this, step, scope)) ?? null;
      if (step.as !== undefined) scope.set(step.as, value);
    }
    return value;
  }

  /** A block that `return` ends. */
  async body(steps, scope) {
    try {
      return await this.block(steps, scope);
    } catch (error) {
      if (error instanceof Return) return error.value;
      throw error;
    }
  }

  do_value(step, scope) {
    return this.value(step.value, scope);
  }

  do_let(step, scope) {
    const value = this.value(step.be, scope);
    scope.set(step.let, value);
    return value;
  }

  do_return(step, scope) {
    throw new Return(this.value(step.return, scope));
  }

  do_fail(step, scope) {
    throw new Thrown(this.value(step.fail, scope));
  }

  do_if(step, scope) {
    return this.block(this.value(step.if, scope) === true ? step.then : step.else, scope);
  }
}

module.exports = { Program, Scope, Thrown, Unknown, described };
