import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import { type HistoryEntry, type JobLogLine, type KeptStory, entryOf, historyLimit, historyOf, logLimit } from '../../jobs/history.ts'
import { type Happening, type Job, type Line, type NewJob, born, happen, lineOf, lines } from '../../jobs/job.ts'
import { errorBytes } from '../../jobs/kept-error.ts'
import { expired } from '../../jobs/limits.ts'
import { type Link, type Parent, linkedBy, parentOf, readersOf } from '../../jobs/link.ts'
import { enqueued, progressed, told as newsOf } from '../../jobs/queue-event.ts'
import { hasExpired, rescue } from '../../jobs/rescue.ts'
import { type FinalState, type JobState, canHappen, isFinal } from '../../jobs/states.ts'
import { type KeyHold, type UniqueRule, admissionOf, amended, hasNotBegun } from '../../jobs/unique.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { ClosedError } from '../../kernel/errors.ts'
import { checkOptions } from '../../kernel/options.ts'
import type { Backend } from '../backend.ts'
import {
  type AttemptRef, type BrokerCapabilities, type BrokerStats, type Delivery, type Report, type Reservation, type ReserveRequest, type Settled, type Settlement, type Sweep, type Taken,
  type WorkerInfo, unknownWorker
} from '../broker.ts'
import type { Hearer, Hearing } from '../bus.ts'
import { bytesBehind } from '../held-bytes.ts'
import { Listeners } from '../listeners.ts'
import { QueueCounts } from '../queue-counts.ts'
import { type DueSchedules, type ScheduleChange, type ScheduleFilter, type ScheduleList, scheduleNews } from '../schedules.ts'
import { shareOn } from '../shared/share.ts'
import type { SharedReply, SharedRequest } from '../shared-store.ts'
import type { Change, ChangeOutcome, Ending, JobFilter, PurgeFilter, Purged, Watch, Weighed } from '../store.ts'
import { EndingWatches } from './ending-watches.ts'
import { Gatekeeper, isBefore, mostHeldBack } from './gatekeeper.ts'
import { MemorySharedTables } from './shared-tables.ts'
import { KeptSchedules } from './kept-schedules.ts'
import { MemoryBus } from './memory-bus.ts'
import { Heap } from '../../concurrency/heap.ts'

export interface MemoryOptions {
  /** Leases and delays run on it. Default: the machine's clock. */
  clock?: Clock
}

/**
 * A backend in this process's memory, for tests and for one program alone: it and its jobs end together.
 *
 * @throws InvalidOptionError
 */
export function memory(options: MemoryOptions = {}): Backend {
  return new MemoryBackend(checkOptions('memory()', options, { clock: true }).clock ?? systemClock)
}

interface Entry {
  /** The order of arrival. */
  readonly seq: number
  readonly payload: Uint8Array
  /** What it came with, where that was mended. */
  readonly original?: Uint8Array
  readonly links: readonly Link[]
  job: Job
  rank: number
  history?: HistoryEntry[]
  logs?: JobLogLine[]
}

/**
 * Invariants: an entry is in the heap of its line exactly while its job is ready, and in `#due` exactly while it is scheduled,
 * save those whose jobs ended there: these are passed over when they come to the top.
 */
class MemoryBackend implements Backend {
  readonly capabilities: BrokerCapabilities = { settleIsCommit: true, durable: false }
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  readonly #lines = new Map<string, Heap<Entry>>()
  readonly #due = new Heap<Entry>((a, b) => a.job.dueAt === b.job.dueAt ? a.seq < b.seq : a.job.dueAt < b.job.dueAt)
  /** Entries that may yet expire. */
  readonly #mortal = new Set<Entry>()
  readonly #leases = new Map<string, number>()
  readonly #infos = new Map<string, WorkerInfo>()
  readonly #held = new Map<string, Set<Entry>>()
  /** Workers that announced their end. */
  readonly #ending = new Set<string>()
  /** By queue and key. */
  readonly #holds = new Map<string, KeyHold>()
  readonly #gates = new Gatekeeper<Entry>()
  readonly #counts = new QueueCounts()
  readonly #listeners = new Listeners()
  readonly #watches = new EndingWatches()
  readonly #bus = new MemoryBus()
  readonly #schedules = new KeptSchedules({ publish: (job, now) => this.#publish(job, now), sooner: () => this.#listeners.tell([scheduleNews]) })
  readonly #shared = new MemorySharedTables()
  readonly #sessions = new Listeners()
  #seq = 0
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async publish(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    const now = this.#open()
    return jobs.map((job) => this.#publish(job, now)).filter((taken) => taken !== undefined)
  }

  async reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#reserve(request, this.#open())
  }

  async settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled> {
    const now = this.#open()
    const stale: AttemptRef[] = []
    for (const { job, token, outcome } of settlements) {
      const entry = this.#entries.get(job)
      if (entry?.job.state === 'active' && entry.job.token === token) this.#happen(entry, outcome, now)
      else stale.push({ job, token })
    }
    return next ? { stale, reservation: this.#reserve(next, now) } : { stale }
  }

  async extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered = 0): Promise<readonly AttemptRef[]> {
    const now = this.#open()
    if (info) this.#infos.set(worker, info)
    if (!this.#renew(worker, lease, now) && this.#bus.hearsEvents) this.#bus.tell({ type: 'worker-heartbeat', at: now, ...this.#shown(worker) })
    const kept = new Set<string>()
    const lost = held.filter(({ job, token }) => {
      const known = this.#entries.get(job)?.job
      if (known?.worker !== worker || known.token !== token) return true
      kept.add(job)
      return false
    })
    for (const entry of this.#held.get(worker) ?? []) {
      const { id, startedAt } = entry.job
      if (!kept.has(id) && startedAt! + 2 * lease + unanswered <= now) this.#happen(entry, { event: 'release' }, now)
    }
    return lost
  }

  async sweep(_patience: number): Promise<Sweep> {
    const now = this.#open()
    const rescued: AttemptRef[] = []
    const buried: string[] = []
    for (const [worker, until] of this.#leases) {
      if (until > now) continue
      for (const entry of this.#held.get(worker) ?? []) {
        const { id, token } = entry.job
        this.#become(entry, 'rescue', rescue(entry.job, this.#ending.has(worker), now), now)
        if (entry.job.state === 'ready') rescued.push({ job: id, token })
        else if (entry.job.state === 'dead') buried.push(id)
      }
      this.#forget(worker, true, now)
    }
    for (const entry of this.#mortal) {
      if (entry.job.state === 'active' || !hasExpired(entry.job, now)) continue
      this.#happen(entry, { event: 'bury', error: expired }, now)
      buried.push(entry.job.id)
    }
    for (const [key, { job, until }] of this.#holds) if (until <= now && !this.#entries.has(job)) this.#holds.delete(key)
    this.#gates.trim(now, (queue) => this.#counts.of(queue).ready === 0)
    return { rescued, buried, stalled: false }
  }

  async gate(changes: readonly (GateName & GateChange)[]): Promise<void> {
    const now = this.#open()
    for (const change of changes) this.#gates.change(change, change, now, this.#active())
    this.#listeners.tell(changes.map(({ queue }) => queue))
  }

  async gates(): Promise<readonly Gate[]> {
    return this.#gates.all(this.#open())
  }

  async leave(worker: string): Promise<void> {
    const now = this.#open()
    for (const entry of this.#held.get(worker) ?? []) this.#happen(entry, { event: 'release' }, now)
    this.#forget(worker, false, now)
  }

  async announce(worker: string): Promise<void> {
    this.#open()
    if (this.#leases.has(worker)) this.#ending.add(worker)
  }

  async report(reports: readonly Report[]): Promise<void> {
    const now = this.#open()
    for (const { job, token, progress, logs } of reports) {
      const entry = this.#entries.get(job)
      if (entry?.job.state !== 'active' || entry.job.token !== token) continue
      if (progress) {
        entry.job = { ...entry.job, progress }
        if (this.#bus.hearsEvents) this.#bus.tell(progressed(entry.job, progress, now))
      }
      if (logs) entry.logs = [...entry.logs ?? [], ...logs].slice(-logLimit)
    }
  }

  listen(queues: readonly string[], wake: () => void): Disposable {
    this.#open()
    return this.#listeners.listen(queues, wake)
  }

  async stats(): Promise<BrokerStats> {
    const now = this.#open()
    let oldest = now
    for (const line of this.#lines.values()) {
      for (const { job } of line) if (job.state === 'ready') oldest = Math.min(oldest, job.dueAt)
    }
    const workers = [...this.#leases].filter(([, until]) => until > now)
      .map(([id, until]) => ({ id, leaseLeft: until - now, active: this.#held.get(id)?.size ?? 0, ...(this.#infos.get(id) ?? unknownWorker) }))
    return { queues: this.#counts.all(), workers, oldestReady: now - oldest }
  }

  async commit(changes: readonly Change[]): Promise<readonly ChangeOutcome[]> {
    const now = this.#open()
    return changes.map(({ job, event, payload }) => {
      let entry = this.#entries.get(job)
      if (!entry || !canHappen(entry.job.state, event)) return entry?.job.state
      // Heaps may still hold the entry where it stood before it ended: what is revived must not move there.
      if (event === 'revive') this.#entries.set(job, entry = { ...entry, ...(payload ? { payload, original: entry.original ?? entry.payload } : {}) })
      this.#happen(entry, { event }, now)
      return entry.job.state
    })
  }

  async purge({ states, queue, tag, olderThan, asOf, limit, from: after }: PurgeFilter): Promise<Purged> {
    const now = this.#open()
    const isRead = ({ job, links }: Entry): boolean => readersOf(job, links).some(({ id }) => !isFinal(this.#entries.get(id)?.job.state ?? 'succeeded'))
    const gone = this.#entries.values()
      .filter((entry) => (after === undefined || entry.seq > Number(after)) && !isRead(entry))
      .filter(({ job }) => (states as readonly JobState[]).includes(job.state) && (queue === undefined || job.queue === queue)
        && (tag === undefined || job.tags.includes(tag)) && job.finishedAt! <= (asOf ?? now) - olderThan)
      .take(limit).toArray()
    for (const { job: { id, queue: own, state } } of gone) {
      this.#entries.delete(id)
      this.#counts.add(own, state, -1)
    }
    return { jobs: gone.map(({ job }) => job.id), ...(gone.length === limit ? { next: String(gone.at(-1)!.seq) } : {}) }
  }

  async weigh(): Promise<Weighed> {
    const now = this.#open()
    return { now, ended: [...this.#entries.values()].filter(({ job }) => isFinal(job.state)).map(({ payload, original, job: { finishedAt, result, error } }) => ({
      finishedAt: finishedAt!,
      bytes: payload.length + (original?.length ?? 0) + (result?.length ?? 0) + (error ? errorBytes(error).length : 0) + bytesBehind(payload, result)
    })) }
  }

  async read(jobs: readonly string[]): Promise<readonly (Job | undefined)[]> {
    this.#open()
    return jobs.map((job) => this.#entries.get(job)?.job)
  }

  async list(filter: JobFilter): Promise<readonly Job[]> {
    this.#open()
    const { state, queue, task, tag, after, limit } = filter
    // One that is gone stands where its id would: ids of one maker rise.
    const from = after === undefined ? undefined : this.#entries.get(after)?.seq
    return this.#entries.values()
      .filter(({ seq, job }) => (state === undefined || job.state === state) && (queue === undefined || job.queue === queue)
        && (task === undefined || job.task === task) && (tag === undefined || job.tags.includes(tag))
        && (after === undefined || (from === undefined ? job.id > after : seq > from)))
      .map(({ job }) => job)
      .take(limit).toArray()
  }

  async story(job: string): Promise<KeptStory | undefined> {
    this.#open()
    const entry = this.#entries.get(job)
    return entry && { history: historyOf(entry.job, entry.history ?? []), logs: entry.logs ?? [], payload: entry.payload, ...(entry.original ? { original: entry.original } : {}) }
  }

  async schedules(filter: ScheduleFilter): Promise<ScheduleList> {
    return this.#schedules.list(filter, this.#open())
  }

  async dueSchedules(limit: number): Promise<DueSchedules> {
    return this.#schedules.due(limit, this.#open())
  }

  async changeSchedules(changes: readonly ScheduleChange[]): Promise<readonly boolean[]> {
    return this.#schedules.change(changes, this.#open())
  }

  watch(ended: (endings: readonly Ending[]) => void, _failed: (error: unknown) => void): Watch {
    this.#open()
    return this.#watches.watch((job) => ending(this.#entries.get(job)?.job), ended)
  }

  async post(topic: string, message: string): Promise<void> {
    this.#open()
    this.#bus.post(topic, message)
  }

  hear(topic: string, hearer: Hearer): Hearing {
    this.#open()
    return this.#bus.hear(topic, hearer)
  }

  async share(request: SharedRequest): Promise<SharedReply> {
    const { reply, told } = shareOn(this.#shared, request, this.#open())
    this.#sessions.tell(told)
    return reply
  }

  attend(session: string, wake: () => void): Disposable {
    this.#open()
    return this.#sessions.listen([session], wake)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#bus.close(new ClosedError('The memory backend'))
    this.#listeners.clear()
    this.#sessions.clear()
    this.#watches.clear()
  }

  /** The time, where the backend is open. */
  #open(): number {
    if (this.#closed) throw new ClosedError('The memory backend')
    return this.#clock.now()
  }

  #publish(job: NewJob, now: number, parent?: Parent): Taken | undefined {
    if (this.#entries.has(job.id)) return undefined
    this.#listeners.tell([job.queue])
    const taken = job.unique && this.#admit(job, job.unique, now)
    if (taken) return taken
    this.#keep({ seq: this.#seq++, payload: job.payload, links: job.links ?? [], job: born(job, now, parent), rank: 0 })
    if (this.#bus.hearsEvents) this.#bus.tell(enqueued(job, now))
    return undefined
  }

  /** What becomes of a job that is to be the only one of its kind, where it is not kept. */
  #admit(job: NewJob, rule: UniqueRule, now: number): Taken | undefined {
    const key = `${rule.key} ${job.queue}`
    const hold = this.#holds.get(key)
    const holder = hold && this.#entries.get(hold.job)
    const admission = admissionOf(rule, hold, holder?.job, now)
    if (admission === 'created' || admission === 'replaced') this.#holds.set(key, { job: admission === 'created' ? job.id : hold!.job, until: now + rule.window })
    if (admission === 'created') return undefined
    if (admission !== 'rejected' && holder && hasNotBegun(holder.job)) {
      const { payload, links = [] } = admission === 'replaced' ? job : holder
      const after = amended(holder.job, job, admission, now)
      // Heaps still hold the entry where it stood: there nothing is left of it.
      this.#mortal.delete(holder)
      this.#counts.add(job.queue, holder.job.state, -1)
      if (holder.job.state === 'ready') this.#gates.left(holder.job)
      holder.job = { ...holder.job, state: 'cancelled' }
      this.#keep({ ...holder, payload, links, job: after })
    }
    return { job: job.id, admission, holder: hold!.job }
  }

  /** Puts an entry where it belongs for the first time, or anew. */
  #keep(entry: Entry): void {
    this.#entries.set(entry.job.id, entry)
    if (entry.job.expiresAt < Infinity) this.#mortal.add(entry)
    this.#counts.add(entry.job.queue, entry.job.state, 1)
    this.#gates.published(entry.job, this.#active())
    this.#file(entry)
  }

  #reserve({ worker, queues, room, lease }: ReserveRequest, now: number): Reservation {
    this.#renew(worker, lease, now)
    this.#promote(now)
    const deliveries: Delivery[] = []
    let complete = true
    for (const line of lines) complete = this.#deliver({ worker, queues: [...new Set(queues)], line, room: room[line] ?? 0 }, now, deliveries) && complete
    const cancelling = [...this.#held.get(worker) ?? []].filter(({ job }) => job.cancelling)
    return {
      deliveries,
      cancelling: cancelling.map(({ job }) => ({ job: job.id, token: job.token })),
      nextDue: complete ? Math.max(0, Math.min(this.#firstDue()?.job.dueAt ?? Infinity, this.#gates.nextOpening) - now) : 0
    }
  }

  #deliver(
    { worker, queues, line: name, room }: { worker: string, queues: readonly string[], line: Line, room: number },
    now: number,
    deliveries: Delivery[]
  ): boolean {
    let heldBack = 0
    for (let left = room; left > 0;) {
      let first: Heap<Entry> | undefined
      for (const queue of queues) {
        const line = this.#line(queue, name)
        let head: Entry | undefined
        do {
          this.#gates.admit(queue, left, now, (entry) => this.#line(queue, lineOf(entry.job)).push(entry))
          while (line.peek() && line.peek()!.job.state !== 'ready') line.pop()
          head = line.peek()
          if (!head || !this.#gates.holdsBack(head, now)) break
          line.pop()
        } while (++heldBack < mostHeldBack)
        if (heldBack >= mostHeldBack) return false
        if (head && (!first || comesFirst(head, first.peek()!)) && this.#gates.letsThrough(queue, head.job.cost, this.#counts.of(queue).active, now)) first = line
      }
      const entry = first?.pop()
      if (!entry) return true
      if (hasExpired(entry.job, now)) {
        this.#happen(entry, { event: 'bury', error: expired }, now)
        continue
      }
      this.#gates.passed(entry, now)
      this.#happen(entry, { event: 'reserve', worker }, now)
      const { id, token, task, place, attempt, suspect, deaths, deferrals } = entry.job
      deliveries.push({ job: id, token, task, place, attempt, suspect, deaths, deferrals, payload: entry.payload })
      left--
    }
    return true
  }

  #promote(now: number): void {
    for (let entry = this.#firstDue(); entry && entry.job.dueAt <= now; entry = this.#firstDue()) {
      this.#due.pop()
      this.#happen(entry, { event: 'due' }, now)
    }
  }

  #firstDue(): Entry | undefined {
    while (this.#due.peek() && this.#due.peek()!.job.state !== 'scheduled') this.#due.pop()
    return this.#due.peek()
  }

  #happen(entry: Entry, happening: Happening, now: number): void {
    this.#become(entry, happening.event, happen(entry.job, happening, now), now)
  }

  #become(entry: Entry, event: Happening['event'], job: Job, now: number): void {
    const before = entry.job
    const told = entryOf(before, event, job, now)
    if (told) entry.history = [...entry.history ?? [], told].slice(-historyLimit)
    entry.job = job
    if (this.#bus.hearsEvents) this.#bus.tell(newsOf(before, event, job, now))
    if (before.worker !== undefined && job.worker === undefined) this.#held.get(before.worker)?.delete(entry)
    if (job.worker !== undefined) this.#heldBy(job.worker).add(entry)
    if (this.#gates.became(before, job)) this.#listeners.tell([job.queue])
    if (job.state !== before.state) {
      this.#counts.add(job.queue, before.state, -1)
      this.#counts.add(job.queue, job.state, 1)
      this.#file(entry)
    }
    if (isFinal(job.state)) for (const linked of linkedBy(job.state, entry.links)) this.#publish(linked, now, parentOf(job))
    if (before.state === 'active' || isFinal(before.state)) this.#listeners.tell(isFinal(job.state) ? [] : [job.queue])
  }

  /** Puts an entry where its new state belongs. */
  #file(entry: Entry): void {
    const { state, queue, id } = entry.job
    if (state === 'ready') {
      entry.rank = this.#gates.rank(entry.job)
      this.#gates.stands(entry)
      this.#line(queue, lineOf(entry.job)).push(entry)
    }
    else if (state === 'scheduled') this.#due.push(entry)
    else if (isFinal(state)) {
      this.#mortal.delete(entry)
      this.#watches.tell([id])
    }
  }

  #line(queue: string, name: Line): Heap<Entry> {
    const key = `${name} ${queue}`
    let line = this.#lines.get(key)
    if (!line) this.#lines.set(key, line = new Heap<Entry>(isBefore))
    return line
  }

  #active(): Iterable<Job> {
    return this.#held.values().flatMap((held) => held.values().map(({ job }) => job))
  }

  #heldBy(worker: string): Set<Entry> {
    let held = this.#held.get(worker)
    if (!held) this.#held.set(worker, held = new Set())
    return held
  }

  /** Whether its lease begins with this. */
  #renew(worker: string, lease: number, now: number): boolean {
    const begins = !this.#leases.has(worker)
    this.#leases.set(worker, now + lease)
    if (begins && this.#bus.hearsEvents) this.#bus.tell({ type: 'worker-online', at: now, ...this.#shown(worker) })
    return begins
  }

  #shown(worker: string): { worker: string, active: number, capacity: number } {
    return { worker, active: this.#held.get(worker)?.size ?? 0, capacity: this.#infos.get(worker)?.capacity ?? 0 }
  }

  #forget(worker: string, lost: boolean, now: number): void {
    if (this.#leases.delete(worker) && this.#bus.hearsEvents) this.#bus.tell({ type: 'worker-offline', at: now, worker, lost })
    this.#infos.delete(worker)
    this.#ending.delete(worker)
    this.#held.delete(worker)
  }
}

/** Of two queues' firsts. */
function comesFirst(a: Entry, b: Entry): boolean {
  return a.job.priority === b.job.priority ? a.seq < b.seq : a.job.priority > b.job.priority
}

function ending(job: Job | undefined): Ending | undefined {
  if (!job || !isFinal(job.state)) return undefined
  const { id, state, result, error, attempt } = job as Job & { state: FinalState & JobState }
  return { job: id, state, result, error, attempt }
}
