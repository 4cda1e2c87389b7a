import type { DatabaseSync } from 'node:sqlite'
import { type Job, type NewJob, happen } from '../../jobs/job.ts'
import { expired } from '../../jobs/limits.ts'
import { hasExpired, rescue } from '../../jobs/rescue.ts'
import { type JobState, canHappen, finalStates } from '../../jobs/states.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type Place, places } from '../../tasks/task.ts'
import type { AttemptRef, BrokerStats, Delivery, Reservation, ReserveRequest, Settled, Settlement, Sweep } from '../broker.ts'
import { QueueCounts, noJobs } from '../queue-counts.ts'
import type { Change, ChangeOutcome, JobFilter, PurgeFilter } from '../store.ts'
import { placeCodes, stateCodes, stateNames } from './codes.ts'
import { type Durability, openFile } from './file.ts'
import { type Row, jobOf } from './rows.ts'
import { type Standing, standingOf, written } from './standing.ts'
import { type Statements, prepareAll } from './statements.ts'
import { readStats } from './stats.ts'

/** What a transaction of this engine brought about: `queues` where a listener may have something to do, and whether jobs ended. */
export interface Committed {
  readonly queues: ReadonlySet<string>
  readonly ended: boolean
}

/**
 * One transaction never moves more than this many jobs of itself (those that fell due, those that expired), so that a
 * hundred thousand falling due at once hold the file's lock in many short turns. The rest follows with the next call.
 */
const mostAtOnce = 1_000

const final: ReadonlySet<JobState> = new Set(finalStates)

/**
 * The ports on a SQLite file: each method is one transaction, synchronous, and throws SQLite's own error where the file is locked.
 *
 * What becomes of a job is decided by `happen`; statements repeat only `due` and `reserve`, which concern many jobs at once.
 */
export class SqliteEngine {
  readonly #db: DatabaseSync
  readonly #clock: Pick<Clock, 'now'>
  readonly #sql: Statements
  readonly #committed: (what: Committed) => void
  // Of the transaction that is open:
  readonly #counts = new QueueCounts()
  readonly #news = new Set<string>()
  #lastEnded: number | undefined

  /** @throws BackendError; SQLite's own error where the file is locked */
  constructor(path: string, durability: Durability, clock: Pick<Clock, 'now'>, committed: (what: Committed) => void) {
    this.#db = openFile(path, durability)
    this.#clock = clock
    this.#committed = committed
    this.#sql = prepareAll(this.#db)
  }

  publish(jobs: readonly NewJob[]): void {
    const { insertJob, insertPayload } = this.#sql
    this.#write((now) => {
      for (const { id, task, queue, place, priority, payload, delay, expires } of jobs) {
        const state = delay > 0 ? 'scheduled' : 'ready'
        const { changes, lastInsertRowid } = insertJob.run(
          id, task, queue, placeCodes[place], priority, stateCodes[state], now + delay, expires === Infinity ? null : now + expires, now
        )
        if (changes === 0) continue
        insertPayload.run(lastInsertRowid, payload)
        this.#counts.add(queue, state, 1)
        this.#news.add(queue)
      }
    })
  }

  reserve(request: ReserveRequest): Reservation {
    return this.#write((now) => this.#reserve(request, now))
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Settled {
    return this.#write((now) => {
      const stale: AttemptRef[] = []
      for (const { job, token, outcome } of settlements) {
        const row = this.#sql.byId.get(job)
        const standing = row && standingOf(row)
        if (standing?.job.state === 'active' && standing.job.token === token) this.#step(standing, happen(standing.job, outcome, now))
        else stale.push({ job, token })
      }
      return next ? { stale, reservation: this.#reserve(next, now) } : { stale }
    })
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number): AttemptRef[] {
    return this.#write((now) => {
      const number = this.#renew(worker, now + lease)
      return held.filter(({ job, token }) => {
        const [current, holder] = this.#sql.holder.get(job) ?? []
        return holder !== number || current !== token
      })
    })
  }

  /** @param stalled nothing is to be rescued: the leases may be old through no fault of their workers */
  sweep(stalled: boolean): Sweep {
    return this.#write((now) => {
      const rescued: AttemptRef[] = []
      const buried: string[] = []
      const lost = stalled ? [] : this.#sql.lostWorkers.all(now)
      for (const [worker] of lost as [number][]) {
        for (const row of this.#sql.heldBy.all(worker)) {
          const standing = standingOf(row)
          const after = rescue(standing.job, now)
          this.#step(standing, after)
          if (after.state === 'ready') rescued.push({ job: after.id, token: after.token })
          else if (after.state === 'dead') buried.push(after.id)
        }
        this.#sql.forget.run(worker)
      }
      for (const row of this.#sql.expired.all(now, mostAtOnce)) buried.push(this.#expire(row, now))
      return { rescued, buried, stalled }
    })
  }

  leave(worker: string): void {
    this.#write((now) => {
      const [number] = (this.#sql.workerNumber.get(worker) ?? []) as [number?]
      if (number === undefined) return
      for (const row of this.#sql.heldBy.all(number)) {
        const standing = standingOf(row)
        this.#step(standing, happen(standing.job, { event: 'release' }, now))
      }
      this.#sql.forget.run(number)
    })
  }

  commit(changes: readonly Change[]): ChangeOutcome[] {
    return this.#write((now) => changes.map(({ job, event }) => {
      const row = this.#sql.byId.get(job)
      if (!row) return undefined
      const standing = standingOf(row)
      if (!canHappen(standing.job.state, event)) return standing.job.state
      const after = happen(standing.job, { event }, now)
      this.#step(standing, after)
      if (event === 'revive') this.#sql.expireNever.run(standing.seq)
      return after.state
    }))
  }

  purge({ states, queue, olderThan, limit }: PurgeFilter): number {
    return this.#write((now) => {
      const rows = this.#sql.purgeable.all(JSON.stringify(states.map((state) => stateCodes[state])), queue ?? null, now - olderThan, limit) as [number, number, string, number][]
      // The newest ending stays: the next one is numbered after it, and those who watch count on numbers that rise.
      const newest = lastEnded(this.#sql)
      for (const [seq, ended, ofQueue, state] of rows) {
        this.#sql.dropJob.run(seq)
        this.#sql.dropPayload.run(seq)
        if (ended !== newest) this.#sql.dropEnding.run(ended)
        else this.#sql.emptyEnding.run(ended)
        this.#counts.add(ofQueue, stateNames[state]!, -1)
      }
      return rows.length
    })
  }

  read(jobs: readonly string[]): (Job | undefined)[] {
    return this.#read(() => jobs.map((job) => {
      const row = this.#sql.job.get(job)
      return row && jobOf(row)
    }))
  }

  /** Runs `look` on the file as it is at one moment; `look` must only read. */
  at<T>(look: (sql: Statements) => T): T {
    return this.#read(() => look(this.#sql))
  }

  list({ state, queue, task, after, limit }: JobFilter): Job[] {
    return this.#sql.jobs.all(after ?? '', state === undefined ? null : stateCodes[state], queue ?? null, task ?? null, limit).map(jobOf)
  }

  stats(): BrokerStats {
    return this.#read(() => readStats(this.#sql, this.#clock.now()))
  }

  /** Changes when another connection, here or in another process, has committed anything. */
  dataVersion(): number {
    return Number(this.#sql.dataVersion.get()![0])
  }

  /** For each queue, a number that rises whenever a listener to it may have something to do. */
  news(): ReadonlyMap<string, number> {
    return new Map(this.#sql.news.all() as unknown as [string, number][])
  }

  close(): void {
    this.#db.close()
  }

  #reserve({ worker, queues, room, lease }: ReserveRequest, now: number): Reservation {
    const { cancelling, nextDue } = this.#sql
    const number = this.#renew(worker, now + lease)
    this.#promote(now)
    const deliveries: Delivery[] = []
    let all = true
    for (const place of places) {
      if (room[place]) all = this.#deliver(number, { queues: [...new Set(queues)], place, room: room[place] }, now, deliveries) && all
    }
    const [due] = (nextDue.get() ?? [Infinity]) as [number]
    return {
      deliveries,
      cancelling: (cancelling.all(number) as [string, number][]).map(([job, token]) => ({ job, token })),
      nextDue: all ? Math.max(0, due - now) : 0
    }
  }

  #renew(worker: string, until: number): number {
    this.#sql.renew.run(worker, until)
    return this.#sql.workerNumber.get(worker)![0] as number
  }

  #promote(now: number): void {
    for (const [seq, queue] of this.#sql.due.all(now, mostAtOnce) as [number, string][]) {
      this.#sql.makeReady.run(seq)
      this.#counts.add(queue, 'scheduled', -1)
      this.#counts.add(queue, 'ready', 1)
    }
  }

  /** False where so many had expired that the rest must wait for the next call. */
  #deliver(
    worker: number,
    { queues, place, room }: { readonly queues: readonly string[], readonly place: Place, readonly room: number },
    now: number,
    deliveries: Delivery[]
  ): boolean {
    let left = room
    let buried = 0
    while (left > 0) {
      const rows = this.#first(queues, placeCodes[place], left)
      const asked = left
      for (const row of rows) {
        const [seq, queue, id, task, attempt, token, expiresAt, payload] = row as ReadyRow
        if (expiresAt !== null && hasExpired({ attempt, expiresAt }, now)) {
          this.#expire(this.#sql.bySeq.get(seq)!, now)
          buried++
          continue
        }
        this.#sql.claim.run(worker, seq)
        this.#counts.add(queue, 'ready', -1)
        this.#counts.add(queue, 'active', 1)
        deliveries.push({ job: id, token: token + 1, task, place, attempt: attempt + 1, payload })
        left--
      }
      if (rows.length < asked) return true
      if (buried >= mostAtOnce) return false
    }
    return true
  }

  /** The first `limit` ready jobs of several queues. */
  #first(queues: readonly string[], place: number, limit: number): readonly Row[] {
    if (queues.length === 1) return this.#sql.ready.all(queues[0]!, place, limit)
    return queues.flatMap((queue) => this.#sql.readyRanks.all(queue, place, limit) as [number, number][])
      .sort(([priority, seq], [otherPriority, otherSeq]) => otherPriority - priority || seq - otherSeq)
      .slice(0, limit)
      .map(([, seq]) => this.#sql.readyOne.get(seq)!)
  }

  #expire(row: Row, now: number): string {
    const standing = standingOf(row)
    this.#step(standing, happen(standing.job, { event: 'bury', error: expired }, now))
    return standing.job.id
  }

  /** Writes what became of a job. */
  #step(before: Standing, after: Job): void {
    const { queue, state } = before.job
    const ends = final.has(after.state)
    let ended: number | null = null
    if (ends) {
      const { finishedAt, spent, result } = after
      ended = this.#lastEnded = (this.#lastEnded ?? lastEnded(this.#sql)) + 1
      this.#sql.insertEnding.run(ended, before.seq, finishedAt!, spent?.wall ?? null, spent?.cpu ?? null, result ?? null)
    }
    this.#sql.step.run(...written(before, after, ended), before.seq)
    this.#counts.add(queue, state, -1)
    this.#counts.add(queue, after.state, 1)
    // Ready again, to be ready later, or to be cancelled: somebody must hear of it.
    if ((state === 'active' || final.has(state)) && !ends) this.#news.add(queue)
  }

  /** A transaction that writes: it has the lock before it reads anything, the time included. */
  #write<T>(change: (now: number) => T): T {
    this.#sql.begin.run()
    let result: T
    let committed: Committed
    try {
      result = change(this.#clock.now())
      committed = { queues: new Set(this.#news), ended: this.#lastEnded !== undefined }
      this.#writeCounts()
      this.#sql.commit.run()
    } catch (error) {
      // Some failures, such as a full disk, have rolled it back already.
      if (this.#db.isTransaction) this.#sql.rollback.run()
      throw error
    } finally {
      this.#counts.take()
      this.#news.clear()
      this.#lastEnded = undefined
    }
    if (committed.ended || committed.queues.size > 0) this.#committed(committed)
    return result
  }

  /** A transaction that only reads: all of it at one moment. */
  #read<T>(look: () => T): T {
    this.#sql.beginRead.run()
    try {
      return look()
    } finally {
      this.#sql.commit.run()
    }
  }

  #writeCounts(): void {
    const none = noJobs()
    const counts = this.#counts.take()
    for (const queue of this.#news) if (!counts.has(queue)) counts.set(queue, none)
    for (const [queue, c] of counts) {
      this.#sql.count.run(
        queue, this.#news.has(queue) ? 1 : 0,
        c.scheduled, c.ready, c.active, c.waiting, c.succeeded, c.failed, c.cancelled, c.dead
      )
    }
  }
}

/** The number of the job that ended last. */
export function lastEnded(sql: Statements): number {
  return Number(sql.lastEnded.get()?.[0] ?? 0)
}

type ReadyRow = [
  seq: number, queue: string, id: string, task: string, attempt: number, token: number, expiresAt: number | null, payload: Uint8Array
]
