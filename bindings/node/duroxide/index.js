'use strict';
// The Node API of Duroxide on Perdure: programs run after changing one require. See docs/duroxide.md.

const { ActivityContext } = require('./activities.js');
const { Client } = require('./client.js');
const { OrchestrationContext } = require('./context.js');
const { NotSupported } = require('./errors.js');
const { PostgresProvider, SqliteProvider } = require('./providers.js');
const { Runtime } = require('./runtime.js');
const { MAX_KV_KEYS, MAX_KV_VALUE_BYTES, MAX_TAG_NAME_BYTES, MAX_WORKER_TAGS } = require('./tasks.js');
const { initTracing } = require('./tracing.js');

module.exports = {
  ActivityContext,
  Client,
  MAX_KV_KEYS,
  MAX_KV_VALUE_BYTES,
  MAX_TAG_NAME_BYTES,
  MAX_WORKER_TAGS,
  NotSupported,
  OrchestrationContext,
  PostgresProvider,
  Runtime,
  SqliteProvider,
  initTracing,
};
