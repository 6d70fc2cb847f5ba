// Tests of orchestrations: virtual time, stubs, recorded histories, simulated crashes. See docs/node.md.

import {
  Activity, ActivityContext, Client, Definition, Description, Duration, Failure, HistoryEvent, Moment, Orchestration,
  PerdureError, PreflightReport, ReplayReport, Runtime, RuntimeOptions, StartOptions, Status, Store,
} from './index';

/** A stub that does not answer: a time limit ends the attempt, or a test that takes its token. */
export const NEVER: unique symbol;

/** An activity is neither defined nor stubbed: the failure `perdure.NotRegistered`, which is not retried. */
export class NotRegistered extends PerdureError {}

/**
 * What runs in place of an activity: a function of the input and the context; an activity; an error, a class of
 * errors, or a `Failure` to fail with; `NEVER`; a list of such stubs, one for each attempt, the last one again and
 * again; anything else is the result.
 */
export type Stub =
  | ((input: any, ctx: ActivityContext) => unknown) | Activity | Error | (new () => Error) | Failure
  | typeof NEVER | readonly Stub[] | string | number | boolean | null | undefined | { [member: string]: unknown };

/** One attempt of an activity in a test environment, stubbed or not. */
export interface ActivityCall {
  activity: string;
  instance: string;
  input: any;
  /** Counts from 1. */
  attempt: number;
  /** The idempotency key: the same for each attempt. */
  key: string;
  /** For `Client.completeActivity` and its like. */
  token: string;
  /** When it began, in virtual time. */
  at: Date;
}

export interface TestEnvironmentOptions extends RuntimeOptions {
  /** The time at which it begins; 2026-01-01 UTC without. */
  start?: Moment;
  stubs?: Record<string, Stub>;
  /** "memory:" or "sqlite:PATH". */
  store?: string;
  /** How much of the system's time `run`, `advance` and `settle` wait. Default 30 s. */
  timeout?: Duration;
}

type Run<In> = [In] extends [void]
  ? [input?: null, options?: StartOptions]
  : [input: In, options?: StartOptions];

export class TestEnvironment {
  private constructor();
  static start(definitions: readonly Definition[], options?: TestEnvironmentOptions): Promise<TestEnvironment>;
  readonly store: Store;
  readonly client: Client;
  readonly runtime: Runtime;
  /** The virtual time. */
  readonly now: Date;
  timeout: Duration;
  stub(activity: string | Activity<any, any>, stub: Stub): void;
  unstub(activity: string | Activity<any, any>): void;
  calls(activity?: string | Activity<any, any>): ActivityCall[];
  advance(duration: Duration): Promise<Date>;
  advanceTo(time: Moment): Promise<Date>;
  settle(): Promise<void>;
  run<In, Out>(orchestration: Orchestration<In, Out>, ...rest: Run<In>): Promise<Out>;
  run<Out = any>(name: string, input?: unknown, options?: StartOptions): Promise<Out>;
  restart(definitions?: readonly Definition[]): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A file or the text of an exported instance, or one execution as an object or JSON. */
export type History = string | URL | { instance: string; events: readonly HistoryEvent[]; [member: string]: any };

export function replay(
  history: History, orchestrations: readonly Definition[], options?: { timeout?: Duration },
): Promise<ReplayReport>;

export function preflight(
  store: Store | string, orchestrations: readonly Definition[],
  options?: {
    orchestration?: string; statuses?: readonly Status[]; limit?: number; includeQuarantined?: boolean;
    ignoreNotRegistered?: boolean; timeout?: Duration;
  },
): Promise<PreflightReport>;

// ---- Simulation -------------------------------------------------------------------------------------

type After = { after?: Duration };

/** What an invariant looks at: the instances, at the end of a run or after a commit. */
export class World {
  private constructor();
  /** Why lines of the script were refused, by the number that `run.event` and its like returned. */
  readonly refused: Map<number, string>;
  /** Virtual time since the begin, in milliseconds. */
  readonly elapsed: number;
  readonly instances: Description[];
  instance(instance: string): Description;
  /** At the end of a run only, like `kv`. */
  history(instance: string): HistoryEvent[];
  kv(instance: string): Map<string, any>;
  /** What an instance that has not ended waits for, in words. */
  waits(instance: string): string[];
}

/** One run, as the scenario describes it. */
export class Simulation {
  constructor();
  register(...definitions: Definition[]): void;
  /** Runs `stub` in place of an activity. */
  activity(activity: string | Activity<any, any>, stub: Stub): void;
  start(orchestration: string | Orchestration<any, any>, input?: unknown, options?: StartOptions & After): string;
  event(instance: string, name: string, data?: unknown, options?: After & { keep?: boolean }): number;
  enqueue(instance: string, queue: string, message?: unknown, options?: After & { keep?: boolean }): number;
  publish(topic: string, data?: unknown, options?: After): number;
  call(instance: string, name: string, input?: unknown, options?: After): number;
  cancel(instance: string, reason?: string, options?: After & { grace?: Duration }): number;
  suspend(instance: string, reason?: string, options?: After): number;
  resume(instance: string, reason?: string, options?: After): number;
  terminate(instance: string, reason?: string, options?: After): number;
  completeActivity(token: string, result?: unknown, options?: After): number;
  failActivity(token: string, error: Error | Failure, options?: After): number;
  /** Looks at the end of the run. Fails by returning false, or by throwing. */
  check(name: string, check: (world: World) => unknown): void;
  /** Looks after every commit, too. */
  always(name: string, check: (world: World) => unknown): void;
  /** These need not have ended when nothing goes on any more; without names none need. */
  mayWait(...instances: string[]): void;
}

export type Schedule = Record<string, string | number>;

export class SimulationFailure {
  private constructor();
  readonly invariant: string;
  readonly message: string;
  /** That found it; null: no chance was needed. */
  readonly seed: number | null;
  /** What goes wrong, by name: for `simulate(scenario, { schedule })`. */
  readonly schedule: Schedule;
  readonly lines: string[];
  readonly histories: Map<string, string[]>;
  /** What the invariant threw, if it did. */
  readonly error?: unknown;
  readonly reproduce: string;
  toString(): string;
}

export class SimulationReport {
  private constructor();
  readonly runs: number;
  readonly points: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly failure: SimulationFailure | null;
  readonly trace: string;
  readonly ok: boolean;
  throwIfFailed(): void;
  toString(): string;
}

export class SimulationFailed extends Error {
  readonly report: SimulationReport;
}

/** Runs a scenario under many schedules of crashes, in virtual time, and checks what it asks to be checked. */
export function simulate(
  scenario: (run: Simulation) => unknown,
  options?: {
    seeds?: number; seed?: number; schedule?: Schedule; failActivities?: boolean; maxSteps?: number;
    maxTime?: Duration;
  },
): Promise<SimulationReport>;
