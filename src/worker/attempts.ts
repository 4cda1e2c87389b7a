import type { Backend } from '../backends/backend.ts'
import type { AttemptRef, Delivery, Settlement } from '../backends/broker.ts'
import type { HeldAttempt } from '../backends/control.ts'
import { argsName } from '../backends/payloads/payload-names.ts'
import type { Outcome, ResizableExecutor } from '../executors/executor.ts'
import type { TaskManifest } from '../executors/calls/messages.ts'
import { keptError } from '../jobs/kept-error.ts'
import type { Line } from '../jobs/job.ts'
import type { Parent } from '../jobs/link.ts'
import { allowsRetry } from '../jobs/retry.ts'
import type { Clock } from '../kernel/clock.ts'
import { PayloadMissingError, StaleAttemptError, TaskTooOldError, UnknownTaskError } from '../kernel/errors.ts'
import type { LogLine, Logger } from '../kernel/logger.ts'
import type { HoldScope } from '../tasks/context.ts'
import type { Progress } from '../tasks/progress.ts'
import type { Place } from '../tasks/task.ts'
import { isReference } from '../wire/claim-check.ts'
import { type EnvelopeHeader, openEnvelope } from '../wire/envelope.ts'
import { toPortable } from '../wire/portable-error.ts'
import { Attempt, AttemptCall, type AttemptListener } from './attempt.ts'
import type { Lane } from './lane.ts'
import type { PayloadDesk } from './payload-desk.ts'
import type { Reports } from './reports.ts'
import { bounded, deferred, settlementOf } from './settle.ts'
import type { Tally } from './tally.ts'

export interface AttemptsParts {
  readonly backend: Backend
  readonly lanes: ReadonlyMap<Line, Lane>
  readonly executors: ReadonlyMap<Place, ResizableExecutor>
  /** By their names and aliases. */
  readonly tasks: ReadonlyMap<string, TaskManifest>
  readonly reports: Reports
  readonly desk: PayloadDesk | undefined
  readonly tally: Tally
  readonly clock: Clock
  readonly log: Logger
  /** @param lane where the attempt was held */
  settle(settlement: Settlement, lane: Lane | undefined): void
  /** None is held any more. */
  onNone(): void
}

/** More are not remembered: they share a loop again. */
const mostRemembered = 10_000

/** The attempts in a worker's hands: gives each to an executor, and settles it as it ended. */
export class Attempts implements AttemptListener {
  readonly #parts: AttemptsParts
  readonly #held = new Map<string, Attempt>()
  readonly #lostTheirLoop = new Set<string>()

  constructor(parts: AttemptsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#held.size
  }

  [Symbol.iterator](): IterableIterator<Attempt> {
    return this.#held.values()
  }

  /** Those that run, or those that wait behind them. */
  list(of: 'active' | 'reserved'): readonly HeldAttempt[] {
    const now = this.#parts.clock.elapsed()
    const left = new Map(Array.from(this.#parts.lanes.values(), (lane) => [lane, lane.executor.concurrency]))
    return [...this.#held.values()].filter(({ lane }) => {
      const room = left.get(lane)!
      left.set(lane, room - 1)
      return of === 'active' ? room > 0 : room <= 0
    }).map(({ job, task, attempt, token, since }) => ({ job, task, attempt, token, held: now - since }))
  }

  start(delivery: Delivery): void {
    const { job, token, task, place, suspect } = delivery
    const { tasks, lanes, desk, clock } = this.#parts
    const manifest = tasks.get(task)
    if (!manifest) return this.#lacking(delivery, new UnknownTaskError(task, [...new Set(Array.from(tasks.values(), ({ name }) => name))]))
    let envelope
    try {
      envelope = openEnvelope(delivery.payload)
      if (isReference(envelope.args)) argsName(job) // an id that names no payload is no better than a broken envelope
    } catch (error) {
      return this.#parts.settle(bounded({ job, token, outcome: { event: 'bury', error: toPortable(error) } }), undefined)
    }
    const { header, args } = envelope
    const { version = 1 } = header
    if (version > manifest.version) return this.#lacking(delivery, new TaskTooOldError(task, version, manifest.version))
    if (isReference(args) && !desk) return this.#lacking(delivery, new PayloadMissingError(`What job ${job} is called with`, 'unconfigured'))
    const lane = lanes.get(suspect ? 'suspect' : place)!
    const attempt = new Attempt(delivery, manifest, header, lane, clock.elapsed())
    this.#held.set(job, attempt)
    lane.take()
    if (header.linked || isReference(args)) void this.#fetch(attempt, header, args)
    else this.#submit(attempt, header, args, undefined)
  }

  cancel({ job, token }: AttemptRef): void {
    this.#heldAs(job, token)?.cancel.abort()
  }

  loseLease({ job, token }: AttemptRef): void {
    const held = this.#heldAs(job, token)
    if (!held) return
    this.#parts.log.warn({ job, task: held.task, delivery: token }, 'lease lost: another worker may have the job, and this outcome will be refused')
    held.cancel.abort()
  }

  /** Its outcome came too late. */
  refused({ job, token }: AttemptRef): void {
    const error = new StaleAttemptError(job, token)
    this.#parts.log.warn({ job, delivery: token, code: error.code }, error.message)
    this.#parts.desk?.refused({ job, token })
  }

  progressed(attempt: Attempt, progress: Progress): void {
    this.#parts.reports.progress(attempt, progress)
  }

  logged(attempt: Attempt, line: LogLine): void {
    this.#parts.reports.line(attempt, line)
  }

  holds(attempt: Attempt, what: HoldScope, ms: number): void {
    attempt.holding = Promise.all([attempt.holding, this.#hold(attempt, what, ms)])
  }

  ended(attempt: Attempt, outcome: Outcome): void {
    if (attempt.holding || this.#parts.desk?.takes(outcome)) void this.#endLater(attempt, outcome)
    else this.#end(attempt, outcome)
  }

  #submit(attempt: Attempt, header: EnvelopeHeader, args: Uint8Array, parent: Parent | undefined): void {
    const { suspect, lane, manifest, job } = attempt
    // A job that lost the loop it shared may be what made it end: then it has a thread to itself, and only it is lost with that.
    const executor = suspect ? lane.executor : this.#parts.executors.get(manifest.runs === 'loop' && this.#lostTheirLoop.has(job) ? 'thread' : manifest.runs) ?? lane.executor
    const call = new AttemptCall(attempt, header, args, parent, this)
    try {
      executor.submit(call, call)
    } catch (thrown) {
      this.#end(attempt, this.#threw(attempt, thrown))
    }
  }

  /** What is kept elsewhere of what it is called with. */
  async #fetch(attempt: Attempt, header: EnvelopeHeader, args: Uint8Array): Promise<void> {
    const { job } = attempt
    try {
      const [whole, parent] = await Promise.all([isReference(args) ? this.#parts.desk!.fetch(job, args) : args, header.linked ? this.#parentOf(job) : undefined])
      this.#submit(attempt, header, whole, parent)
    } catch (thrown) {
      this.#end(attempt, this.#threw(attempt, thrown))
    }
  }

  /** How the job ended whose end published this one. */
  async #parentOf(job: string): Promise<Parent | undefined> {
    const [known] = await this.#parts.backend.read([job])
    const parent = known?.parent
    if (!parent || !isReference(parent.outcome)) return parent
    if (!this.#parts.desk) throw new PayloadMissingError(`The result of job ${parent.job}`, 'unconfigured')
    return { ...parent, outcome: await this.#parts.desk.fetchResult(parent) }
  }

  /** Others like it would have to wait. Where the broker cannot be told, they do not. */
  async #hold({ job, task }: Attempt, what: HoldScope, holdFor: number): Promise<void> {
    const { backend, log } = this.#parts
    try {
      const [known] = await backend.read([job])
      if (!known || (what === 'key' && known.key === undefined)) return
      const { queue, key } = known
      await backend.gate([{ queue, ...(what === 'task' ? { task: known.task } : what === 'key' ? { key: key! } : {}), holdFor }])
      log.info({ job, task, what, ms: holdFor }, 'jobs are held back: an attempt asked for it')
    } catch (err) {
      log.warn({ err, job, task }, 'what an attempt would have held back could not be')
    }
  }

  /** What it held back is before its place is free for another that is to wait; and a large result is kept first. */
  async #endLater(attempt: Attempt, outcome: Outcome): Promise<void> {
    const { desk } = this.#parts
    try {
      await attempt.holding
      if (desk?.takes(outcome)) outcome = await desk.keep(attempt, outcome)
    } catch (thrown) {
      outcome = this.#threw(attempt, thrown)
    }
    this.#end(attempt, outcome)
  }

  #threw({ retry, since }: Attempt, thrown: unknown): Outcome {
    const error = toPortable(thrown)
    return { kind: 'threw', error, mayRetry: allowsRetry(error, retry), spent: { wall: this.#parts.clock.elapsed() - since, cpu: 0 } }
  }

  #end(attempt: Attempt, outcome: Outcome): void {
    const { tally, log } = this.#parts
    const { job, task, lane, manifest } = attempt
    lane.drop('spent' in outcome ? outcome.spent.wall : undefined)
    tally.count(task, outcome)
    if (outcome.kind !== 'handedBack') this.#lostTheirLoop.delete(job)
    else if (manifest.runs === 'loop' && this.#lostTheirLoop.size < mostRemembered) this.#lostTheirLoop.add(job)
    if (this.#held.get(job) === attempt) this.#held.delete(job)
    if (this.#held.size === 0) this.#parts.onNone()
    const settlement = this.#settlementOf(attempt, outcome)
    if (outcome.kind !== 'returned') {
      // What was handed back has an error that the job does not: what it was handed back for.
      const err = 'error' in settlement.outcome ? settlement.outcome.error : 'error' in outcome ? keptError(outcome.error) : undefined
      log.warn({ job, task, attempt: attempt.attempt, outcome: outcome.kind, ...(err ? { err } : {}) }, 'attempt did not succeed')
    }
    this.#parts.settle(settlement, lane)
  }

  /** An outcome of a form that nobody foresaw, as a task that reaches its thread's port may make one, is a failure, and no end of the worker. */
  #settlementOf(attempt: Attempt, outcome: Outcome): Settlement {
    try {
      return settlementOf(attempt, outcome, Math.random())
    } catch (error) {
      return bounded({ job: attempt.job, token: attempt.token, outcome: { event: 'fail', error: toPortable(error) } })
    }
  }

  #lacking(delivery: Delivery, error: UnknownTaskError | TaskTooOldError | PayloadMissingError): void {
    const { job, task } = delivery
    this.#parts.log.error({ job, task, code: error.code }, error.message)
    this.#parts.settle(bounded(deferred(delivery, toPortable(error))), undefined)
  }

  #heldAs(job: string, token: number): Attempt | undefined {
    const held = this.#held.get(job)
    return held?.token === token ? held : undefined
  }
}
