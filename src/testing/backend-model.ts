import { isDeepStrictEqual } from 'node:util'
import {
  type AttemptRef, type BrokerStats, type Delivery, type QueueStats, type Report, type Reservation, type ReserveRequest, type Settled, type Settlement, type Sweep, type Taken, unknownWorker
} from '../backends/broker.ts'
import type { Change, ChangeOutcome, PurgeFilter } from '../backends/store.ts'
import {
  type Gate, type GateChange, type GateName, type GateState, type KeptGate, changedGate, eachKey, gatesOf, innerName, openGate, opensAt, paidAfter, rankOf, shownGate, turnOf
} from '../jobs/gates.ts'
import { type HistoryEntry, entryOf, historyOf } from '../jobs/history.ts'
import { type Happening, type Job, type Line, type NewJob, born, happen, lineOf, lines } from '../jobs/job.ts'
import { expired } from '../jobs/limits.ts'
import { type Link, type Parent, linkedBy, parentOf, readersOf } from '../jobs/link.ts'
import { type JobNews, enqueued, progressed, told } from '../jobs/queue-event.ts'
import { hasExpired, rescue } from '../jobs/rescue.ts'
import { type JobState, canHappen, isFinal, jobStates } from '../jobs/states.ts'
import { type KeyHold, admissionOf, amended, hasNotBegun } from '../jobs/unique.ts'

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
  readonly #links = new Map<string, readonly Link[]>()
  readonly #holds = new Map<string, KeyHold>()
  readonly #history = new Map<string, HistoryEntry[]>()
  readonly #leases = new Map<string, number>()
  readonly #ending = new Set<string>()
  /** Workers that may be handed a job, as they asked. */
  readonly #waiting = new Map<string, ReserveRequest>()
  readonly #gates = new Map<string, Map<string, KeptGate>>()
  /** Of queues that have, or had, gates or keys: how far turns have come, and each key's. */
  readonly #turns = new Map<string, { reached: number, readonly keys: Map<string, number> }>()
  readonly #ranks = new Map<string, number>()
  /** Of each key with ordered jobs, which has begun and not ended. */
  readonly #holders = new Map<string, string>()
  /** Also those whose jobs were all purged. */
  readonly #queues = new Set<string>()

  constructor(now: number) {
    this.now = now
  }

  /** Another one, which has come to where this is. */
  copy(): BackendModel {
    const copy = new BackendModel(this.now)
    copy.news.push(...this.news)
    for (const [id, job] of this.#jobs) copy.#jobs.set(id, job)
    for (const [id, payload] of this.#payloads) copy.#payloads.set(id, payload)
    for (const [id, links] of this.#links) copy.#links.set(id, links)
    for (const [key, hold] of this.#holds) copy.#holds.set(key, hold)
    for (const [id, entries] of this.#history) copy.#history.set(id, entries)
    for (const [worker, until] of this.#leases) copy.#leases.set(worker, until)
    for (const worker of this.#ending) copy.#ending.add(worker)
    for (const [worker, request] of this.#waiting) copy.#waiting.set(worker, request)
    for (const [queue, gates] of this.#gates) copy.#gates.set(queue, new Map(gates))
    for (const [queue, { reached, keys }] of this.#turns) copy.#turns.set(queue, { reached, keys: new Map(keys) })
    for (const [id, rank] of this.#ranks) copy.#ranks.set(id, rank)
    for (const [key, id] of this.#holders) copy.#holders.set(key, id)
    for (const queue of this.#queues) copy.#queues.add(queue)
    return copy
  }

  /** Nobody can ever tell one from the other. */
  isLike(other: BackendModel): boolean {
    return isDeepStrictEqual(this.#all(), other.#all())
  }

  #all(): readonly unknown[] {
    return [
      [...this.#jobs], this.news, this.#payloads, this.#links, this.#holds, this.#history, this.#leases, this.#ending, this.#waiting, this.#gates, this.#turns, this.#ranks, this.#holders, this.#queues
    ]
  }

  get jobs(): readonly Job[] {
    return [...this.#jobs.values()]
  }

  publish(jobs: readonly NewJob[]): readonly Taken[] {
    return jobs.map((job) => this.#publish(job)).filter((taken) => taken !== undefined)
  }

  reserve(request: ReserveRequest): Reservation {
    const { worker, queues, room, lease } = request
    this.#leases.set(worker, this.now + lease)
    const due = this.jobs.filter((job) => job.state === 'scheduled' && job.dueAt <= this.now).sort((a, b) => a.dueAt - b.dueAt)
    for (const job of due) this.#happen(job, { event: 'due' })
    const deliveries: Delivery[] = []
    for (const name of lines) {
      for (let left = room[name] ?? 0; left > 0;) {
        const job = this.#next(name, queues)
        if (!job) break
        if (hasExpired(job, this.now)) this.#happen(job, { event: 'bury', error: expired })
        else {
          deliveries.push(this.#deliver(job, worker))
          left--
        }
      }
    }
    if (request.waits && this.#held(worker).length === 0) this.#waiting.set(worker, request)
    else this.#waiting.delete(worker)
    const waits = this.jobs.filter((job) => job.state === 'scheduled').map((job) => job.dueAt - this.now)
    return { deliveries, cancelling: this.#held(worker).filter((job) => job.cancelling).map(refOf), nextDue: Math.min(Infinity, ...waits) }
  }

  /** A job that was just published to a worker that waits. Undefined where that could not have taken it. */
  hand(id: string, worker: string): Delivery | undefined {
    const job = this.#jobs.get(id)!
    const waits = this.#waiting.get(worker)
    const isNext = waits !== undefined && this.#leases.get(worker)! > this.now && (waits.room[lineOf(job)] ?? 0) > 0 && this.#next(lineOf(job), waits.queues) === job
    this.#waiting.delete(worker)
    return isNext ? this.#deliver(job, worker) : undefined
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

  extend(worker: string, held: readonly AttemptRef[], lease: number, unanswered = 0): readonly AttemptRef[] {
    this.#leases.set(worker, this.now + lease)
    for (const job of this.#held(worker)) {
      if (job.startedAt! + 2 * lease + unanswered <= this.now && !held.some((own) => own.job === job.id && own.token === job.token)) this.#happen(job, { event: 'release' })
    }
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
    // Where nothing is ready, nobody has a debt.
    for (const [queue, { keys }] of this.#turns) if (!this.jobs.some((job) => job.queue === queue && job.state === 'ready')) keys.clear()
    return { rescued, buried, stalled: false }
  }

  leave(worker: string): void {
    for (const job of this.#held(worker)) this.#happen(job, { event: 'release' })
    this.#forget(worker)
  }

  announce(worker: string): void {
    if (this.#leases.has(worker)) this.#ending.add(worker)
    this.#waiting.delete(worker)
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
    return changes.map(({ job: id, event, payload }) => {
      const job = this.#jobs.get(id)
      if (!job || !canHappen(job.state, event)) return job?.state
      if (payload) this.#payloads.set(id, payload)
      return this.#happen(job, { event }).state
    })
  }

  purge({ states, queue, olderThan, limit }: PurgeFilter): string[] {
    const gone = this.jobs
      .filter((job) => isFinal(job.state) && states.includes(job.state) && !readersOf(job, this.#links.get(job.id)!).some(({ id }) => !isFinal(this.#jobs.get(id)?.state ?? 'succeeded')) && (queue === undefined || job.queue === queue) && job.finishedAt! <= this.now - olderThan)
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

  gate(changes: readonly (GateName & GateChange)[]): void {
    for (const change of changes) {
      const { queue } = change
      const inner = innerName(change)
      this.#turned(queue)
      this.#setGate(queue, inner, changedGate(this.#gate(queue, inner), change, this.now))
    }
  }

  gates(): readonly Gate[] {
    return [...this.#gates].flatMap(([queue, of]) => Array.from(of, ([inner, gate]) => shownGate(queue, inner, gate, this.now))).filter((gate) => gate !== undefined)
  }

  /** The first of several queues: of those whose gates let the first through that nothing else holds back, the one of the highest priority, then the oldest. */
  #next(line: Line, queues: readonly string[]): Job | undefined {
    const all = this.jobs
    const firsts = [...new Set(queues)].map((queue) => all
      .filter((job) => job.queue === queue && job.state === 'ready' && lineOf(job) === line && !this.#isHeldBack(job))
      .sort((a, b) => this.#ranks.get(a.id)! - this.#ranks.get(b.id)! || byId(a, b))[0])
    return firsts.filter((job) => job !== undefined && this.#opens(job.queue, 'queue', job.cost) <= this.now).toSorted((a, b) => b!.priority - a!.priority || byId(a!, b!))[0]
  }

  #isHeldBack(job: Job): boolean {
    const holder = job.ordered ? this.#holders.get(`${job.queue} ${job.key}`) : undefined
    return (holder === undefined ? this.#comesBefore(job) : holder !== job.id) || gatesOf(job).some((inner) => this.#opens(job.queue, inner, job.cost) > this.now)
  }

  /** Whether another of its key is to begin before one that is ordered. */
  #comesBefore(job: Job): boolean {
    const others = this.jobs.filter(({ queue, key, ordered, state }) => ordered && state === 'ready' && queue === job.queue && key === job.key)
    return job.ordered && others.some((other) => (this.#ranks.get(other.id)! - this.#ranks.get(job.id)! || byId(other, job)) < 0)
  }

  #deliver(job: Job, worker: string): Delivery {
    this.#pass(job)
    const { id, token, task, place, attempt, suspect, deaths, deferrals } = this.#happen(job, { event: 'reserve', worker })
    return { job: id, token, task, place, attempt, suspect, deaths, deferrals, payload: this.#payloads.get(id)! }
  }

  #opens(queue: string, inner: string, cost: number): number {
    return opensAt(this.#gateState(queue, inner), cost, this.now)
  }

  #gateState(queue: string, inner: string): GateState {
    const own = this.#gate(queue, inner)
    const rule = own.rule ?? (inner.startsWith('key ') ? this.#gate(queue, eachKey).rule : undefined)
    const active = this.jobs.filter((job) => job.queue === queue && job.state === 'active' && (inner === 'queue' || gatesOf(job).includes(inner))).length
    return { ...own, rule, active }
  }

  #gate(queue: string, inner: string): KeptGate {
    return this.#gates.get(queue)?.get(inner) ?? openGate
  }

  #setGate(queue: string, inner: string, gate: KeptGate): void {
    const of = this.#gates.get(queue) ?? new Map<string, KeptGate>()
    this.#gates.set(queue, of.set(inner, gate))
  }

  /** A job goes through its gates. */
  #pass(job: Job): void {
    const turns = this.#turns.get(job.queue)
    if (turns) turns.reached = Math.max(turns.reached, this.#ranks.get(job.id)! - rankOf(job, 0))
    if (job.ordered) this.#holders.set(`${job.queue} ${job.key}`, job.id)
    for (const inner of ['queue', ...gatesOf(job)]) {
      const state = this.#gateState(job.queue, inner)
      if (state.rule?.rate) this.#setGate(job.queue, inner, { ...this.#gate(job.queue, inner), paidAt: paidAfter(state, job.cost, this.now) })
    }
  }

  #turned(queue: string): { reached: number, readonly keys: Map<string, number> } {
    let turns = this.#turns.get(queue)
    if (!turns) this.#turns.set(queue, turns = { reached: 0, keys: new Map() })
    return turns
  }

  /** Gives a job that is ready its place in the line. */
  #rank(job: Job): void {
    const turns = this.#turns.get(job.queue)
    if (!turns) return void this.#ranks.set(job.id, rankOf(job, 0))
    const key = job.key ?? ''
    const { turn, finish } = turnOf(turns.reached, turns.keys.get(key) ?? 0, this.#gateState(job.queue, `key ${key}`).rule?.weight)
    if (job.token === 0) turns.keys.set(key, finish)
    this.#ranks.set(job.id, rankOf(job, job.token === 0 ? turn : turns.reached))
  }

  #publish(job: NewJob, parent?: Parent): Taken | undefined {
    if (this.#jobs.has(job.id)) return undefined
    if (job.unique) {
      const key = `${job.queue} ${job.unique.key}`
      const hold = this.#holds.get(key)
      const holder = hold && this.#jobs.get(hold.job)
      const admission = admissionOf(job.unique, hold, holder, this.now)
      if (admission === 'merged' && holder && hasNotBegun(holder)) this.#set(amended(holder, job, admission, this.now))
      if (admission === 'replaced') this.#keep(holder!.id, job, amended(holder!, job, admission, this.now))
      if (admission === 'created' || admission === 'replaced') this.#holds.set(key, { job: admission === 'created' ? job.id : holder!.id, until: this.now + job.unique.window })
      if (admission !== 'created') return { job: job.id, admission, holder: hold!.job }
    }
    this.#keep(job.id, job, born(job, this.now, parent))
    this.#queues.add(job.queue)
    this.news.push(enqueued(job, this.now))
    return undefined
  }

  #keep(id: string, { payload, links = [] }: NewJob, job: Job): void {
    if (job.key !== undefined) this.#turned(job.queue)
    this.#set(job)
    this.#payloads.set(id, payload)
    this.#links.set(id, links)
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
    this.#set(after)
    const news = told(job, event, after, this.now)
    if (news) this.news.push(news)
    if (isFinal(after.state) && this.#holders.get(`${job.queue} ${job.key}`) === job.id) this.#holders.delete(`${job.queue} ${job.key}`)
    const entry = entryOf(job, event, after, this.now)
    if (entry) this.#history.set(job.id, [...this.#history.get(job.id) ?? [], entry])
    if (isFinal(after.state)) for (const linked of linkedBy(after.state, this.#links.get(job.id)!)) this.#publish(linked, parentOf(after))
  }

  #set(job: Job): void {
    this.#jobs.set(job.id, job)
    if (job.state === 'ready') this.#rank(job)
  }

  #forget(worker: string): void {
    this.#leases.delete(worker)
    this.#ending.delete(worker)
    this.#waiting.delete(worker)
  }
}

function refOf(job: Job): AttemptRef {
  return { job: job.id, token: job.token }
}

function statsOf(jobs: readonly Job[]): QueueStats {
  return Object.fromEntries(jobStates.map((state) => [state, jobs.filter((job) => job.state === state).length])) as Record<JobState, number>
}

/** Ids rise: so it is the order of arrival, but where two were asked for in the same moment. */
function byId(a: Job, b: Job): number {
  return a.id < b.id ? -1 : Number(a.id > b.id)
}
