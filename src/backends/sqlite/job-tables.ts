import { entryOf, historyLimit } from '../../jobs/history.ts'
import { type Happening, type Job, type NewJob, happen, lineOf } from '../../jobs/job.ts'
import { errorBytes } from '../../jobs/kept-error.ts'
import { type Parent, linkedBy, parentOf } from '../../jobs/link.ts'
import { told } from '../../jobs/queue-event.ts'
import { type JobState, isFinal } from '../../jobs/states.ts'
import { QueueCounts, noJobs } from '../queue-counts.ts'
import { lineCodes, stateCodes } from './codes.ts'
import { Gatekeeper } from './gatekeeper.ts'
import type { MessageTables } from './message-tables.ts'
import { type Stored, linksBytes, storedOf, tagsText } from './rows.ts'
import type { Statements } from './statements.ts'

/** So many transactions are remembered with what they ended. */
const endedKept = 1_000

/** What a transaction brought about: `queues` where a listener may have something to do, and whether jobs ended. */
export interface Committed {
  readonly queues: ReadonlySet<string>
  readonly ended: boolean
  /** There is something to hear. */
  readonly posted: boolean
}

/**
 * Moves jobs between the tables that say where they stand, and gathers what the transaction must write at its end.
 *
 * Invariant: a job is in exactly one of ready, scheduled, active and endings; in cancels only while it is active; in expiring
 * exactly while it may still expire.
 */
export class JobTables {
  readonly #sql: Statements
  readonly #messages: MessageTables
  readonly gates: Gatekeeper
  readonly #link: (job: NewJob, now: number, parent: Parent) => void
  // Of the transaction that is open:
  readonly #counts = new QueueCounts()
  readonly #news = new Set<string>()
  readonly #fromInbox = new Map<string, number>()
  #ended: number[] = []

  /** @param link publishes what a job's end publishes */
  constructor(sql: Statements, messages: MessageTables, link: (job: NewJob, now: number, parent: Parent) => void) {
    this.#sql = sql
    this.#messages = messages
    this.#link = link
    this.gates = new Gatekeeper(sql, (queue) => this.#counts.of(queue).active, (queue) => this.tell(queue))
  }

  byId(id: string): Stored | undefined {
    const row = this.#sql.byId.get(id)
    return row && storedOf(row)
  }

  bySeq(seq: number): Stored {
    return storedOf(this.#sql.bySeq.get(seq)!)
  }

  heldBy(worker: number): Stored[] {
    return this.#sql.heldBy.all(worker).map(([seq]) => this.bySeq(seq as number))
  }

  count(queue: string, state: JobState, more: number): void {
    this.#counts.add(queue, state, more)
  }

  tell(queue: string): void {
    this.#news.add(queue)
  }

  /** A job came out of the inbox: whoever listens has heard of it when it came into it. */
  noteFromInbox(queue: string): void {
    this.#fromInbox.set(queue, (this.#fromInbox.get(queue) ?? 0) + 1)
  }

  /** A job has ended, and its ending is written. */
  noteEnded(seq: number): void {
    this.#ended.push(seq)
  }

  happen(stored: Stored, happening: Happening, now: number): Job {
    const after = happen(stored.job, happening, now)
    this.become(stored, happening.event, after, now)
    return after
  }

  /** Writes what became of a job. */
  become(before: Stored, event: Happening['event'], after: Job, now: number): void {
    const { seq, job } = before
    if (after.state === job.state && after.cancelling === job.cancelling) return
    const entry = entryOf(job, event, after, now)
    if (after.state === 'active') this.#sql.insertCancel.run(before.worker!, seq)
    else {
      this.#leave(before)
      this.#enter(seq, after)
      this.#writeStory(seq, job, after)
      this.#counts.add(job.queue, job.state, -1)
      this.#counts.add(job.queue, after.state, 1)
      if (job.state === 'active') this.gates.count(job, -1)
      if (isFinal(after.state)) this.gates.ended(seq, after)
    }
    if (entry) this.#writeEntry(seq, entry)
    this.#messages.tell(() => told(job, event, after, now))
    for (const linked of linkedBy(after.state, before.links)) this.#link(linked, now, parentOf(after))
    // Ready again, to be ready later, or to be cancelled: somebody must hear of it.
    if ((job.state === 'active' || isFinal(job.state)) && !isFinal(after.state)) this.#news.add(job.queue)
  }

  /** Writes what another that came makes of a job that has not begun. */
  amend({ seq, job, ...before }: Stored, after: Job, by: NewJob | undefined): void {
    const { task, place, priority, dueAt, expiresAt, tags } = after
    const expires = expiresAt === Infinity ? null : expiresAt
    this.#leave({ seq, job, ...before })
    // Its row tells all of it again, also where it was revived before it had begun.
    this.#sql.purgeStory.run(seq)
    this.#sql.purgeKeyed.run(seq)
    this.gates.published(seq, after)
    if (by) this.#sql.replaceJob.run(task, lineCodes[place], priority, dueAt, expires, tagsText(tags), by.payload, linksBytes(by.links), seq)
    else this.#sql.mergeJob.run(priority, dueAt, expires, seq)
    this.#enter(seq, after)
    this.#counts.add(job.queue, job.state, -1)
    this.#counts.add(job.queue, after.state, 1)
  }

  /** Writes what the transaction gathered. */
  finish(now: number): Committed {
    const committed = { queues: new Set(this.#news), ended: this.#ended.length > 0, posted: this.#messages.finish(now) }
    if (committed.ended) {
      const { lastInsertRowid } = this.#sql.insertEnded.run(JSON.stringify(this.#ended))
      this.#sql.dropEnded.run(Number(lastInsertRowid) - endedKept)
    }
    const none = noJobs()
    const counts = this.#counts.take()
    for (const queue of [...this.#news, ...this.#fromInbox.keys()]) if (!counts.has(queue)) counts.set(queue, none)
    for (const [queue, c] of counts) {
      this.#sql.count.run(
        queue, (this.#news.has(queue) ? 1 : 0) + (this.#fromInbox.get(queue) ?? 0),
        c.scheduled, c.ready, c.active, c.waiting, c.succeeded, c.failed, c.cancelled, c.dead
      )
    }
    return committed
  }

  /** The transaction is over, or was given up. */
  reset(): void {
    this.#counts.take()
    this.#news.clear()
    this.#fromInbox.clear()
    this.#ended = []
    this.gates.reset()
    this.#messages.reset()
  }

  #leave({ seq, worker, rank, isParked, job }: Stored): void {
    const { state, queue, dueAt, token, cancelling, expiresAt } = job
    if (mayExpire(job)) this.#sql.dropExpiring.run(expiresAt, seq)
    if (isParked) this.#sql.dropParked.run(seq)
    if (state === 'ready') this.gates.left(seq, rank!, job)
    if (isParked) return
    if (state === 'ready') this.#sql.dropReady.run(queue, lineCodes[lineOf(job)], rank!, seq)
    else if (state === 'scheduled') this.#sql.dropScheduled.run(dueAt, seq)
    else if (state === 'active') {
      this.#sql.dropActive.run(seq, token)
      if (cancelling) this.#sql.dropCancel.run(worker!, seq)
    } else {
      // Only a revived job leaves its ending.
      this.#sql.dropEnding.run(seq)
      this.#sql.expireNever.run(seq)
      this.#sql.purgeProgress.run(seq)
    }
  }

  #enter(seq: number, job: Job): void {
    const { state, queue, dueAt, attempt, token, startedAt, finishedAt, spent, result, expiresAt } = job
    if (mayExpire(job)) this.#sql.insertExpiring.run(expiresAt, seq)
    if (state === 'ready') this.#sql.insertReady.run(queue, lineCodes[lineOf(job)], this.gates.rank(seq, job), seq, attempt, token)
    else if (state === 'scheduled') this.#sql.insertScheduled.run(dueAt, seq, attempt, token)
    else {
      this.#sql.insertEnding.run(seq, stateCodes[state], attempt, token, startedAt ?? null, finishedAt!, spent?.wall ?? null, spent?.cpu ?? null, result ?? null)
      this.#ended.push(seq)
    }
  }

  /** What its row, and the table that it stands in, cannot tell. */
  #writeStory(seq: number, before: Job, after: Job): void {
    if (isUsual(before) && isUsual(after) && before.dueAt === after.dueAt) return
    const { dueAt, rescues, deaths, deferrals, suspect, error } = after
    const spent = isFinal(after.state) ? undefined : after.spent
    this.#sql.writeStory.run(seq, dueAt, rescues, deaths, deferrals, suspect ? 1 : 0, spent?.wall ?? null, spent?.cpu ?? null, error === undefined ? null : errorBytes(error))
  }

  #writeEntry(seq: number, { at, event, attempt, token, worker, startedAt, spent, error }: NonNullable<ReturnType<typeof entryOf>>): void {
    const number = Number(this.#sql.lastEntry.get(seq)?.[0] ?? 0) + 1
    this.#sql.insertHistory.run(
      seq, number, at, event, attempt, token, worker ?? null, startedAt ?? null, spent?.wall ?? null, spent?.cpu ?? null,
      error === undefined ? null : errorBytes(error)
    )
    if (number > historyLimit) this.#sql.trimHistory.run(seq, number - historyLimit)
  }
}

export function mayExpire({ state, attempt, expiresAt }: Pick<Job, 'state' | 'attempt' | 'expiresAt'>): boolean {
  return expiresAt < Infinity && attempt === 0 && (state === 'ready' || state === 'scheduled')
}

/** Nothing of it is kept in a story. */
function isUsual({ state, rescues, deaths, deferrals, suspect, error, spent }: Job): boolean {
  return rescues === 0 && deaths === 0 && deferrals === 0 && !suspect && error === undefined && (spent === undefined || isFinal(state))
}
