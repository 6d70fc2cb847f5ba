// The Node API of Duroxide on Perdure. See docs/duroxide.md.

import { Store } from 'perdure';

export const MAX_WORKER_TAGS: 5;
export const MAX_TAG_NAME_BYTES: 256;
export const MAX_KV_KEYS: 150;
export const MAX_KV_VALUE_BYTES: 65536;

/** Something that Perdure has no counterpart of. Names what to use in its place. */
export class NotSupported extends Error {}

// ---- Providers --------------------------------------------------------------------------------------

declare class Provider {
  protected constructor();
  /** For what only Perdure has: `new perdure.Client(provider.store)`. */
  readonly store: Store;
}

export class SqliteProvider extends Provider {
  /** A file path or a `sqlite:` URL. Makes the file and its folders. */
  static open(path: string): Promise<SqliteProvider>;
  static inMemory(): Promise<SqliteProvider>;
}

export interface EntraOptions {
  audience?: string;
  maxConnections?: number;
  acquireTimeoutMs?: number;
  /** How long a token is used for new connections, besides the limits of its own. */
  refreshIntervalMs?: number;
  /** Gives a token; without, it is the DefaultAzureCredential of @azure/identity. Only Perdure has it. */
  tokenProvider?: () => string | Promise<string>;
}

/** A schema of a PostgreSQL database. */
export class PostgresProvider extends Provider {
  static connect(url: string): Promise<PostgresProvider>;
  static connectWithSchema(url: string, schema: string): Promise<PostgresProvider>;
  static connectWithEntra(
    host: string, port: number, database: string, user: string, options?: EntraOptions,
  ): Promise<PostgresProvider>;
  static connectWithSchemaAndEntra(
    host: string, port: number, database: string, user: string, schema: string, options?: EntraOptions,
  ): Promise<PostgresProvider>;
}

// ---- Results ----------------------------------------------------------------------------------------

export interface OrchestrationStatus {
  status: 'NotFound' | 'Running' | 'Completed' | 'Failed';
  /** JSON text from `getStatus`, else parsed. */
  output?: any;
  error?: string;
  customStatus?: string;
  customStatusVersion: number;
}

export interface SystemMetrics {
  totalInstances: number;
  totalExecutions: number;
  runningInstances: number;
  completedInstances: number;
  failedInstances: number;
  totalEvents: number;
}

export interface OrchestrationStats {
  historyEventCount: number;
  historySizeBytes: number;
  queuePendingCount: number;
  kvUserKeyCount: number;
  kvTotalValueBytes: number;
}

export interface QueueDepths {
  orchestratorQueue: number;
  workerQueue: number;
  timerQueue: number;
}

export interface InstanceInfo {
  instanceId: string;
  orchestrationName: string;
  orchestrationVersion: string;
  currentExecutionId: number;
  status: string;
  /** Parsed; the error text of one that failed. */
  output?: any;
  createdAt: number;
  updatedAt: number;
  parentInstanceId?: string;
}

export interface ExecutionInfo {
  executionId: number;
  status: string;
  output?: any;
  startedAt: number;
  completedAt?: number;
  eventCount: number;
}

export interface InstanceTree {
  rootId: string;
  allIds: string[];
  size: number;
}

export interface DeleteInstanceResult {
  instancesDeleted: number;
  executionsDeleted: number;
  eventsDeleted: number;
  queueMessagesDeleted: number;
}

export interface PruneResult {
  instancesProcessed: number;
  executionsDeleted: number;
  eventsDeleted: number;
}

export interface InstanceFilter {
  instanceIds?: string[];
  completedBefore?: number;
  limit?: number;
}

export interface PruneOptions {
  keepLast?: number;
  completedBefore?: number;
}

export interface HistoryEvent {
  eventId: number;
  kind: string;
  sourceEventId?: number;
  timestampMs: number;
  /** JSON text. */
  data?: string;
}

export interface MetricsSnapshot {
  orchStarts: number;
  orchCompletions: number;
  orchFailures: number;
  orchApplicationErrors: number;
  orchInfrastructureErrors: number;
  orchConfigurationErrors: number;
  orchPoison: number;
  activitySuccess: number;
  activityAppErrors: number;
  activityInfraErrors: number;
  activityConfigErrors: number;
  activityPoison: number;
  orchDispatcherItemsFetched: number;
  workerDispatcherItemsFetched: number;
  orchContinueAsNew: number;
  suborchestrationCalls: number;
  providerErrors: number;
}

// ---- Client -----------------------------------------------------------------------------------------

export class Client {
  constructor(provider: Provider);
  startOrchestration(instanceId: string, name: string, input?: unknown): Promise<void>;
  startOrchestrationTyped(instanceId: string, name: string, input?: unknown): Promise<void>;
  startOrchestrationVersioned(instanceId: string, name: string, input: unknown, version: string): Promise<void>;
  startOrchestrationVersionedTyped(instanceId: string, name: string, input: unknown, version: string): Promise<void>;
  raiseEvent(instanceId: string, name: string, data?: unknown): Promise<void>;
  raiseEventTyped(instanceId: string, name: string, data?: unknown): Promise<void>;
  enqueueEvent(instanceId: string, queue: string, data?: unknown): Promise<void>;
  enqueueEventTyped(instanceId: string, queue: string, data?: unknown): Promise<void>;
  cancelInstance(instanceId: string, reason?: string | null): Promise<void>;
  getStatus(instanceId: string): Promise<OrchestrationStatus>;
  waitForOrchestration(instanceId: string, timeoutMs?: number): Promise<OrchestrationStatus>;
  waitForOrchestrationTyped<Out = any>(instanceId: string, timeoutMs?: number): Promise<Out>;
  /** Nothing is polled: `pollIntervalMs` has no effect. */
  waitForStatusChange(
    instanceId: string, lastSeenVersion?: number, pollIntervalMs?: number, timeoutMs?: number,
  ): Promise<OrchestrationStatus>;
  getValue(instanceId: string, key: string): Promise<string | null>;
  getKvAllValues(instanceId: string): Promise<Record<string, string>>;
  waitForValue(instanceId: string, key: string, timeoutMs?: number): Promise<string>;
  getSystemMetrics(): Promise<SystemMetrics>;
  getOrchestrationStats(instanceId: string): Promise<OrchestrationStats | null>;
  getQueueDepths(): Promise<QueueDepths>;
  listAllInstances(): Promise<string[]>;
  listInstancesByStatus(status: string): Promise<string[]>;
  getInstanceInfo(instanceId: string): Promise<InstanceInfo>;
  getExecutionInfo(instanceId: string, executionId: number): Promise<ExecutionInfo>;
  listExecutions(instanceId: string): Promise<number[]>;
  readExecutionHistory(instanceId: string, executionId: number): Promise<HistoryEvent[]>;
  getInstanceTree(instanceId: string): Promise<InstanceTree>;
  deleteInstance(instanceId: string, force?: boolean): Promise<DeleteInstanceResult>;
  deleteInstanceBulk(filter?: InstanceFilter): Promise<DeleteInstanceResult>;
  pruneExecutions(instanceId: string, options?: PruneOptions): Promise<PruneResult>;
  pruneExecutionsBulk(filter?: InstanceFilter, options?: PruneOptions): Promise<PruneResult>;
  /** Waits that are open are rejected. The provider stays open. */
  close(): void;
}

// ---- Runtime ----------------------------------------------------------------------------------------

export type TagFilter = 'defaultOnly' | 'any' | 'none' | { tags: string[] } | { defaultAnd: string[] };

export interface RuntimeOptions {
  /** 0: no orchestrations. Above that, no effect. */
  orchestrationConcurrency?: number;
  /** Activities at once, 16 by default. 0: none. */
  workerConcurrency?: number;
  maxSessionsPerRuntime?: number;
  sessionIdleTimeoutMs?: number;
  workerNodeId?: string;
  workerTagFilter?: TagFilter;
  /** This and the rest have no effect. */
  dispatcherPollIntervalMs?: number;
  workerLockTimeoutMs?: number;
  logFormat?: string;
  logLevel?: string;
  serviceName?: string;
  serviceVersion?: string;
  orchestratorLockTimeoutMs?: number;
  orchestratorLockRenewalBufferMs?: number;
  maxAttempts?: number;
  workerLockRenewalBufferMs?: number;
  sessionLockTimeoutMs?: number;
  sessionLockRenewalBufferMs?: number;
}

export type ActivityFunction<In = any, Out = any> = (ctx: ActivityContext, input: In) => Out | PromiseLike<Out>;
export type OrchestrationFunction<In = any, Out = any> = (
  ctx: OrchestrationContext, input: In,
) => Generator<Task<any>, Out, any>;

export class Runtime {
  constructor(provider: Provider, options?: RuntimeOptions | null);
  registerActivity(name: string, fn: ActivityFunction): void;
  registerActivityTyped(name: string, fn: ActivityFunction): void;
  registerOrchestration(name: string, fn: OrchestrationFunction): void;
  registerOrchestrationTyped(name: string, fn: OrchestrationFunction): void;
  registerOrchestrationVersioned(name: string, version: string, fn: OrchestrationFunction): void;
  registerOrchestrationVersionedTyped(name: string, version: string, fn: OrchestrationFunction): void;
  start(): Promise<void>;
  shutdown(timeoutMs?: number): Promise<void>;
  metricsSnapshot(): MetricsSnapshot | null;
}

// ---- Orchestrations and activities ------------------------------------------------------------------

/** What an orchestration yields. `Out` is for readers: a yield has no type of its own. */
export interface Task<Out = any> {
  readonly type: string;
  readonly ' out'?: Out;
}

export interface ScheduledTask<Out = any> extends Task<Out> {
  tag?: string;
  withTag(tag: string): this;
}

export interface RetryPolicy {
  maxAttempts: number;
  backoff?: 'exponential' | 'linear' | 'fixed';
  /** Of one attempt, which is not tried again then. */
  timeoutMs?: number;
  /** The same. */
  totalTimeoutMs?: number;
}

export type Outcome<Out = any> = { ok: Out; err?: undefined } | { err: string; ok?: undefined };
export interface RaceResult<Out = any> {
  index: 0 | 1;
  value: Out;
}

export class OrchestrationContext {
  private constructor();
  readonly instanceId: string;
  readonly executionId: number;
  readonly orchestrationName: string;
  readonly orchestrationVersion: string;

  scheduleActivity<Out = any>(name: string, input?: unknown, options?: { sessionId?: string }): ScheduledTask<Out>;
  scheduleActivityTyped<Out = any>(name: string, input?: unknown, options?: { sessionId?: string }): ScheduledTask<Out>;
  scheduleActivityOnSession<Out = any>(name: string, input: unknown, sessionId: string): ScheduledTask<Out>;
  scheduleActivityOnSessionTyped<Out = any>(name: string, input: unknown, sessionId: string): ScheduledTask<Out>;
  scheduleActivityWithRetry<Out = any>(name: string, input: unknown, retry: RetryPolicy): Task<Out>;
  scheduleActivityWithRetryTyped<Out = any>(name: string, input: unknown, retry: RetryPolicy): Task<Out>;
  scheduleActivityWithRetryOnSession<Out = any>(
    name: string, input: unknown, retry: RetryPolicy, sessionId: string,
  ): Task<Out>;
  scheduleActivityWithRetryOnSessionTyped<Out = any>(
    name: string, input: unknown, retry: RetryPolicy, sessionId: string,
  ): Task<Out>;
  scheduleTimer(delayMs: number): Task<null>;
  waitForEvent<Out = any>(name: string): Task<Out>;
  waitForEventTyped<Out = any>(name: string): Task<Out>;
  dequeueEvent<Out = any>(queue: string): Task<Out>;
  dequeueEventTyped<Out = any>(queue: string): Task<Out>;
  scheduleSubOrchestration<Out = any>(name: string, input?: unknown): Task<Out>;
  scheduleSubOrchestrationTyped<Out = any>(name: string, input?: unknown): Task<Out>;
  scheduleSubOrchestrationWithId<Out = any>(name: string, instanceId: string, input?: unknown): Task<Out>;
  scheduleSubOrchestrationWithIdTyped<Out = any>(name: string, instanceId: string, input?: unknown): Task<Out>;
  scheduleSubOrchestrationVersioned<Out = any>(name: string, version?: string | null, input?: unknown): Task<Out>;
  scheduleSubOrchestrationVersionedWithId<Out = any>(
    name: string, version: string | null | undefined, instanceId: string, input?: unknown,
  ): Task<Out>;
  startOrchestration(name: string, instanceId: string, input?: unknown): Task<null>;
  startOrchestrationTyped(name: string, instanceId: string, input?: unknown): Task<null>;
  startOrchestrationVersioned(
    name: string, version: string | null | undefined, instanceId: string, input?: unknown,
  ): Task<null>;
  startOrchestrationVersionedTyped(
    name: string, version: string | null | undefined, instanceId: string, input?: unknown,
  ): Task<null>;
  continueAsNew(input?: unknown): Task<never>;
  continueAsNewTyped(input?: unknown): Task<never>;
  continueAsNewVersioned(input: unknown, version?: string | null): Task<never>;
  getValueFromInstance(instanceId: string, key: string): Task<string | null>;
  newGuid(): Task<string>;
  utcNow(): Task<number>;
  all(tasks: Iterable<Task<any>>): Task<Outcome[]>;
  allTyped(tasks: Iterable<Task<any>>): Task<Outcome[]>;
  race(first: Task<any>, second: Task<any>): Task<RaceResult>;
  raceTyped(first: Task<any>, second: Task<any>): Task<RaceResult>;

  setCustomStatus(status: string): void;
  resetCustomStatus(): void;
  getCustomStatus(): string | null;
  setValue(key: string, value: string): void;
  getValue(key: string): string | null;
  clearValue(key: string): void;
  clearAllValues(): void;
  getKvAllValues(): Record<string, string>;
  getKvAllKeys(): string[];
  getKvLength(): number;
  pruneKvValuesUpdatedBefore(cutoffMs: number): number;

  traceInfo(message: unknown): void;
  traceWarn(message: unknown): void;
  traceError(message: unknown): void;
  traceDebug(message: unknown): void;
}

export class ActivityContext {
  private constructor();
  readonly instanceId: string;
  readonly executionId: number;
  readonly orchestrationName: string;
  readonly orchestrationVersion: string;
  readonly activityName: string;
  readonly workerId: string;
  readonly sessionId: string | null;
  tag(): string | null;
  isCancelled(): boolean;
  getClient(): Client;
  traceInfo(message: unknown): void;
  traceWarn(message: unknown): void;
  traceError(message: unknown): void;
  traceDebug(message: unknown): void;
}

export interface TracingOptions {
  logFile: string;
  logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  logFormat?: 'json' | 'pretty' | 'compact';
}

/** Once in a process, and before the first runtime is started. */
export function initTracing(options: TracingOptions): void;
