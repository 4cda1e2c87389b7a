import type { Spent } from '../jobs/job.ts'
import type { Parent } from '../jobs/link.ts'
import type { LogLine } from '../kernel/logger.ts'
import type { CloseOptions } from '../kernel/service.ts'
import type { HoldScope } from '../tasks/context.ts'
import type { Progress } from '../tasks/progress.ts'
import type { Place, TaskRef } from '../tasks/task.ts'
import type { PortableError } from '../wire/portable-error.ts'
import type { ExecutorStatistics } from './statistics.ts'

export type { LogLine, Progress }

/** What is called with: values as they are, or encoded, for a caller that must not touch them (the supervisor). */
export type Input = { readonly args: readonly unknown[] } | { readonly encoded: Uint8Array }

/** Hears that a signal has aborted. */
export type AbortListener = (() => void) | { handleEvent(): void }

/** What of an AbortSignal an executor needs. */
export interface CancelSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: AbortListener): void
  removeEventListener(type: 'abort', listener: AbortListener): void
}

/** One call, to be run now. */
export interface Call {
  readonly task: TaskRef
  /** What it is called in errors and logs. Default: the task's name. */
  readonly title?: string
  readonly input: Input
  /** How long it may run, in milliseconds from when it begins; `Infinity` for no limit. */
  readonly timeout: number
  /** Nobody wants its result: it is given as undefined, whatever it was. Default: false. */
  readonly ignoresResult?: boolean
  /** After so long its own signal aborts, in milliseconds from when it begins; it goes on. Default: never. */
  readonly softTimeout?: number
  /** Of calls that wait, those of a higher one begin first. Default: 0. */
  readonly priority?: number
  /** Its caller sees to it that there are not too many: it is never refused for want of room. */
  readonly isBounded?: boolean
  /** It ends by itself when it has run for so long, in milliseconds, or soon after: one more such call may wait behind it. Absent where that is not known. */
  readonly budget?: number
  /** Cancels the call: its own signal aborts, and after the grace it is stopped. */
  readonly signal?: CancelSignal | undefined
  /** The attempt at a job that this call is. Its version is that of the task which the job was made for; 1 where absent. Its parent is the job whose end published it. */
  readonly attempt?: { readonly job: string, readonly number: number, readonly token: number, readonly version?: number, readonly parent?: Parent | undefined }
  /** Hears how far the call has come, about every 50 ms at most, the last before its outcome. Must not throw. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Hears that others like it are to wait, for so many milliseconds. Must not throw. */
  readonly onHold?: (what: HoldScope, ms: number) => void
  /** Hears what the call logs, before its outcome: so many lines at most (see `CallReports`), with fields that can be sent. Must not throw. */
  readonly onLog?: (line: LogLine) => void
}

/** The error itself, where it was made on the caller's own thread: with its identity and class. */
export interface Thrown {
  readonly thrown?: unknown
}

/** How a call ended. An executor never rejects: what goes wrong is an outcome. */
export type Outcome =
  /** `value` is the result, encoded where the input was. */
  | { readonly kind: 'returned', readonly value: unknown, readonly spent: Spent }
  /** `mayRetry`: whether the task's own rules (`retry.on`, `retry.giveUpOn`) let this error be tried again. */
  | { readonly kind: 'threw', readonly error: PortableError, readonly mayRetry: boolean, readonly spent: Spent } & Thrown
  /** Its signal aborted. */
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'timedOut' }
  /** Its thread died under it, by its own doing: `process.exit`, out of memory, a crash. */
  | { readonly kind: 'died', readonly error: PortableError } & Thrown
  /** It was not run to its end through no fault of its own, for example since the executor closed. May be run again. */
  | { readonly kind: 'handedBack', readonly error: PortableError } & Thrown

/** Who hears how a call ended. */
export interface Caller {
  /** Must not throw. */
  settled(outcome: Outcome): void
}

/** Runs calls now. Every adapter passes the executor conformance suite of `treadle/testing`. */
export interface Executor extends AsyncDisposable {
  readonly place: Place
  /** How many calls run at the same time. */
  readonly concurrency: number
  /** Runs the call and tells its caller how it ended, once, and not before this returns. Never throws. */
  submit(call: Call, caller: Caller): void
  /** What it has done since it was made, and has before it. */
  statistics(): ExecutorStatistics
  /** As `submit`. Never rejects. */
  execute(call: Call): Promise<Outcome>
  /** Waits for the calls under way until the deadline, then stops them; those are handed back. */
  close(options?: CloseOptions): Promise<void>
}

/** One whose size can be changed while it runs. */
export interface ResizableExecutor extends Executor {
  /** How many calls run at the same time from now on. What is under way beyond that ends first. A loop that calls share takes two at least. */
  resize(concurrency: number): void
}

