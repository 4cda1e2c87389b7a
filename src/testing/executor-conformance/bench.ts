import { once } from 'node:events'
import { statSync, watch, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
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
  /** Megabytes of heap that a call may use; a case that asks for it exhausts them. */
  readonly heapLimit?: number
  /** Bytes of memory of any kind that a call's thread or process may hold; a case that asks for it exceeds them. */
  readonly memoryLimit?: number
}

/** What a case works with. */
export interface Bench {
  readonly expect: (value: unknown) => Matchers
  /** An executor that is closed when the case ends. */
  readonly open: (options?: Partial<OpenOptions>) => Executor
  /** A path in a folder that vanishes when the case ends. */
  readonly path: (name: string) => string
  readonly mark: () => Mark
  /** A module that exports `open`, for a program of the case's own. */
  readonly module: string
}

/** Where a call tells its test how far it has come, and waits to be let go: files, since a call may run in any process. */
export class Mark {
  readonly path: string

  constructor(path: string) {
    this.path = path
    writeFileSync(path, '')
  }

  /** How far the call has come. */
  get steps(): number {
    return statSync(this.path).size
  }

  /** Resolves when the call has come that far. */
  async reaches(steps: number): Promise<void> {
    const watcher = watch(dirname(this.path))
    while (this.steps < steps) await once(watcher, 'change')
    watcher.close()
  }

  /** Lets `waitForMark` go. */
  release(): void {
    writeFileSync(`${this.path}.go`, '')
  }
}

export type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>

/** A call of a task of the suite. */
export function callOf(task: AnyTask, args: readonly unknown[], more: Partial<Pick<Call, 'timeout' | 'signal' | 'attempt' | 'onProgress' | 'onLog'>> = {}): Call {
  return { task: definitionOf(task, 'callOf'), input: { args }, timeout: Infinity, ...more }
}

/** What a call that died by its own doing is charged with, in a process or elsewhere. */
export const deathOf = ({ place }: Executor): string => place === 'process' ? 'PROCESS_EXITED' : 'THREAD_EXITED'

/** The error of an outcome, or of what the outcome is instead. */
export function errorOf(outcome: Outcome): unknown {
  return 'error' in outcome ? { kind: outcome.kind, ...outcome.error } : outcome
}
