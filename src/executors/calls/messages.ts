import type { LogFields, LogLine } from '../../kernel/logger.ts'
import type { NamedRetryRules } from '../../jobs/retry.ts'
import type { Progress } from '../../tasks/progress.ts'
import type { CallRules, Place, TaskRef } from '../../tasks/task.ts'
import type { TaskSource } from '../../tasks/source.ts'
import type { PortableError } from '../../wire/portable-error.ts'

/** A task as plain data: what a supervisor, which holds no user code, knows of it. */
export interface TaskManifest {
  readonly name: string
  readonly aliases: readonly string[]
  readonly version: number
  /** Its first module is the one that it was found in. */
  readonly source: TaskSource
  readonly runs: Place
  readonly rules: Omit<CallRules, 'retry'> & { readonly retry: NamedRetryRules }
}

/** What a thread or a child process is started with. */
export interface RunnerStart {
  readonly place: Place
  readonly concurrency: number
  /** Whether its host's logger is to hear what calls log, also where no caller does. */
  readonly logs: boolean
}

/**
 * A call on its way: its number on this thread or process, its task's number, its arguments, its timeout, what its caller wants
 * to hear, and the attempt.
 * A number in place of arguments: that many of the message's bytes, encoded. Bytes in their place: arguments of which a clone would not be equal.
 */
export type SentCall = readonly [seq: number, task: number, input: readonly unknown[] | number | Uint8Array, timeout: number, heard: Heard, job?: string, attempt?: number, token?: number, version?: number]

/** What a caller wants to hear of a call: bits that are added. */
export const hears = { progress: 1, lines: 2 } as const
export type Heard = 0 | 1 | 2 | 3

/** Host to thread or process, at most one a tick. */
export interface ToRunner {
  /** Tasks that the calls name and it does not know yet. */
  readonly tasks?: readonly (readonly [task: number, ref: TaskRef])[]
  readonly calls?: readonly SentCall[]
  /** In their place, where they are many: see columns.ts. */
  readonly callColumns?: { readonly numbers: Float64Array<ArrayBuffer>, readonly jobs: string }
  /** The encoded arguments of all calls that have some, one after another. */
  readonly bytes?: Uint8Array
  /** Calls whose signal is to abort. */
  readonly stops?: readonly (readonly [seq: number, why: StopReason])[]
  /** All tasks that modules export, and single ones. */
  readonly describe?: { readonly id: number, readonly asked: readonly (string | TaskRef)[] }
  /** Closes what its calls have opened, and ends it. */
  readonly close?: true
}

export type StopReason = 'cancelled' | 'timedOut'

/** How a call ended: with a value, with bytes of the message (their length), or by an error that may or may not be tried again. */
export type SentOutcome =
  | readonly [seq: number, kind: 'value', value: unknown, wall: number, cpu: number]
  /** The bytes of a value of which a clone would not be equal. */
  | readonly [seq: number, kind: 'packed', value: Uint8Array, wall: number, cpu: number]
  | readonly [seq: number, kind: 'bytes', length: number, wall: number, cpu: number]
  | readonly [seq: number, kind: 'error' | 'finalError', error: PortableError, wall: number, cpu: number]

/** Thread or process to host, about one a tick. */
export interface FromRunner {
  /** It has started and listens. */
  readonly ready?: true
  readonly outcomes?: readonly SentOutcome[]
  /** In their place, where they are many: see columns.ts. */
  readonly outcomeColumns?: Float64Array<ArrayBuffer>
  /** The encoded results, one after another. */
  readonly bytes?: Uint8Array
  /** Tasks whose modules have been imported. */
  readonly loaded?: readonly number[]
  /** Calls that were taken back and have been passed over. */
  readonly passedOver?: readonly number[]
  readonly described?: { readonly id: number, readonly manifests?: readonly TaskManifest[], readonly error?: PortableError }
  /** It is about to end, by the doing of this call, so far as that is known. */
  readonly ending?: { readonly culprit: number | undefined, readonly error?: PortableError | undefined }
  /** Its calls open something that it must close before it ends. */
  readonly opens?: true
  /** It holds more memory than it should. */
  readonly worn?: true
  readonly progress?: readonly [seq: number, progress: Progress]
  /** A line that a call logged, and what tells it from other calls. */
  readonly log?: readonly [seq: number, line: LogLine, bindings: LogFields]
}
