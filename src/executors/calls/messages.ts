import type { LogFields, LogLevel } from '../../kernel/logger.ts'
import type { NamedRetryRules } from '../../jobs/retry.ts'
import type { CallRules, Place, TaskRef } from '../../tasks/task.ts'
import type { TaskSource } from '../../tasks/source.ts'
import type { PortableError } from '../../wire/portable-error.ts'

/** A task as plain data: what a supervisor, which holds no user code, knows of it. */
export interface TaskManifest {
  readonly name: string
  /** Its first module is the one that it was found in. */
  readonly source: TaskSource
  readonly runs: Place
  readonly rules: Omit<CallRules, 'retry'> & { readonly retry: NamedRetryRules }
}

/** What a thread or a child process is started with. */
export interface RunnerStart {
  readonly place: Place
  readonly concurrency: number
  /** Whether anybody reads what calls log. */
  readonly logs: boolean
}

/**
 * A call on its way: its number on this thread or process, its task's number, its arguments, its timeout, and the attempt.
 * A number in place of arguments: that many of the message's bytes, encoded.
 */
export type SentCall = readonly [seq: number, task: number, input: readonly unknown[] | number, timeout: number, job?: string, attempt?: number, token?: number]

/** Host to thread or process, at most one a tick. */
export interface ToRunner {
  /** Tasks that the calls name and it does not know yet. */
  readonly tasks?: readonly (readonly [task: number, ref: TaskRef])[]
  readonly calls?: readonly SentCall[]
  /** The encoded arguments of all calls that have some, one after another. */
  readonly bytes?: Uint8Array
  /** Calls whose signal is to abort. */
  readonly stops?: readonly (readonly [seq: number, why: StopReason])[]
  /** All tasks that modules export, and single ones. */
  readonly describe?: { readonly id: number, readonly asked: readonly (string | TaskRef)[] }
}

export type StopReason = 'cancelled' | 'timedOut'

/** How a call ended: with a value, with bytes of the message (their length), or by an error that may or may not be tried again. */
export type SentOutcome =
  | readonly [seq: number, kind: 'value', value: unknown, wall: number, cpu: number]
  | readonly [seq: number, kind: 'bytes', length: number, wall: number, cpu: number]
  | readonly [seq: number, kind: 'error' | 'finalError', error: PortableError, wall: number, cpu: number]

/** Thread or process to host, about one a tick. */
export interface FromRunner {
  /** It has started and listens. */
  readonly ready?: true
  readonly outcomes?: readonly SentOutcome[]
  /** The encoded results, one after another. */
  readonly bytes?: Uint8Array
  /** Tasks whose modules have been imported. */
  readonly loaded?: readonly number[]
  /** Calls that were taken back and have been passed over. */
  readonly passedOver?: readonly number[]
  readonly described?: { readonly id: number, readonly manifests?: readonly TaskManifest[], readonly error?: PortableError }
  /** It is about to end, by the doing of this call, so far as that is known. */
  readonly ending?: { readonly culprit: number | undefined, readonly error?: PortableError | undefined }
  /** It holds more memory than it should. */
  readonly worn?: true
  readonly log?: readonly [level: LogLevel, fields: LogFields, message: string]
}
