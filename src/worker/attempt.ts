import type { Delivery } from '../backends/broker.ts'
import type { TaskManifest } from '../executors/calls/messages.ts'
import type { Call, Caller, LogLine, Outcome, Progress } from '../executors/executor.ts'
import type { NamedRetryRules } from '../jobs/retry.ts'
import type { Parent } from '../jobs/link.ts'
import type { HoldScope } from '../tasks/context.ts'
import type { EnvelopeHeader } from '../wire/envelope.ts'
import { AttemptCancel } from './attempt-cancel.ts'
import type { Lane } from './lane.ts'
import type { SettledAttempt } from './settle.ts'

/** Who hears of attempts. */
export interface AttemptListener {
  progressed(attempt: Attempt, progress: Progress): void
  logged(attempt: Attempt, line: LogLine): void
  holds(attempt: Attempt, what: HoldScope, ms: number): void
  ended(attempt: Attempt, outcome: Outcome): void
}

/** An attempt in a worker's hands. */
export class Attempt implements SettledAttempt {
  readonly job: string
  readonly token: number
  readonly task: string
  readonly attempt: number
  readonly suspect: boolean
  readonly deaths: number
  readonly deferrals: number
  readonly retry: NamedRetryRules
  readonly ownRetry: boolean
  readonly lane: Lane
  readonly manifest: TaskManifest
  readonly cancel: AttemptCancel = new AttemptCancel()
  /** When it was reserved, on the clock's `elapsed()`. */
  readonly since: number
  /** Until what it would have held back is. */
  holding: Promise<unknown> | undefined

  constructor({ job, token, task, attempt, suspect, deaths, deferrals }: Delivery, manifest: TaskManifest, { retry }: EnvelopeHeader, lane: Lane, since: number) {
    this.job = job
    this.token = token
    this.task = task
    this.attempt = attempt
    this.suspect = suspect
    this.deaths = deaths
    this.deferrals = deferrals
    this.retry = retry ?? manifest.rules.retry
    this.ownRetry = retry !== undefined
    this.manifest = manifest
    this.lane = lane
    this.since = since
  }
}

/**
 * What an executor is asked, and told, for an attempt.
 *
 * An object with methods, and no promise: of a hundred thousand attempts a second, closures that live until each ends would cost more than what they do. What V8
 * keeps of them outlives many of its small collections.
 */
export class AttemptCall implements Call, Caller {
  readonly task: TaskManifest
  readonly input: Call['input']
  readonly timeout: number
  readonly softTimeout: number
  readonly ignoresResult: boolean
  readonly signal: AttemptCancel
  readonly attempt: NonNullable<Call['attempt']>
  readonly #attempt: Attempt
  readonly #listener: AttemptListener

  constructor(attempt: Attempt, { timeout, softTimeout, ignoreResult, version = 1 }: EnvelopeHeader, encoded: Uint8Array, parent: Parent | undefined, listener: AttemptListener) {
    const { manifest } = attempt
    this.task = manifest
    this.input = { encoded }
    this.timeout = timeout ?? manifest.rules.timeout
    this.softTimeout = softTimeout ?? manifest.rules.softTimeout
    this.ignoresResult = ignoreResult ?? manifest.rules.ignoreResult
    this.signal = attempt.cancel
    this.attempt = { job: attempt.job, number: attempt.attempt, token: attempt.token, version, parent }
    this.#attempt = attempt
    this.#listener = listener
  }

  onProgress(progress: Progress): void {
    this.#listener.progressed(this.#attempt, progress)
  }

  onLog(line: LogLine): void {
    this.#listener.logged(this.#attempt, line)
  }

  onHold(what: HoldScope, ms: number): void {
    this.#listener.holds(this.#attempt, what, ms)
  }

  settled(outcome: Outcome): void {
    this.#listener.ended(this.#attempt, outcome)
  }
}
