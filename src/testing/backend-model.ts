import { type AttemptRef, type BrokerStats, type Delivery, type QueueStats, type Report, type Reservation, type ReserveRequest, type Settled, type Settlement, type Sweep, unknownWorker } from '../backends/broker.ts'
import type { Change, ChangeOutcome, PurgeFilter } from '../backends/store.ts'
import { type HistoryEntry, entryOf, historyOf } from '../jobs/history.ts'
import { type Happening, type Job, type NewJob, born, happen, lineOf, lines } from '../jobs/job.ts'
import { expired } from '../jobs/limits.ts'
import { type JobNews, enqueued, progressed, told } from '../jobs/queue-event.ts'
import { hasExpired, rescue } from '../jobs/rescue.ts'
import { type JobState, canHappen, isFinal, jobStates } from '../jobs/states.ts'

/**
 * What a backend does, in the plainest words: every question is answered by going through all jobs.
 * The yardstick for those that are fast.
 */
export class BackendModel {
  now: number
  /** What listeners are told of jobs. */
  readonly news: JobNews[] = []
  /** In the order of arrival. */
  readonly #jobs = new Map<string, Job>()
  readonly #payloads = new Map<string, Uint8Array>()
  readonly #history = new Map<string, HistoryEntry[]>()
  readonly #leases = new Map<string, number>()
  readonly #ending = new Set<string>()
  /** Also those whose jobs were all purged. */
  readonly #queues = new Set<string>()

  constructor(now: number) {
    this.now = now
  }

  get jobs(): readonly Job[] {
    return [...this.#jobs.values()]
  }

  publish(jobs: readonly NewJob[]): void {
    for (const job of jobs) {
      if (this.#jobs.has(job.id)) continue
      this.#jobs.set(job.id, born(job, this.now))
      this.#payloads.set(job.id, job.payload)
      this.#queues.add(job.queue)
      this.news.push(enqueued(job, this.now))
    }
  }

  reserve({ worker, queues, room, lease }: ReserveRequest): Reservation {
    this.#leases.set(worker, this.now + lease)
    for (const job of this.jobs) if (job.state === 'scheduled' && job.dueAt <= this.now) this.#happen(job, { event: 'due' })
    const deliveries: Delivery[] = []
    for (const name of lines) {
      const line = this.jobs
        .filter((job) => job.state === 'ready' && lineOf(job) === name && queues.includes(job.queue))
        .sort((a, b) => b.priority - a.priority)
      let left = room[name] ?? 0
      for (const job of line) {
        if (left === 0) break
        if (hasExpired(job, this.now)) {
          this.#happen(job, { event: 'bury', error: expired })
          continue
        }
        const { id, token, task, place, attempt, suspect, deaths, deferrals } = this.#happen(job, { event: 'reserve', worker })
        deliveries.push({ job: id, token, task, place, attempt, suspect, deaths, deferrals, payload: this.#payloads.get(id)! })
        left--
      }
    }
    const due = this.jobs.filter((job) => job.state === 'scheduled').map((job) => job.dueAt - this.now)
    return { deliveries, cancelling: this.#held(worker).filter((job) => job.cancelling).map(refOf), nextDue: Math.min(Infinity, ...due) }
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Settled {
    const stale: AttemptRef[] = []
    for (const { job: id, token, outcome } of settlements) {
      const job = this.#jobs.get(id)
      if (job?.state === 'active' && job.token === token) this.#happen(job, outcome)
      else stale.push({ job: id, token })
    }
    return next ? { stale, reservation: this.reserve(next) } : { stale }
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number): readonly AttemptRef[] {
    this.#leases.set(worker, this.now + lease)
    return held.filter(({ job, token }) => !this.#held(worker).some((own) => own.id === job && own.token === token))
  }

  sweep(): Sweep {
    const rescued: AttemptRef[] = []
    const buried: string[] = []
    for (const [worker, until] of this.#leases) {
      if (until > this.now) continue
      for (const job of this.#held(worker)) {
        const after = rescue(job, this.#ending.has(worker), this.now)
        this.#become(job, 'rescue', after)
        if (after.state === 'ready') rescued.push(refOf(job))
        if (after.state === 'dead') buried.push(job.id)
      }
      this.#forget(worker)
    }
    for (const job of this.jobs) {
      if (isFinal(job.state) || job.state === 'active' || !hasExpired(job, this.now)) continue
      this.#happen(job, { event: 'bury', error: expired })
      buried.push(job.id)
    }
    return { rescued, buried, stalled: false }
  }

  leave(worker: string): void {
    for (const job of this.#held(worker)) this.#happen(job, { event: 'release' })
    this.#forget(worker)
  }

  announce(worker: string): void {
    if (this.#leases.has(worker)) this.#ending.add(worker)
  }

  report(reports: readonly Report[]): void {
    for (const { job: id, token, progress } of reports) {
      const job = this.#jobs.get(id)
      if (job?.state !== 'active' || job.token !== token || !progress) continue
      this.#jobs.set(id, { ...job, progress })
      this.news.push(progressed(job, progress, this.now))
    }
  }

  history(id: string): readonly HistoryEntry[] | undefined {
    const job = this.#jobs.get(id)
    return job && historyOf(job, this.#history.get(id) ?? [])
  }

  commit(changes: readonly Change[]): readonly ChangeOutcome[] {
    return changes.map(({ job: id, event }) => {
      const job = this.#jobs.get(id)
      return job && (canHappen(job.state, event) ? this.#happen(job, { event }) : job).state
    })
  }

  purge({ states, queue, olderThan, limit }: PurgeFilter): string[] {
    const gone = this.jobs
      .filter((job) => isFinal(job.state) && states.includes(job.state) && (queue === undefined || job.queue === queue) && job.finishedAt! <= this.now - olderThan)
      .slice(0, limit)
    for (const { id } of gone) {
      this.#jobs.delete(id)
      this.#history.delete(id)
    }
    return gone.map(({ id }) => id)
  }

  stats(): BrokerStats {
    const ready = this.jobs.filter((job) => job.state === 'ready')
    const workers = [...this.#leases].filter(([, until]) => until > this.now)
      .map(([id, until]) => ({ id, leaseLeft: until - this.now, active: this.#held(id).length, ...unknownWorker }))
    return {
      queues: Object.fromEntries([...this.#queues].map((queue) => [queue, statsOf(this.jobs.filter((job) => job.queue === queue))])),
      workers,
      oldestReady: Math.max(0, ...ready.map((job) => this.now - job.dueAt))
    }
  }

  #held(worker: string): Job[] {
    return this.jobs.filter((job) => job.worker === worker)
  }

  #happen(job: Job, happening: Happening): Job {
    const after = happen(job, happening, this.now)
    this.#become(job, happening.event, after)
    return after
  }

  #become(job: Job, event: Happening['event'], after: Job): void {
    this.#jobs.set(job.id, after)
    const news = told(job, event, after, this.now)
    if (news) this.news.push(news)
    const entry = entryOf(job, event, after, this.now)
    if (entry) this.#history.set(job.id, [...this.#history.get(job.id) ?? [], entry])
  }

  #forget(worker: string): void {
    this.#leases.delete(worker)
    this.#ending.delete(worker)
  }
}

function refOf(job: Job): AttemptRef {
  return { job: job.id, token: job.token }
}

function statsOf(jobs: readonly Job[]): QueueStats {
  return Object.fromEntries(jobStates.map((state) => [state, jobs.filter((job) => job.state === state).length])) as Record<JobState, number>
}
