// Perdure: durable execution as a library. See docs/node.md.

declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}

// ---- Values -----------------------------------------------------------------------------------------

/** Milliseconds, as with setTimeout, or text such as '500ms', '30s', '5m', '24h' and '7d'. */
export type Duration = number | string;
/** A Date, or milliseconds since 1970. */
export type Moment = Date | number;

export type Status =
  | 'Pending' | 'Running' | 'Suspended' | 'Completed' | 'Failed' | 'Cancelled' | 'Terminated' | 'Quarantined';
export type ClosePolicy = 'cancel' | 'terminate' | 'abandon';
export type StartPolicy = 'fail' | 'useExisting' | 'restartIfFinished' | 'terminateAndRestart';
export type Overlap = 'skip' | 'bufferOne' | 'bufferAll' | 'cancelOther' | 'allow';
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What stands behind a definition: the input, if there is one, and the options. */
type Arguments<In, Options> = [In] extends [void]
  ? [input?: null, options?: Options]
  : undefined extends In
    ? [input?: In, options?: Options]
    : [input: In, options?: Options];

type Result<Returned> = Returned extends Generator<any, infer Out, any> ? Out : Awaited<Returned>;

// ---- Definitions ------------------------------------------------------------------------------------

export interface RetryOptions {
  /** The first one included; 0: no limit. Default 3. */
  maxAttempts?: number;
  /** Default 'exponential'. */
  backoff?: 'none' | 'fixed' | 'linear' | 'exponential';
  /** Default 100 ms. */
  initialInterval?: Duration;
  /** Default 2. */
  coefficient?: number;
  /** Default 30 s. */
  maxInterval?: Duration;
  /** Up to this part (0...1) of a pause is left out. Default 0. */
  jitter?: number;
  /** Failures that end the activity at once: error classes or names of types. */
  nonRetryable?: ReadonlyArray<string | (abstract new (...args: any[]) => Error)>;
}

/** How one activity is to be run; null takes back what the definition says. */
export interface ActivityOptions {
  /** Without it there is one attempt. */
  retry?: RetryOptions | null;
  /** From the schedule to the first attempt. Not retried. */
  scheduleToStart?: Duration | null;
  /** One attempt. Retried like any failure. */
  startToClose?: Duration | null;
  /** Waiting, attempts and pauses. Not retried. */
  scheduleToClose?: Duration | null;
  /** Between two heartbeats of an attempt. Retried like any failure. */
  heartbeat?: Duration | null;
  /** Only runtimes that serve this tag run it. */
  tag?: string | null;
  /** Activities of one session run in one runtime. */
  session?: string | null;
  /** -1000...1000, higher first. */
  priority?: number | null;
}

export interface ActivityDefinitionOptions extends ActivityOptions {
  /** Attempts at once in one runtime. */
  concurrency?: number;
  /** Attempts begun in one runtime per period (default 1 s). */
  rate?: { count: number; per?: Duration };
}

declare const types: unique symbol;

/** What `activity` made. */
export interface Activity<In = any, Out = any> {
  readonly name: string;
  readonly fn: (ctx: ActivityContext, input: any) => unknown;
  readonly [types]?: { in: In; out: Out };
}
export const Activity: abstract new () => Activity;

/** What `orchestration` made. */
export interface Orchestration<In = any, Out = any> {
  readonly name: string;
  readonly version: string;
  readonly fn: (ctx: OrchestrationContext, input: any) => unknown;
  readonly [types]?: { in: In; out: Out };
  readonly options: { version?: string };
}
export const Orchestration: abstract new () => Orchestration;

export type Definition = Activity<any, any> | Orchestration<any, any>;

/** Names a function that may do anything. */
export function activity<In = void, Returned = unknown>(
  name: string, fn: (ctx: ActivityContext, input: In) => Returned, options?: ActivityDefinitionOptions,
): Activity<In, Awaited<Returned>>;

/** Names a deterministic function: async, or a generator that yields what it waits for. */
export function orchestration<In = void, Returned = unknown>(
  name: string, fn: (ctx: OrchestrationContext, input: In) => Returned, options?: { version?: string },
): Orchestration<In, Result<Returned>>;

// ---- Orchestrations ---------------------------------------------------------------------------------

/** Durable work that has been started: await it, give it to Promise.all and its like, or cancel it. */
export interface Handle<Out> extends Promise<Out> {
  /** The number of the action in the history. */
  readonly action: number;
  readonly isDone: boolean;
  /** Gives the work up; its awaits throw `Cancelled`. False if it was done before. */
  cancel(): boolean;
}

/** A branch of the code that can be cancelled. */
export interface Task<Out> extends Promise<Out> {
  cancel(): void;
}

export interface Log {
  debug(...message: unknown[]): void;
  info(...message: unknown[]): void;
  warn(...message: unknown[]): void;
  error(...message: unknown[]): void;
}

/** A call that a client waits for. Exactly one `answer` or `reject`. */
export interface Call<In = any> {
  readonly id: string;
  readonly name: string;
  readonly input: In;
  readonly isAnswered: boolean;
  answer(result?: unknown): void;
  reject(reason: string | Failure | Error): void;
}

export interface KeyValue {
  get<Value = any>(key: string): Value | undefined;
  get<Value = any>(key: string, missing: Value): Value;
  set(key: string, value: unknown): void;
  has(key: string): boolean;
  keys(): string[];
  all(): Record<string, any>;
  readonly size: number;
  clear(key: string): void;
  clearAll(): void;
  pruneBefore(time: Moment): number;
}

type StartDetachedOptions = { version?: string; instance?: string };
type SubOrchestrationOptions = StartDetachedOptions & { closePolicy?: ClosePolicy };

/** The durable side of an orchestration. */
export class OrchestrationContext {
  private constructor();
  readonly instanceId: string;
  /** Counts up with each continueAsNew, from 1. */
  readonly executionId: number;
  readonly name: string;
  readonly version: string;
  readonly parent: { instance: string; execution: number; action: number } | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly kv: KeyValue;
  readonly log: Log;
  /** An earlier turn has been here. Good for printing; deciding by it breaks the replay. */
  readonly isReplaying: boolean;
  /** The history has passed 80 % of a limit: time for `continueAsNew`. */
  readonly shouldContinueAsNew: boolean;
  /** Aborted by a cancellation of the instance. */
  readonly signal: AbortSignal;

  /** Schedules an activity; awaited, it throws `ActivityFailed`. */
  activity<In, Out>(activity: Activity<In, Out>, ...rest: Arguments<In, ActivityOptions>): Handle<Out>;
  activity<Out = any>(name: string, input?: unknown, options?: ActivityOptions): Handle<Out>;
  /** Runs another orchestration as a child; awaited, it throws `SubOrchestrationFailed`. */
  subOrchestration<In, Out>(
    orchestration: Orchestration<In, Out>, ...rest: Arguments<In, SubOrchestrationOptions>
  ): Handle<Out>;
  subOrchestration<Out = any>(name: string, input?: unknown, options?: SubOrchestrationOptions): Handle<Out>;
  /** Starts an orchestration that goes its own way. Returns its id. */
  startDetached<In>(orchestration: Orchestration<In, any>, ...rest: Arguments<In, StartDetachedOptions>): string;
  startDetached(name: string, input?: unknown, options?: StartDetachedOptions): string;
  timer(delay: Duration): Handle<void>;
  sleep(delay: Duration): Handle<void>;
  sleepUntil(when: Moment): Handle<void>;

  /** What the first of them to end comes to; the others are cancelled. */
  race<Works extends readonly PromiseLike<any>[]>(works: Works): Promise<Awaited<Works[number]>>;
  /** The same for handles by name: [name, result] of the first. */
  select<Works extends Record<string, PromiseLike<any>>>(
    works: Works,
  ): Promise<{ [Name in keyof Works]: [Name, Awaited<Works[Name]>] }[keyof Works]>;
  /** Throws `TimedOut`, and gives the work up, when it takes longer. */
  withTimeout<Out>(delay: Duration, work: PromiseLike<Out>): Promise<Out>;
  task<Out>(run: () => Out): Task<Result<Out>>;
  /** Awaits work without giving it up when the instance is cancelled. */
  shield<Out>(work: PromiseLike<Out>): Promise<Out>;

  waitForEvent<Data = any>(name: string): Handle<Data>;
  dequeue<Message = any>(queue: string): Handle<Message>;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  waitForTopic<Data = any>(topic: string): Handle<Data>;
  publish(topic: string, data?: unknown): void;
  raiseEvent(instance: string, name: string, data?: unknown, options?: { keep?: boolean }): Handle<void>;
  enqueue(instance: string, queue: string, message?: unknown, options?: { keep?: boolean }): Handle<void>;
  cancelInstance(instance: string, reason?: string): Handle<void>;
  readKV<Value = any>(instance: string, key: string): Handle<Value | undefined>;
  nextCall<In = any>(name: string): Handle<Call<In>>;
  onCall<In = any>(
    name: string, handler: (input: In) => unknown, options?: { validator?: (input: In) => void },
  ): void;
  onQuery<In = any>(name: string, handler: (input: In) => unknown): void;

  /** What `client.describe` shows as `customStatus`; null clears it. */
  setCustomStatus(value: unknown): void;
  /** Ends this execution and begins the next with an empty history. */
  continueAsNew(input?: unknown, options?: { version?: string }): never;
  patched(patch: string): boolean;
  deprecatePatch(patch: string): void;
  metric(
    name: string, value: number,
    options?: { kind?: 'counter' | 'gauge' | 'histogram'; attributes?: Record<string, string> },
  ): void;
  now(): Date;
  readonly nowMS: number;
  newGuid(): string;
  random(): number;
}

// ---- Activities -------------------------------------------------------------------------------------

/** One attempt of an activity. */
export class ActivityContext {
  private constructor();
  readonly instanceId: string;
  readonly executionId: number;
  readonly orchestration: string;
  readonly name: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** The same for each attempt: what to give to a service that must not do the work twice. */
  readonly idempotencyKey: string;
  /** Names this attempt for `Client.completeActivity`, from any process. */
  readonly token: string;
  readonly deadline: Date | null;
  /** The details of the last heartbeat of an earlier attempt. */
  readonly lastHeartbeat: any;
  readonly tag: string | null;
  readonly session: string | null;
  readonly priority: number;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  /** Aborted when the result is no longer wanted. */
  readonly signal: AbortSignal;
  readonly isCancelled: boolean;
  readonly client: Client;
  readonly log: Log;
  /** Throws `Stale` when the result is no longer wanted. */
  heartbeat(details?: unknown): void;
  /** `return ctx.defer()`: the attempt is ended by its token. */
  defer(): never;
}

// ---- Store ------------------------------------------------------------------------------------------

export interface Limits {
  payloadBytes: number;
  customStatusBytes: number;
  kvKeys: number;
  kvValueBytes: number;
  historyEvents: number;
  historyBytes: number;
  pendingActions: number;
  inboxMessages: number;
  /** Generations of children below an instance without a parent: the call of one more fails. */
  subOrchestrationDepth: number;
}

export interface StoreOptions {
  /** How long a call waits for another process's write lock. Default 5 s. */
  busyTimeout?: Duration;
  limits?: Partial<Limits>;
  /** Virtual time is for tests. */
  clock?: { mode: 'system' | 'virtual'; start?: Moment };
  /** Gives the password for a PostgreSQL server; asked for each connection that is opened. */
  password?: () => string | Promise<string>;
}

export class Store {
  private constructor();
  /** "sqlite:PATH" or "postgresql://USER@HOST/DATABASE?schema=NAME", made if it does not exist, or "memory:". */
  static open(url: string, options?: StoreOptions): Promise<Store>;
  readonly url: string;
  readonly limits: Readonly<Limits>;
  readonly isOpen: boolean;
  metrics(): Metrics;
  openMetrics(): string;
  now(): Date;
  /** Moves virtual time. */
  advance(duration: Duration, options?: { timeout?: Duration }): Promise<Date>;
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface MetricFamily {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  unit?: string;
  help: string;
  source?: string;
  series: Array<{
    labels: Record<string, string>;
    value?: number;
    count?: number;
    sum?: number;
    buckets?: Array<{ le: number; count: number }>;
  }>;
}

export class Metrics implements Iterable<MetricFamily> {
  private constructor();
  readonly at: number;
  readonly since: number;
  family(name: string): MetricFamily | undefined;
  names(): string[];
  value(name: string, labels?: Record<string, string>): number;
  by(name: string, label: string): Map<string, number>;
  [Symbol.iterator](): Iterator<MetricFamily>;
}

// ---- Runtime ----------------------------------------------------------------------------------------

export interface RuntimeOptions {
  /** Activities at once. Default 16. */
  activitySlots?: number;
  /** Executions kept between turns; the rest is replayed when it goes on. Default 10,000. */
  cachedInstances?: number;
  /** false replays at every turn, to find code that is not deterministic. */
  cache?: boolean;
  activityTags?: 'any' | readonly string[];
  untaggedActivities?: boolean;
  sessions?: number;
  sessionIdle?: Duration;
  activityGrace?: Duration;
  nondeterminism?: 'quarantine' | 'fail';
  replayOnly?: boolean;
  schedules?: boolean;
  /** false leaves Date, Math.random, timers and fetch as they are in orchestration code. */
  guards?: boolean;
}

export class Runtime {
  constructor(store: Store, definitions?: readonly Definition[], options?: RuntimeOptions);
  readonly store: Store;
  /** Before `start` only. */
  register(...definitions: Definition[]): void;
  start(): Promise<this>;
  /** Running activities get `grace`, default 5 s. */
  stop(options?: { grace?: Duration }): Promise<void>;
  /** Stops without grace. */
  close(): Promise<void>;
  replay(history: string, options?: { timeout?: Duration }): Promise<ReplayReport>;
  preflight(options?: {
    orchestration?: string; statuses?: readonly Status[]; limit?: number; includeQuarantined?: boolean;
    ignoreNotRegistered?: boolean; timeout?: Duration;
  }): Promise<PreflightReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

export type Verdict = 'same' | 'differs' | 'endedDifferently' | 'malformed' | 'notRegistered' | 'failed';

export class ReplayReport {
  private constructor();
  readonly verdict: Verdict;
  readonly message: string;
  readonly replayed: number;
  readonly instance?: string;
  readonly execution?: number;
  readonly orchestration?: string;
  readonly version?: string;
  readonly rule?: string;
  readonly event?: number;
  readonly eventKind?: string;
  readonly expected?: string;
  readonly found?: string;
  readonly isSame: boolean;
  throwIfDifferent(): void;
  toString(): string;
}

export interface PreflightGroup {
  verdict: Verdict; orchestration: string; version?: string; message: string; count: number;
  instances: string[]; rule?: string; event?: number; eventKind?: string; expected?: string; found?: string;
}

export class PreflightReport {
  private constructor();
  readonly checked: number;
  readonly same: number;
  readonly pending: number;
  readonly groups: PreflightGroup[];
  readonly notRegistered: PreflightGroup[];
  readonly ungrouped?: number;
  readonly isClean: boolean;
  toString(): string;
}

// ---- Client -----------------------------------------------------------------------------------------

/** The id of an instance, which remembers what its orchestration returns. */
export type InstanceId<Out = any> = string & { readonly [types]?: { out: Out } };

export interface StartOptions {
  instance?: string;
  version?: string;
  policy?: StartPolicy;
  startAt?: Moment;
  delay?: Duration;
  priority?: number;
  attributes?: Record<string, string>;
  memo?: unknown;
  dedupKey?: string;
  traceparent?: string;
  tracestate?: string;
}

export interface StartRequest extends StartOptions {
  orchestration: string | Orchestration<any, any>;
  input?: unknown;
}

/** An event of a history, as docs/wire-format.md describes it. */
export interface HistoryEvent {
  id: number;
  at: number;
  kind: string;
  [member: string]: any;
}

export class Description<Out = any> {
  private constructor();
  readonly instance: string;
  readonly orchestration: string;
  readonly version: string | null;
  readonly status: Status;
  readonly execution: number;
  readonly parent: { instance: string; execution: number; action: number } | null;
  readonly customStatus: any;
  readonly customStatusVersion: number;
  readonly output: Out | null;
  readonly failure: Failure | null;
  readonly pendingReason: string | null;
  readonly suspendReason: string | null;
  readonly startAt: number | null;
  readonly priority: number;
  readonly attributes: Record<string, string>;
  readonly memo: any;
  readonly dedupKey: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly endedAt: number | null;
  readonly eventCount: number;
  readonly isEnded: boolean;
  /** Throws OrchestrationFailed or OrchestrationCancelled. */
  result(): Out;
}

/** Those that match all that is given. Times: from the first on, before the second. */
export interface InstanceFilter {
  orchestration?: string | Orchestration<any, any>;
  version?: string;
  status?: Status | readonly Status[];
  createdFrom?: Moment;
  createdTo?: Moment;
  updatedFrom?: Moment;
  updatedTo?: Moment;
  endedFrom?: Moment;
  endedTo?: Moment;
  attributes?: Record<string, string>;
  /** Of the instance id. */
  prefix?: string;
  parent?: string;
  /** Only those that nobody called. */
  rootsOnly?: boolean;
  /** Of creation. */
  order?: 'oldest' | 'newest';
}

export class Client {
  constructor(store: Store);
  readonly store: Store;
  start<In, Out>(
    orchestration: Orchestration<In, Out>, ...rest: Arguments<In, StartOptions>
  ): Promise<InstanceId<Out>>;
  start<Out = any>(name: string, input?: unknown, options?: StartOptions): Promise<InstanceId<Out>>;
  startMany(requests: readonly StartRequest[]): Promise<Array<string | PerdureError>>;
  raiseEvent(instance: string, name: string, data?: unknown, options?: { keep?: boolean }): Promise<boolean>;
  enqueue(instance: string, queue: string, message?: unknown, options?: { keep?: boolean }): Promise<boolean>;
  publish(topic: string, data?: unknown): Promise<number>;
  call<Out = any>(
    instance: string, name: string, input?: unknown, options?: { timeout?: Duration; callId?: string },
  ): Promise<Out>;
  query<Out = any>(
    instance: string, name: string, input?: unknown, options?: { timeout?: Duration },
  ): Promise<Out>;
  cancel(instance: string, reason?: string, options?: { grace?: Duration }): Promise<Status>;
  suspend(instance: string, reason?: string): Promise<Status>;
  resume(instance: string, reason?: string): Promise<Status>;
  terminate(instance: string, reason?: string): Promise<Status>;
  retry(instance: string, reason?: string): Promise<Status>;
  delete(instance: string, options?: { force?: boolean }): Promise<string[]>;
  completeActivity(token: string, result?: unknown): Promise<void>;
  failActivity(token: string, error: Error | Failure): Promise<void>;
  heartbeatActivity(token: string, details?: unknown): Promise<void>;
  describe<Out = any>(instance: InstanceId<Out>): Promise<Description<Out>>;
  status(instance: string): Promise<Status>;
  wait<Out = any>(instance: InstanceId<Out>, options?: { timeout?: Duration }): Promise<Description<Out>>;
  waitForStatus<Out = any>(
    instance: InstanceId<Out>, options?: { afterVersion?: number; timeout?: Duration },
  ): Promise<Description<Out>>;
  result<Out = any>(instance: InstanceId<Out>, options?: { timeout?: Duration }): Promise<Out>;
  kv(instance: string): Promise<Map<string, any>>;
  getKV<Value = any>(instance: string, key: string, missing?: Value): Promise<Value | undefined>;
  history(instance: string, options?: { execution?: number }): Promise<HistoryEvent[]>;
  follow(
    instance: string, options?: { execution?: number; after?: number; timeout?: Duration },
  ): AsyncGenerator<HistoryEvent & { execution: number }, void, undefined>;
  list(filter?: InstanceFilter & { pageSize?: number }): AsyncGenerator<Description, void, undefined>;
  management(actor?: string): Management;
  close(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

// ---- Management -------------------------------------------------------------------------------------

export interface ChangeReport {
  instances: Array<{
    instance: string; outcome: 'done' | 'skipped' | 'refused'; message?: string; deleted?: string[];
    executions?: number;
  }>;
  done: number;
  skipped: number;
  refused: number;
  /** Where the same call goes on. */
  next?: number;
}

export interface ResetReport {
  instance: string; event: number; dropped: number; reopened: string[]; repeated: string[];
  children: Array<{ instance: string; fate: 'goesOn' | 'rewound' | 'restarted' | 'deleted' | 'ended' }>;
}

export interface AuditRecord {
  id: number; at: number; actor: string; operation: string; target: string; reason: string; detail?: any;
}

type Verb = 'cancel' | 'suspend' | 'resume' | 'terminate' | 'retry' | 'requeue' | 'delete';
type Selection = string | readonly string[] | InstanceFilter;
type ChangeOptions = { reason?: string; dryRun?: boolean; limit?: number; cursor?: number };
type Many<Item> = Item | readonly Item[];
type CalendarField = Many<number | { start: number; end?: number; step?: number }>;

/** When a schedule is due: at every moment that one of its parts names. */
export interface ScheduleSpec {
  cron?: Many<string>;
  timeZone?: string;
  interval?: Many<{ every: Duration; offset?: Duration }>;
  calendar?: Many<{
    year?: CalendarField; month?: CalendarField; dayOfMonth?: CalendarField; dayOfWeek?: CalendarField;
    hour?: CalendarField; minute?: CalendarField; second?: CalendarField;
  }>;
  start?: Moment;
  end?: Moment;
  jitter?: Duration;
}

export interface ScheduleAction {
  orchestration: string | Orchestration<any, any>;
  input?: unknown;
  version?: string;
  priority?: number;
  attributes?: Record<string, string>;
  memo?: unknown;
}

type ScheduleOptions = { overlap?: Overlap; catchUp?: Duration; note?: string; reason?: string };

/** What operators ask. Answers are as docs/wire-format.md has them under "Management". */
export class Management {
  private constructor();
  readonly actor: string;
  nodes(): Promise<any[]>;
  inspect(instance: string): Promise<any>;
  why(instance: string): Promise<{ summary: string; waitingFor: any[] }>;
  executions(instance: string, options?: { after?: number; limit?: number }): Promise<any[]>;
  tree(instance: string, options?: { depth?: number; limit?: number }): Promise<{ tree: any; truncated: boolean }>;
  ancestors(instance: string): Promise<any[]>;
  statistics(orchestration?: string | Orchestration<any, any>): Promise<any>;
  instanceStatistics(instance: string): Promise<any>;
  queues(): Promise<any>;
  audit(options?: {
    target?: string; actor?: string; operation?: string; since?: Moment; until?: Moment; pageSize?: number;
  }): AsyncGenerator<AuditRecord, void, undefined>;
  cancel(instance: string, reason?: string, options?: { grace?: Duration }): Promise<Status>;
  suspend(instance: string, reason?: string): Promise<Status>;
  resume(instance: string, reason?: string): Promise<Status>;
  terminate(instance: string, reason?: string): Promise<Status>;
  retry(instance: string, reason?: string): Promise<Status>;
  requeue(instance: string, reason?: string): Promise<Status>;
  bulk(
    verb: Verb, instances: Selection, options?: ChangeOptions & { grace?: Duration; force?: boolean },
  ): Promise<ChangeReport>;
  delete(instances: Selection, options?: ChangeOptions & { force?: boolean }): Promise<ChangeReport>;
  prune(filter?: InstanceFilter, options?: ChangeOptions & {
    endedBefore?: Moment; olderThan?: Duration; keepLast?: number; executions?: boolean;
  }): Promise<ChangeReport>;
  rewind(instance: string, options?: { reason?: string; dryRun?: boolean }): Promise<ResetReport[]>;
  reset(instance: string, event: number, options?: { reason?: string; dryRun?: boolean }): Promise<ResetReport[]>;
  exportInstance(instance: string, options?: { children?: boolean }): Promise<string>;
  importInstances(text: string, options?: { suspended?: boolean; reason?: string }): Promise<string[]>;
  retryActivity(instance: string, action: number, options?: { execution?: number; reason?: string }): Promise<void>;
  completeActivity(
    instance: string, action: number, result?: unknown, options?: { execution?: number; reason?: string },
  ): Promise<void>;
  failActivity(
    instance: string, action: number, error: Error | Failure,
    options?: { execution?: number; reason?: string; nonRetryable?: boolean },
  ): Promise<void>;
  setRetention(
    orchestration: string | Orchestration<any, any>, keep: Duration,
    options?: { statuses?: readonly Status[]; reason?: string },
  ): Promise<void>;
  retention(): Promise<Array<{ orchestration: string; keepMS: number; statuses: Status[] }>>;
  removeRetention(orchestration: string | Orchestration<any, any>, options?: { reason?: string }): Promise<void>;
  sweep(options?: { dryRun?: boolean; limit?: number; reason?: string }): Promise<{
    deleted: string[]; hasMore: boolean; next?: number;
  }>;
  createSchedule(
    name: string, spec: ScheduleSpec, action: ScheduleAction,
    options?: ScheduleOptions & { paused?: boolean; policy?: 'fail' | 'replace' },
  ): Promise<string>;
  updateSchedule(
    name: string, options: ScheduleOptions & { spec?: ScheduleSpec; action?: ScheduleAction },
  ): Promise<void>;
  pauseSchedule(name: string, options?: { note?: string; reason?: string }): Promise<void>;
  resumeSchedule(name: string, options?: { note?: string; reason?: string }): Promise<void>;
  triggerSchedule(name: string, options?: { overlap?: Overlap; reason?: string }): Promise<string>;
  backfillSchedule(
    name: string, from: Moment, to: Moment, options?: { overlap?: Overlap; reason?: string },
  ): Promise<void>;
  deleteSchedule(name: string, options?: { reason?: string }): Promise<void>;
  schedule(name: string): Promise<any>;
  schedules(options?: { cursor?: number; limit?: number }): Promise<{ schedules: any[]; next?: number }>;
  scheduleTimes(spec: ScheduleSpec, options?: { after?: Moment; count?: number }): Promise<number[]>;
}

// ---- Log --------------------------------------------------------------------------------------------

export interface LogRecord {
  at: number;
  level: Level;
  message: string;
  instance?: string;
  execution?: number;
  orchestration?: string;
  activity?: string;
  attempt?: number;
  node?: number;
  traceparent?: string;
  metric?: { name: string; kind: string; value: number; attributes?: Record<string, string> };
  stack?: string;
}

/** Sends log records of this process to `receiver`; null turns logging off. */
export function logTo(receiver: ((record: LogRecord) => void) | null, options?: { level?: Level }): void;

/** The release of the loaded library. */
export function libraryVersion(): string;

// ---- Errors -----------------------------------------------------------------------------------------

export class PerdureError extends Error {
  constructor(message: string, options?: { transient?: boolean; details?: Record<string, any>; cause?: unknown });
  /** The number from dx.h (0: thrown by the Node side). */
  readonly code: number;
  readonly transient: boolean;
  readonly details: Record<string, any>;
}
export class InvalidArgument extends PerdureError {}
export class InvalidHandle extends PerdureError {}
export class Unsupported extends PerdureError {}
export class NotFound extends PerdureError {}
export class AlreadyExists extends PerdureError {}
export class WrongStatus extends PerdureError {}
export class LimitExceeded extends PerdureError {}
export class TimedOut extends PerdureError {}
export class Closed extends PerdureError {}
export class Forked extends PerdureError {}
export class Stale extends PerdureError {}
export class ProtocolViolation extends PerdureError {}
export class Nondeterminism extends PerdureError {}
export class StoreError extends PerdureError {}
export class StoreBusy extends StoreError {}
export class StoreFull extends StoreError {}
export class StoreIO extends StoreError {}
export class StoreReadOnly extends StoreError {}
export class StoreCorrupt extends StoreError {}
export class StoreForeign extends StoreError {}
export class StoreCannotOpen extends StoreError {}
export class StoreReplaced extends StoreError {}
export class InternalError extends PerdureError {}
export class LibraryNotLoaded extends PerdureError {}
export class NonDurableAwait extends PerdureError {}
/** Thrown at the awaits of an orchestration that is asked to end. */
export class Cancelled extends PerdureError {}

/** Why a piece of work failed: the same structure in every language and in history. */
export class Failure {
  constructor(members?: {
    type?: string; message?: string; details?: any; stack?: string | null; nonRetryable?: boolean;
    cause?: Failure | null; retryAfter?: number | null;
  });
  readonly type: string;
  readonly message: string;
  readonly details: any;
  readonly stack: string | null;
  readonly nonRetryable: boolean;
  readonly cause: Failure | null;
  /** Milliseconds. */
  readonly retryAfter: number | null;
  toString(): string;
}

/** Root of the errors that carry a `Failure`. */
export class WorkFailed extends PerdureError {
  readonly failure: Failure;
  /** The type of the failure, such as `CardDeclined`. */
  readonly type: string;
}
export class ActivityFailed extends WorkFailed {
  readonly activity: string;
}
export class SubOrchestrationFailed extends WorkFailed {
  readonly orchestration: string;
}
export class MessageRefused extends WorkFailed {
  readonly what: string;
}
export class CallFailed extends WorkFailed {
  readonly instance: string;
  readonly call: string;
}
export class CallRejected extends CallFailed {}
export class QueryFailed extends WorkFailed {
  readonly instance: string;
  readonly query: string;
}
export class OrchestrationFailed extends WorkFailed {
  readonly instance: string;
}
export class OrchestrationCancelled extends PerdureError {
  readonly instance: string;
  readonly status: Status;
}
