// Tests of orchestrations: virtual time, stubs, recorded histories. See docs/node.md.

import {
  Activity, ActivityContext, Client, Definition, Duration, Failure, HistoryEvent, Moment, Orchestration,
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
