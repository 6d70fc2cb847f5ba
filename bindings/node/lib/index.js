'use strict';
// Perdure: durable execution as a library. See docs/node.md.

const errors = require('./errors.js');
const native = require('./native.js');
const { Activity, Orchestration, activity, orchestration } = require('./definitions.js');
const { ActivityContext } = require('./activities.js');
const { Client } = require('./client.js');
const { Description } = require('./descriptions.js');
const { Management } = require('./management.js');
const { Metrics } = require('./metrics.js');
const { PreflightReport, ReplayReport } = require('./reports.js');
const { Runtime } = require('./runtime.js');
const { Store } = require('./store.js');
const { logTo } = require('./logs.js');
const { OrchestrationContext } = require('./turns/index.js');

/** The release of the loaded library. Throws LibraryNotLoaded. */
function libraryVersion() {
  return native.load().version();
}

const { fromCode, toFailure, fromFailure, ...classes } = errors;

module.exports = {
  ...classes,
  Activity,
  ActivityContext,
  Client,
  Description,
  Management,
  Metrics,
  Orchestration,
  OrchestrationContext,
  PreflightReport,
  ReplayReport,
  Runtime,
  Store,
  activity,
  libraryVersion,
  logTo,
  orchestration,
};
