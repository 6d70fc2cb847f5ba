'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const errors = require('../lib/errors.js');
const json = require('../lib/json.js');
const { milliseconds, moment } = require('../lib/durations.js');

class Declined extends Error {
  nonRetryable = true;
  details = { card: 'expired' };
  retryAfter = 1500;
}
class Named extends TypeError {}
class Nasty extends Error {
  get message() {
    throw new Error('no message for you');
  }
}

test('failures: what was thrown keeps its type, message, details and cause', () => {
  const failure = errors.toFailure(new Declined('no', { cause: new RangeError('far') }));
  assert.equal(failure.type, 'Declined');
  assert.equal(failure.message, 'no');
  assert.deepEqual(failure.details, { card: 'expired' });
  assert.equal(failure.nonRetryable, true);
  assert.equal(failure.retryAfterMS, 1500);
  assert.match(failure.stack, /errors\.test\.js/);
  assert.equal(failure.cause.type, 'RangeError');
});

const types = [
  ['a class without a name of its own', new Named('x'), 'Named'],
  ['a name set on the error', Object.assign(new Error('x'), { name: 'Custom' }), 'Custom'],
  ['an error of the platform', new DOMException('x', 'AbortError'), 'AbortError'],
  ['plain', new Error('x'), 'Error'],
  ['text', 'thrown text', 'Error'],
  ['nothing', undefined, 'Error'],
  ['a symbol', Symbol('s'), 'Error'],
  ['one whose message cannot be had', new Nasty(), 'Nasty'],
  ['a limit', new errors.LimitExceeded('x'), 'perdure.LimitExceeded'],
  ['a carried failure', new errors.ActivityFailed('a', new errors.Failure({ type: 'Inner' })), 'Inner'],
];
for (const [name, thrown, type] of types) {
  test(`failures: ${name} is of type ${type}`, () => {
    const failure = errors.toFailure(thrown);
    assert.equal(failure.type, type);
    assert.equal(typeof failure.message, 'string');
    json.encode(failure);
  });
}

test('failures: causes that contain themselves end, and text that cannot be stored is cleaned', () => {
  const error = new Error('a\0b\ud800');
  error.cause = error;
  error.details = 10n;
  const failure = errors.toFailure(error);
  assert.equal(failure.message, 'a\\0b\ufffd');
  assert.equal(failure.details, '10');
  json.encode(failure);
});

test('failures: there and back', () => {
  const wire = { type: 'T', message: 'm', details: [1], stack: 's', nonRetryable: true, retryAfterMS: 7,
    cause: { type: 'C', message: '' } };
  assert.deepEqual(errors.toFailure(errors.fromFailure(wire)), wire);
});

test('codes: each has a class, and an unknown one is a plain error with its number', () => {
  assert.ok(errors.fromCode(4, 'x') instanceof errors.NotFound);
  assert.ok(errors.fromCode(40, 'x') instanceof errors.StoreError);
  assert.equal(errors.fromCode(4, 'x').name, 'NotFound');
  const unknown = errors.fromCode(77, 'x', true, { a: 1 });
  assert.equal(unknown.constructor, errors.PerdureError);
  assert.deepEqual([unknown.code, unknown.transient, unknown.details], [77, true, { a: 1 }]);
});

const circular = {};
circular.self = [circular];
const unfit = [
  ['NaN', { a: [1, NaN] }, /^The value at a\[1\] is NaN, which JSON cannot hold\.$/],
  ['Infinity', -Infinity, /is -Infinity/],
  ['a bigint', { n: 10n }, /at n is a bigint/],
  ['a function', () => 1, /is a function/],
  ['a symbol', [Symbol('s')], /\[0\] is a symbol/],
  ['a Map', { m: new Map() }, /is a Map.*Object\.fromEntries/],
  ['a Set', new Set(), /is a Set/],
  ['a promise', { p: Promise.resolve() }, /at p is a Promise.*await missing/],
  ['an Error', new Error('x'), /is a Error|is an? Error/],
  ['bytes', new Uint8Array(3), /is a Uint8Array/],
  ['a NUL', { a: ['x\0'] }, /at a\[0\] has a NUL character at position 1/],
  ['half a surrogate pair', '\ud800', /half a surrogate pair/],
  ['such a key', { ['a\udc00']: 1 }, /has a key that has half/],
  ['one that contains itself', circular, /contains itself/],
  ['one with a getter that throws', { get a() { throw new Error('no'); } }, /cannot be encoded as JSON/],
];
for (const [name, value, message] of unfit) {
  test(`JSON: ${name} is refused`, () => {
    assert.throws(() => json.encode(value),
      (error) => error instanceof errors.InvalidArgument && message.test(error.message));
  });
}

test('JSON: what can be lost without harm is taken', () => {
  assert.equal(json.encode(undefined), 'null');
  assert.equal(json.encode({ a: undefined, b: [undefined], c: new Date(0) }),
    '{"b":[null],"c":"1970-01-01T00:00:00.000Z"}');
  assert.equal(json.encode('\\u0000 \\ud800 🙂'), JSON.stringify('\\u0000 \\ud800 🙂'));
});

const durations = [[1, 1], [0.2, 1], ['500ms', 500], ['1.5s', 1500], ['5m', 300_000], ['24h', 86_400_000], ['7d',
  604_800_000]];
for (const [given, ms] of durations) {
  test(`durations: ${given}`, () => assert.equal(milliseconds(given, 'x'), ms));
}
for (const given of [0, -1, NaN, Infinity, '5', '5 weeks', '', null, true, {}, 2 ** 41]) {
  test(`durations: ${JSON.stringify(given)} is refused`, () => {
    assert.throws(() => milliseconds(given, 'The delay'), errors.InvalidArgument);
  });
}

test('moments: dates and milliseconds, never early', () => {
  assert.equal(moment(new Date(5), 'x'), 5);
  assert.equal(moment(5.1, 'x'), 6);
  assert.throws(() => moment(new Date(NaN), 'x'), errors.InvalidArgument);
  assert.throws(() => moment('2026-01-01', 'x'), errors.InvalidArgument);
});
