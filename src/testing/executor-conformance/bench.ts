import type { Call, Executor, Outcome } from '../../executors/executor.ts'
import { type AnyTask, definitionOf } from '../../tasks/task.ts'

export interface Matchers {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toMatchObject(expected: object): void
  toContain(expected: unknown): void
  toBeGreaterThanOrEqual(expected: number): void
}

/** What of a test runner the suite uses; Vitest's has this shape. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void
  readonly test: ((name: string, body: () => Promise<void>) => void) & { readonly skip: (name: string, body: () => Promise<void>) => void }
  readonly expect: (value: unknown) => Matchers
}

export interface OpenOptions {
  /** How many calls it is to run at once. */
  readonly concurrency: number
  /** Milliseconds after an abort until a call is stopped by force. */
  readonly grace: number
}

/** What a case works with. */
export interface Bench {
  readonly expect: (value: unknown) => Matchers
  /** An executor that is closed when the case ends. */
  readonly open: (options?: Partial<OpenOptions>) => Executor
}

export type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>

/** A call of a task of the suite. */
export function callOf(task: AnyTask, args: readonly unknown[], more: Partial<Pick<Call, 'timeout' | 'signal' | 'attempt'>> = {}): Call {
  return { task: definitionOf(task, 'callOf'), input: { args }, timeout: Infinity, ...more }
}

/** Memory that a call and its test share. */
export function sharedCells(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8))
}

/** Resolves when the first cell holds `value`. */
export async function reaches(cells: Int32Array, value: number): Promise<void> {
  for (let seen = Atomics.load(cells, 0); seen < value; seen = Atomics.load(cells, 0)) {
    await Atomics.waitAsync(cells, 0, seen).value
  }
}

/** Makes the first cell's partner let `waitForCell` go. */
export function release(cells: Int32Array): void {
  Atomics.store(cells, 1, 1)
}

/** The error of an outcome, or of what the outcome is instead. */
export function errorOf(outcome: Outcome): unknown {
  return 'error' in outcome ? { kind: outcome.kind, ...outcome.error } : outcome
}
