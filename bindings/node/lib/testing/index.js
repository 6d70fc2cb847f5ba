'use strict';
// Tests of orchestrations: virtual time, stubs, recorded histories, simulated crashes. See docs/node.md.

const { TestEnvironment } = require('./environment.js');
const { preflight, replay } = require('./replay.js');
const { NEVER, NotRegistered } = require('./stubs.js');

module.exports = { NEVER, NotRegistered, TestEnvironment, preflight, replay };
