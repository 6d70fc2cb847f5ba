'use strict';
// Tests of orchestrations: virtual time, stubs, recorded histories, simulated crashes. See docs/node.md.

const { TestEnvironment } = require('./environment.js');
const { preflight, replay } = require('./replay.js');
const { simulate, SimulationFailed, SimulationFailure, SimulationReport } = require('./simulate.js');
const { Simulation, World } = require('./simulation.js');
const { NEVER, NotRegistered } = require('./stubs.js');

module.exports = {
  NEVER,
  NotRegistered,
  Simulation,
  SimulationFailed,
  SimulationFailure,
  SimulationReport,
  TestEnvironment,
  World,
  preflight,
  replay,
  simulate,
};
