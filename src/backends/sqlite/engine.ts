import type { DatabaseSync } from 'node:sqlite'
import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import { type KeptStory, historyOf, logLimit } from '../../jobs/history.ts'
import type { Job, NewJob } from '../../jobs/job.ts'
import { expired } from '../../jobs/limits.ts'
import { type Link, readersOf } from '../../jobs/link.ts'
import { type QueueEvent, progressed } from '../../jobs/queue-event.ts'
import { rescue } from '../../jobs/rescue.ts'
import { canHappen, isFinal } from '../../jobs/states.ts'
import type { Clock } from '../../kernel/clock.ts'
import { decode, encode } from '../../wire/codec.ts'
import type { AttemptRef, BrokerStats, Report, Reservation, ReserveRequest, Settled, Settlement, Sweep, Taken, WorkerInfo } from '../broker.ts'
import { bytesBehind } from '../held-bytes.ts'
import { type DueSchedules, type ScheduleChange, type ScheduleFilter, type ScheduleList, comesSooner, scheduleNews } from '../schedules.ts'
import { type Shared, shareOn } from '../shared/share.ts'
import type { SharedRequest } from '../shared-store.ts'
import type { Change, ChangeOutcome, JobFilter, PurgeFilter, Purged, Weighed } from '../store.ts'
import { type Claim, type ClaimedJob, Claims } from './claims.ts'
import { stateCodes, stateNames } from './codes.ts'
import { type Durability, type FileIdentity, checkIdentity, identityOf, openFile } from './file.ts'
import { Inbox, fitsInbox, jobsInInbox } from './inbox.ts'
import { type JobBatch, batchOf, jobsOf } from './job-batch.ts'
import { type Committed, JobTables } from './job-tables.ts'
import { LogRestart } from './log-restart.ts'
import { type Hearing, MessageTables } from './message-tables.ts'
import { Publisher } from './publisher.ts'
import { historyEntryOf, logLineOf, scheduleOf, storedOf } from './rows.ts'
import { SqliteSharedTables } from './shared-tables.ts'
import { type Statements, prepareAll } from './statements.ts'
import { readStats, workerInfoOf } from './stats.ts'

/**
 * One transaction never moves more than this many jobs of itself (those that fell due, those that expired), so that a
 * hundred thousand falling due at once hold the file's lock in many short turns. The rest follows with the next call.
 */
const mostAtOnce = 1_000

/** To read a list in a statement costs as much as so many rows: fewer are dropped one by one. */
const droppedOneByOne = 10

/** So many endings one go of a purge looks at: whoever else writes waits for it. As many are weighed in one go. */
const looksAt = 10_000

/**
 * The ports on a SQLite file: each method is one transaction, synchronous, and throws SQLite's own error where the file is locked.
 *
 * What becomes of a job is decided by `happen`; statements repeat only `due`, `reserve` and the success of a first delivery,
 * which concern many jobs at once.
 */
export class SqliteEngine {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #identity: FileIdentity | undefined
  readonly #clock: Pick<Clock, 'now'> | undefined
  readonly #sql: Statements
  readonly #messages: MessageTables
  readonly #tables: JobTables
  readonly #publisher: Publisher
  readonly #inbox: Inbox
  readonly #logRestart: LogRestart
  readonly #committed: (what: Committed) => void
  /** Deliveries that were made here and are not settled yet. */
  readonly #claims = new Map<string, Claim>()
  #shared: SqliteSharedTables | undefined

  /**
   * @param clock leases and delays run on it; without one, on the system's as SQLite reads it: all processes that have the file open are on
   * one machine, so they agree, whatever one of them makes of `Date`
   * @throws BackendError; SQLite's own error where the file is locked
   */
  constructor(path: string, durability: Durability, clock: Pick<Clock, 'now'> | undefined, committed: (what: Committed) => void) {
    this.#path = path
    this.#db = openFile(path, durability)
    this.#identity = identityOf(path)
    this.#committed = committed
    this.#sql = prepareAll(this.#db)
    this.#clock = clock
    this.#messages = new MessageTables(this.#sql)
    this.#tables = new JobTables(this.#sql, this.#messages, (job, at, parent) => void this.#publisher.one(job, at, parent))
    this.#publisher = new Publisher(this.#sql, this.#tables, this.#messages)
    this.#inbox = new Inbox(this.#db)
    this.#logRestart = new LogRestart(this.#db)
    this.#logRestart.restartIfDone()
  }

  publish(jobs: readonly NewJob[] | JobBatch): Taken[] {
    if (this.#isKeptInInbox(jobs)) return []
    return this.#write((now) => {
      const batch = 'shared' in jobs ? jobs : batchOf(jobs)
      if (batch && !this.#tables.gates.has(batch.shared.queue)) {
        this.#publisher.batch(batch, now)
        return []
      }
      const each = 'shared' in jobs ? jobsOf(jobs) : jobs
      return each.map((job) => this.#publisher.one(job, now)).filter((taken) => taken !== undefined)
    })
  }

  reserve(request: ReserveRequest): Reservation {
    const claimed = new Map<string, Claim>()
    const reservation = this.#write((now) => this.#reserve(request, now, claimed))
    this.#remember(claimed)
    return reservation
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Settled {
    const claimed = new Map<string, Claim>()
    const settle = (inBatch: boolean): Settled => this.#write((now): Settled => {
      const stale: AttemptRef[] = []
      const first: FirstSuccess[] = []
      const mayBatch = inBatch && !this.#messages.isHeard && this.#sql.anyCancel.get() === undefined
      for (const settlement of settlements) {
        const { job, token, outcome } = settlement
        const claim = this.#claims.get(job)
        if (mayBatch && outcome.event === 'succeed' && token === 1 && claim?.token === 1 && !claim.isLinked && !this.#tables.gates.has(claim.queue)) first.push({ claim, outcome })
        else if (!this.#settle(settlement, now)) stale.push({ job, token })
      }
      if (first.length > 0) this.#succeed(first, now)
      return next ? { stale, reservation: this.#reserve(next, now, claimed) } : { stale }
    })
    let settled: Settled
    try {
      settled = settle(true)
    } catch (error) {
      if (error !== notAllHeld) throw error
      claimed.clear()
      settled = settle(false)
    }
    for (const { job } of settlements) this.#claims.delete(job)
    this.#remember(claimed)
    return settled
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered = 0): AttemptRef[] {
    return this.#write((now) => {
      const number = this.#renew(worker, lease, now, info, 'worker-heartbeat')
      const kept = new Set<string>()
      const lost = held.filter(({ job, token }) => {
        const [current, holder] = this.#sql.holder.get(job) ?? []
        if (holder !== number || current !== token) return true
        kept.add(job)
        return false
      })
      const [count] = this.#sql.heldCount.get(number) as [number]
      if (count === kept.size) return lost
      for (const unnamed of this.#tables.heldBy(number)) {
        const { id, startedAt } = unnamed.job
        if (kept.has(id) || startedAt! + 2 * lease + unanswered > now) continue
        this.#tables.happen(unnamed, { event: 'release' }, now)
        this.#claims.delete(id)
      }
      return lost
    })
  }

  /** @param stalled nothing is to be rescued: the leases may be old through no fault of their workers */
  sweep(stalled: boolean): Sweep {
    return this.#write((now) => {
      const rescued: AttemptRef[] = []
      const buried: string[] = []
      const lost = stalled ? [] : this.#sql.lostWorkers.all(now)
      for (const [worker, announced, id] of lost as [number, number, string][]) {
        for (const held of this.#tables.heldBy(worker)) {
          const after = rescue(held.job, announced === 1, now)
          this.#tables.become(held, 'rescue', after, now)
          this.#claims.delete(after.id)
          if (after.state === 'ready') rescued.push({ job: after.id, token: after.token })
          else if (after.state === 'dead') buried.push(after.id)
        }
        this.#sql.forget.run(worker)
        this.#messages.tell(() => ({ type: 'worker-offline', at: now, worker: id, lost: true }))
      }
      for (const [seq] of this.#sql.expired.all(now, mostAtOnce) as [number][]) {
        buried.push(this.#tables.happen(this.#tables.bySeq(seq), { event: 'bury', error: expired }, now).id)
      }
      this.#sql.dropHolds.run(now)
      this.#tables.gates.trim(now)
      return { rescued, buried, stalled }
    })
  }

  gate(changes: readonly (GateName & GateChange)[]): void {
    this.#write((now) => {
      for (const change of changes) {
        this.#tables.gates.change(change, change, now)
        this.#tables.tell(change.queue)
      }
    })
  }

  gates(): Gate[] {
    return this.#read(() => this.#tables.gates.all(this.#now()))
  }

  announce(worker: string): void {
    this.#write(() => this.#sql.announce.run(worker))
  }

  report(reports: readonly Report[]): void {
    this.#write((now) => {
      for (const { job, token, progress, logs = [] } of reports) {
        const [seq] = (this.#sql.attemptOf.get(job, token) ?? []) as [number?]
        if (seq === undefined) continue
        if (progress) {
          this.#sql.writeProgress.run(seq, token, progress.done, progress.total ?? null, progress.note ?? null)
          this.#messages.tell(() => progressed(this.#tables.bySeq(seq).job, progress, now))
        }
        if (logs.length === 0) continue
        let number = Number(this.#sql.lastLog.get(seq)?.[0] ?? 0)
        for (const { at, level, attempt, message, fields } of logs) this.#sql.insertLog.run(seq, ++number, at, level, attempt, token, message, fields)
        if (number > logLimit) this.#sql.trimLogs.run(seq, number - logLimit)
      }
    })
  }

  leave(worker: string): void {
    this.#write((now) => {
      const [number] = (this.#sql.workerNumber.get(worker) ?? []) as [number?]
      if (number === undefined) return
      for (const held of this.#tables.heldBy(number)) {
        this.#tables.happen(held, { event: 'release' }, now)
        this.#claims.delete(held.job.id)
      }
      this.#sql.forget.run(number)
      this.#messages.tell(() => ({ type: 'worker-offline', at: now, worker, lost: false }))
    })
  }

  commit(changes: readonly Change[]): ChangeOutcome[] {
    return this.#write((now) => changes.map(({ job, event, payload }) => {
      const stored = this.#tables.byId(job)
      if (!stored || !canHappen(stored.job.state, event)) return stored?.job.state
      if (payload) {
        this.#sql.keepOriginal.run(stored.seq)
        this.#sql.writePayload.run(payload, stored.seq)
      }
      return this.#tables.happen(stored, { event }, now).state
    }))
  }

  purge({ states, queue, tag, olderThan, asOf, limit, from = '0' }: PurgeFilter): Purged {
    const { someEndings, purgeable, purgeJob, dropEnding, purgeStory, purgeParent, purgeOriginal, purgeHistory, purgeProgress, purgeLogs, purgeKeyed, orphanHold } = this.#sql
    return this.#write((now) => {
      const codes = JSON.stringify(states.map((state) => stateCodes[state]))
      const after = Number(from)
      const last = someEndings.get(after, looksAt)![0] as number | null
      if (last === null) return { jobs: [] }
      const rows = purgeable.all(after, queue ?? null, null, tag ?? null, codes, (asOf ?? now) - olderThan, limit, last) as PurgeableRow[]
      const gone = rows.filter((row) => !this.#isRead(row))
      for (const [seq, id, name, state] of gone) {
        for (const drop of [purgeJob, dropEnding, purgeStory, purgeParent, purgeOriginal, purgeHistory, purgeProgress, purgeLogs, purgeKeyed]) drop.run(seq)
        orphanHold.run(id)
        this.#tables.count(name, stateNames[state]!, -1)
      }
      return { jobs: gone.map(([, id]) => id), next: String(rows.length === limit ? rows.at(-1)![0] : last) }
    })
  }

  weigh(from = '0'): Weighed {
    return this.#read(() => {
      const now = this.#now()
      const after = Number(from)
      const last = this.#sql.someEndings.get(after, looksAt)![0] as number | null
      if (last === null) return { now, ended: [] }
      const rows = this.#sql.weighed.all(after, last) as [number, number, Uint8Array | null, Uint8Array | null][]
      return { now, ended: rows.map(([finishedAt, own, payload, result]) => ({ finishedAt, bytes: own + bytesBehind(payload, result) })), next: String(last) }
    })
  }

  read(jobs: readonly string[]): (Job | undefined)[] {
    return this.#read(() => {
      const found = jobs.map((job) => this.#tables.byId(job)?.job)
      if (!found.includes(undefined)) return found
      const inInbox = jobsInInbox(this.#sql)
      return found.map((job, at) => job ?? inInbox.get(jobs[at]!)?.job)
    })
  }

  /** Runs `look` on the file as it is at one moment; `look` must only read. What is in the inbox is not there yet. */
  at<T>(look: (sql: Statements) => T): T {
    return this.#read(() => look(this.#sql))
  }

  list({ state, queue, task, tag, after, limit }: JobFilter): Job[] {
    const filter = [queue ?? null, task ?? null, tag ?? null] as const
    return this.#read(() => {
      // What is in the inbox comes after all others: in the order in which it came, which need not be that of the ids.
      const inInbox = [...jobsInInbox(this.#sql).values()].map(({ job }) => job)
      const passed = 1 + inInbox.findIndex(({ id }) => id === after)
      const from = passed > 0 ? Number.MAX_SAFE_INTEGER : after === undefined ? 0 : Number(this.#sql.seqOf.get(after)?.[0] ?? 0)
      // These are few, and found without going through all others.
      if (state === 'active') return this.#listed(this.#sql.activeSeqs.all(from, ...filter, limit))
      if (state !== undefined && isFinal(state) && state !== 'succeeded') return this.#listed(this.#sql.unsuccessfulSeqs.all(from, ...filter, stateCodes[state], limit))
      const listed = this.#sql.jobs.all(from, ...filter, state === undefined ? null : stateCodes[state], limit).map((row) => storedOf(row).job)
      if (listed.length === limit || (state !== undefined && state !== 'ready')) return listed
      const more = inInbox.slice(passed).filter((job) =>
        (queue === undefined || job.queue === queue) && (task === undefined || job.task === task) && (tag === undefined || job.tags.includes(tag)))
      return [...listed, ...more].slice(0, limit)
    })
  }

  story(job: string): KeptStory | undefined {
    return this.#read(() => {
      const stored = this.#tables.byId(job)
      if (!stored) {
        const inInbox = jobsInInbox(this.#sql).get(job)
        return inInbox && { history: historyOf(inInbox.job, []), logs: [], payload: inInbox.payload }
      }
      const [original] = (this.#sql.original.get(stored.seq) ?? []) as [Uint8Array?]
      return {
        history: historyOf(stored.job, this.#sql.history.all(stored.seq).map(historyEntryOf)),
        logs: this.#sql.logs.all(stored.seq).map(logLineOf),
        payload: this.#sql.payload.get(stored.seq)![0] as Uint8Array,
        ...(original ? { original } : {})
      }
    })
  }

  schedules({ name, after, limit }: ScheduleFilter): ScheduleList {
    return this.#read(() => ({ now: this.#now(), schedules: this.#sql.schedules.all(name ?? null, after ?? null, limit).map(scheduleOf) }))
  }

  dueSchedules(limit: number): DueSchedules {
    return this.#read(() => {
      const now = this.#now()
      const [next] = (this.#sql.nextSlot.get(now) ?? [Infinity]) as [number]
      return { now, schedules: this.#sql.dueSchedules.all(now, limit).map(scheduleOf), nextDue: next - now }
    })
  }

  changeSchedules(changes: readonly ScheduleChange[]): boolean[] {
    const { scheduleSeen, writeSchedule, dropSchedule } = this.#sql
    return this.#write((now) => changes.map(({ name, seen, schedule, jobs }) => {
      const [revision, before] = (scheduleSeen.get(name) ?? []) as [string?, (number | null)?]
      if (revision !== seen) return false
      if (schedule) writeSchedule.run(name, schedule.revision, schedule.nextSlot ?? null, encode(schedule))
      else dropSchedule.run(name)
      if (comesSooner(before ?? undefined, schedule?.nextSlot)) this.#tables.tell(scheduleNews)
      for (const job of jobs) this.#publisher.one(job, now)
      return true
    }))
  }

  stats(): BrokerStats {
    return this.#read(() => readStats(this.#sql, this.#now()))
  }

  post(topic: string, message: string): void {
    this.#write((now) => this.#messages.post(topic, message, now))
  }

  hear(topic: string, lease: number): Hearing {
    return this.#write((now) => this.#messages.hear(topic, now + lease, now))
  }

  renewHearer(number: number, lease: number): boolean {
    return this.#write((now) => this.#messages.renew(number, now + lease))
  }

  leaveHearer(topic: string, number: number): void {
    this.#write(() => this.#messages.leave(topic, number))
  }

  share(request: SharedRequest): Shared {
    const tables = this.#sharedTables()
    return this.#write((now) => {
      const shared = shareOn(tables, request, now)
      for (const session of shared.told) tables.tell(session)
      return shared
    })
  }

  /** A number that rises whenever a ticket of the session may have come to stand otherwise; undefined where there is no such session. */
  sharedNews(session: string): number | undefined {
    return this.#sharedTables().news(session)
  }

  /** Changes when another connection, here or in another process, has committed anything. */
  dataVersion(): number {
    return Number(this.#sql.dataVersion.get()![0])
  }

  /** For each queue, a number that rises whenever a listener to it may have something to do. */
  news(): ReadonlyMap<string, number> {
    const news = new Map<string, number>()
    for (const [queue, more] of this.#sql.news.all() as unknown as [string, number][]) news.set(queue, (news.get(queue) ?? 0) + more)
    return news
  }

  close(): void {
    this.#db.close()
  }

  #reserve({ worker, queues, room, lease }: ReserveRequest, now: number, claimed: Map<string, Claim>): Reservation {
    const number = this.#renew(worker, lease, now)
    this.#promote(now)
    const started = this.#messages.isHeard ? (claim: ClaimedJob): void => this.#messages.tell(() => ({ type: 'started', at: now, worker, ...claim })) : undefined
    const claims = new Claims(this.#sql, this.#tables, number, now, started)
    claims.take({ queues, room })
    for (const [job, claim] of claims.claimed) claimed.set(job, claim)
    const [due] = (this.#sql.nextDue.get() ?? [Infinity]) as [number]
    return {
      deliveries: claims.deliveries,
      cancelling: (this.#sql.cancelling.all(number) as [string, number][]).map(([job, token]) => ({ job, token })),
      nextDue: claims.complete ? Math.max(0, Math.min(due, claims.opensLater, this.#tables.gates.nextOpening(now)) - now) : 0
    }
  }

  #remember(claimed: ReadonlyMap<string, Claim>): void {
    for (const [job, claim] of claimed) this.#claims.set(job, claim)
  }

  /**
   * What `happen` makes of the success of jobs that were delivered once and never went another way.
   *
   * @throws notAllHeld where one of them is not in its worker's hands any more
   */
  #succeed(all: readonly FirstSuccess[], now: number): void {
    const { insertEnding } = this.#sql
    // Of a queue that has gates since what was settled before these, each is counted.
    if (all.some(({ claim }) => this.#tables.gates.has(claim.queue)) || this.#dropFirsts(all) !== all.length) throw notAllHeld
    for (const { claim: { seq, queue, startedAt }, outcome: { spent, result } } of all) {
      insertEnding.run(seq, stateCodes.succeeded, 1, 1, startedAt, now, spent.wall, spent.cpu, result)
      this.#tables.noteEnded(seq)
      this.#tables.count(queue, 'active', -1)
      this.#tables.count(queue, 'succeeded', 1)
    }
  }

  /** @returns how many were held */
  #dropFirsts(all: readonly FirstSuccess[]): number {
    const { dropFirsts, dropActive } = this.#sql
    if (all.length > droppedOneByOne) return Number(dropFirsts.run(JSON.stringify(all.map(({ claim }) => claim.seq))).changes)
    return all.reduce((dropped, { claim }) => dropped + Number(dropActive.run(claim.seq, 1).changes), 0)
  }

  #settle({ job, token, outcome }: Settlement, now: number): boolean {
    const stored = this.#tables.byId(job)
    if (stored?.job.state !== 'active' || stored.job.token !== token) return false
    this.#tables.happen(stored, outcome, now)
    return true
  }

  /** @param renewed what is told where its lease does not begin with this */
  #renew(worker: string, lease: number, now: number, info?: WorkerInfo, renewed?: 'worker-heartbeat'): number {
    const begins = this.#messages.isHeard && this.#sql.workerNumber.get(worker) === undefined
    this.#sql.renew.run(worker, now + lease)
    if (info) this.#sql.inform.run(JSON.stringify(info), worker)
    const [number, about] = this.#sql.workerNumber.get(worker) as [number, string | null]
    const type = begins ? 'worker-online' : renewed
    if (type) this.#messages.tell((): QueueEvent => ({ type, at: now, worker, active: this.#sql.heldBy.all(number).length, capacity: workerInfoOf(about).capacity }))
    return number
  }

  #promote(now: number): void {
    for (const [seq, dueAt, queue, line, rank, attempt, token] of this.#sql.due.all(now, mostAtOnce) as DueRow[]) {
      const own = this.#tables.gates.has(queue) ? this.#tables.gates.rank(seq, this.#tables.bySeq(seq).job) : rank
      this.#sql.dropScheduled.run(dueAt, seq)
      this.#sql.insertReady.run(queue, line, own, seq, attempt, token)
      this.#tables.count(queue, 'scheduled', -1)
      this.#tables.count(queue, 'ready', 1)
    }
  }

  /** Whether a job that its end published, and that has not ended, needs its result. */
  #isRead([, , , state, result, links]: PurgeableRow): boolean {
    if (result === null || links === null) return false
    return readersOf({ state: stateNames[state]!, result }, decode(links) as readonly Link[]).some(({ id }) => {
      const [seq, ended] = this.#sql.find.get(id) ?? []
      return seq !== undefined && ended === null
    })
  }

  #listed(seqs: readonly (readonly unknown[])[]): Job[] {
    return seqs.map(([seq]) => this.#tables.bySeq(seq as number).job)
  }

  /** Prepared where somebody shares anything. */
  #sharedTables(): SqliteSharedTables {
    return this.#shared ??= new SqliteSharedTables(this.#db)
  }

  /** A transaction that writes: it has the lock before it reads anything, the time included. */
  #write<T>(change: (now: number) => T): T {
    checkIdentity(this.#path, this.#identity)
    this.#sql.begin.run()
    let result: T
    let committed: Committed
    try {
      const system = this.#publisher.begin()
      const now = this.#clock?.now() ?? system
      result = change(now)
      committed = this.#tables.finish(now)
      this.#sql.commit.run()
    } catch (error) {
      // Some failures, such as a full disk, have rolled it back already.
      if (this.#db.isTransaction) this.#sql.rollback.run()
      throw error
    } finally {
      this.#tables.reset()
    }
    this.#logRestart.restartIfDone()
    if (committed.ended || committed.posted || committed.queues.size > 0) this.#committed(committed)
    return result
  }

  /** A single job that is small and usual is a transaction of one statement. */
  #isKeptInInbox(jobs: readonly NewJob[] | JobBatch): boolean {
    if ('shared' in jobs || jobs.length !== 1 || !fitsInbox(jobs[0]!)) return false
    checkIdentity(this.#path, this.#identity)
    if (!this.#inbox.keeps(jobs[0]!, this.#clock?.now())) return false
    this.#committed({ queues: new Set([jobs[0]!.queue]), ended: false, posted: false })
    return true
  }

  /** For a transaction that only reads. */
  #now(): number {
    return this.#clock?.now() ?? Math.round(1_000 * (this.#sql.now.get() as [number])[0])
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
}

interface FirstSuccess {
  readonly claim: Claim
  readonly outcome: Extract<Settlement['outcome'], { event: 'succeed' }>
}

/** Thrown, and caught, where a batch must be taken apart: nothing of it is kept. */
const notAllHeld = new Error('not all of these are held')

/** The number of the last transaction that ended jobs. */
export function lastEnded(sql: Statements): number {
  return Number(sql.lastEnded.get()?.[0] ?? 0)
}

type PurgeableRow = [seq: number, id: string, queue: string, state: number, result: Uint8Array | null, links: Uint8Array | null]
type DueRow = [seq: number, dueAt: number, queue: string, line: number, rank: number, attempt: number, token: number]
