import type { LogFields, LogLine } from '../../kernel/logger.ts'
import type { Parent } from '../../jobs/link.ts'
import type { NamedRetryRules } from '../../jobs/retry.ts'
import type { HoldScope } from '../../tasks/context.ts'
import type { Progress } from '../../tasks/progress.ts'
import type { CallRules } from '../../tasks/call-options.ts'
import type { Place, TaskRef } from '../../tasks/task.ts'
import type { TaskSource } from '../../tasks/source.ts'
import type { WearLimits } from './wear.ts'
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
  readonly recycle: WearLimits
}

/**
 * A call on its way: its arguments, or their bytes; its number on this thread or process, its task's number, its timeout where it has one, what its
 * caller wants to hear, and the attempt. Numbers rise, and calls begin in their order.
 */
export type SentCall = readonly [
  kind: typeof call | typeof packedCall | typeof encodedCall, seq: number, task: number, input: readonly unknown[] | Uint8Array, timeout: number | undefined, heard: Heard,
  job?: string | undefined, attempt?: number | undefined, token?: number | undefined, version?: number, rare?: RareParts
]

/** What few calls have. */
export type RareParts = readonly [softTimeout: number | undefined, parent: Parent | undefined, ignoresResult: boolean]

/** With its arguments as they are. */
export const call = 1
/** With bytes of arguments of which a clone would not be equal. */
export const packedCall = 2
/** With the bytes that its caller has, who wants those of the result. */
export const encodedCall = 3

/** What a caller wants to hear of a call: bits that are added. */
export const hears = { progress: 1, lines: 2 } as const
export type Heard = 0 | 1 | 2 | 3

/** Host to thread or process. One count orders what goes through a ring and what goes by message. */
export type ToRunner = SentCall | readonly [kind: typeof other, message: HostWord]

/** What stands before all that is said in words. */
export const other = 0

export interface HostWord {
  /** Tasks that the calls name and it does not know yet. */
  readonly tasks?: readonly (readonly [task: number, ref: TaskRef])[]
  /** Calls whose signal is to abort. */
  readonly stops?: readonly (readonly [seq: number, why: StopReason])[]
  /** All tasks that modules export, and single ones. */
  readonly describe?: { readonly id: number, readonly asked: readonly (string | TaskRef)[] }
  /** How many calls it runs at once from now on. */
  readonly concurrency?: number
  /** Closes what its calls have opened, and ends it. */
  readonly close?: true
}

export type StopReason = 'cancelled' | 'timedOut'

/** How a call ended: with a value, with bytes, or by an error that may or may not be tried again. */
export type SentOutcome =
  | readonly [kind: typeof returned, seq: number, value: readonly [unknown], wall: number, cpu: number]
  | readonly [kind: typeof returnedPacked | typeof returnedEncoded, seq: number, bytes: Uint8Array, wall: number, cpu: number]
  | readonly [kind: typeof threw | typeof threwFinally, seq: number, error: readonly [PortableError], wall: number, cpu: number]

export const returned = 1
/** The bytes of a value of which a clone would not be equal. */
export const returnedPacked = 2
/** The bytes of the result of a call that came as bytes. */
export const returnedEncoded = 3
export const threw = 4
export const threwFinally = 5

/** Thread or process to host. */
export type FromRunner = SentOutcome | readonly [kind: typeof other, message: RunnerWord]

export interface RunnerWord {
  /** It has started and listens. */
  readonly ready?: true
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
  /** How much of its time its event loop was not idle, from 0 to 1. */
  readonly utilization?: number
  readonly progress?: readonly [seq: number, progress: Progress]
  /** A call would have others like it wait, in milliseconds. */
  readonly hold?: readonly [seq: number, what: HoldScope, ms: number]
  /** A line that a call logged, and what tells it from other calls. */
  readonly log?: readonly [seq: number, line: LogLine, bindings: LogFields]
}
