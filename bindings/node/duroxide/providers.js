'use strict';
// Where instances live: providers are stores of Perdure.

const fs = require('node:fs');
const path = require('node:path');
const json = require('../lib/json.js');
const { Store } = require('../lib/store.js');
const { NotSupported } = require('./errors.js');
const { MAX_CUSTOM_STATUS_BYTES, MAX_KV_VALUE_BYTES } = require('./tasks.js');

const MIB = 1024 * 1024;
/**
 * Room for what fits into the limits of this API, whose values are text: a character takes up to six bytes as
 * JSON. Payloads and histories have no limit there.
 */
const LIMITS = Object.freeze({
  payloadBytes: 64 * MIB,
  customStatusBytes: 6 * MAX_CUSTOM_STATUS_BYTES + 2,
  kvValueBytes: 6 * MAX_KV_VALUE_BYTES + 2,
  historyEvents: 1_000_000,
  historyBytes: 900 * MIB,
  pendingActions: 100_000,
  subOrchestrationDepth: 1_000_000,
});

/** An open store. Any number of clients and runtimes share it. */
class Provider {
  constructor(store) {
    if (!(store instanceof Store)) throw new TypeError(`A provider is made by ${new.target.name}.open or its like.`);
    /** For what only Perdure has: `new perdure.Client(provider.store)`. */
    this.store = store;
  }
}

/** A file, or a store in memory. */
class SqliteProvider extends Provider {
  /** `file`: its path, or a `sqlite:` URL of it. Makes the file and its folders. */
  static async open(file) {
    const name = fileOf(json.text(file, 'The path'));
    if (name === ':memory:') return SqliteProvider.inMemory();
    try {
      fs.mkdirSync(path.dirname(name), { recursive: true });
    } catch (error) {
      throw new Error(`Cannot make the folder of ${name}: ${error.message}`, { cause: error });
    }
    return new SqliteProvider(await Store.open(`sqlite:${name}`, { limits: LIMITS }));
  }

  /** A store of its own, which lives as long as this object and its clients and runtimes. */
  static async inMemory() {
    return new SqliteProvider(await Store.open('memory:', { limits: LIMITS }));
  }
}

function fileOf(text) {
  if (!text.startsWith('sqlite:')) return text;
  const [name] = text.slice('sqlite:'.length).split('?');
  return name.startsWith('//') ? name.slice(2) : name;
}

/** A schema of a PostgreSQL database. */
class PostgresProvider extends Provider {
  /** In the schema `public`, which must have no tables of others. */
  static async connect(url) {
    return PostgresProvider.connectWithSchema(url, 'public');
  }

  /** Makes the schema and its tables if they are not there. */
  static async connectWithSchema(url, schema) {
    checkSchema(schema);
    const text = json.text(url, 'The URL');
    const joint = text.includes('?') ? '&' : '?';
    return new PostgresProvider(await Store.open(`${text}${joint}schema=${schema}`, { limits: LIMITS }));
  }

  /** With tokens of Entra for passwords, in the schema `public`. */
  static async connectWithEntra(host, port, database, user, options) {
    return PostgresProvider.connectWithSchemaAndEntra(host, port, database, user, 'public', options);
  }

  static async connectWithSchemaAndEntra(host, port, database, user, schema, options = {}) {
    checkSchema(schema);
    const place = `${encodeURIComponent(user)}@${host}:${port}/${encodeURIComponent(database)}`;
    let url = `postgresql://${place}?sslmode=require&schema=${schema}`;
    if (options.maxConnections !== undefined) {
      // Two write and watch.
      url += `&pool_size=${Math.min(100, Math.max(1, options.maxConnections - 2))}`;
    }
    const password = kept(options.tokenProvider ?? azure(options.audience), options.refreshIntervalMs ?? 0);
    const opening = { limits: LIMITS, password };
    if (options.acquireTimeoutMs !== undefined) opening.busyTimeout = options.acquireTimeoutMs;
    return new PostgresProvider(await Store.open(url, opening));
  }
}

/** Asks for a token when the last one is older than it may be; always, without an interval. */
function kept(provider, ms) {
  let last;
  return async () => {
    if (last === undefined || performance.now() - last.at >= ms) {
      last = { at: performance.now(), token: await provider() };
    }
    return last.token;
  };
}

/** What tokens for Azure's PostgreSQL are for. */
const ENTRA_AUDIENCE = 'https://ossrdbms-aad.database.windows.net';

function azure(audience = ENTRA_AUDIENCE) {
  let identity;
  try {
    identity = require('@azure/identity');
  } catch {
    throw new NotSupported(
      'Failed to connect to PostgreSQL: tokens of Entra need the package @azure/identity, or the option '
        + 'tokenProvider, a function that gives one. Without, use PostgresProvider.connectWithSchema(url, schema) '
        + 'with a password or a certificate.',
    );
  }
  const credential = new identity.DefaultAzureCredential();
  return async () => (await credential.getToken(`${audience.replace(/\/+$/, '')}/.default`)).token;
}

function checkSchema(schema) {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(schema)) {
    throw new Error(
      `Failed to connect to PostgreSQL: Invalid schema_name '${schema}': letters, digits and underscores, and no `
        + 'digit first.',
    );
  }
}

/** The store of a provider. `what` needs it. */
function storeOf(provider, what) {
  if (provider instanceof Provider) return provider.store;
  const given = json.describe(provider);
  throw new TypeError(`${what} needs a provider, such as await SqliteProvider.open(path), not ${given}.`);
}

module.exports = { Provider, PostgresProvider, SqliteProvider, LIMITS, storeOf };
