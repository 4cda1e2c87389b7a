import { historyLimit, logLimit, type KeptStory } from '../../jobs/history.ts'
import type { Job, NewJob } from '../../jobs/job.ts'
import { type Gate, type GateChange, type GateName, innerName } from '../../jobs/gates.ts'
import { expired, rescueLimit, workerLost } from '../../jobs/limits.ts'
import { briefly } from '../../jobs/queue-event.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import { checkOptions } from '../../kernel/options.ts'
import { encode } from '../../wire/codec.ts'
import type { Backend } from '../backend.ts'
import type { AttemptRef, BrokerCapabilities, BrokerStats, Delivery, Report, Reservation, ReserveRequest, Settled, Settlement, Sweep, Taken, WorkerInfo } from '../broker.ts'
import type { Hearer, Hearing } from '../bus.ts'
import { Listeners } from '../listeners.ts'
import type { DueSchedules, ScheduleChange, ScheduleFilter, ScheduleList } from '../schedules.ts'
import type { SharedReply, SharedRequest, SharedStep } from '../shared-store.ts'
import type { Change, ChangeOutcome, Ending, JobFilter, PurgeFilter, Purged, Watch, Weighed } from '../store.ts'
import { Blob } from './blob.ts'
import * as broker from './broker-scripts.ts'
import { EndingWatch } from './ending-watch.ts'
import { FreshJobs } from './fresh-jobs.ts'
import { Exchanges } from './exchanges.ts'
import { handedLast } from './hand-over-lua.ts'
import { type UsualJobs, askedUsual, publishUsual } from './publish-usual.ts'
import type { Script } from './script.ts'
import * as replies from './replies.ts'
import * as schedule from './schedule-scripts.ts'
import { Server, type ServerCalls } from './server.ts'
import { share, shareFull } from './shared-script.ts'
import * as store from './store-scripts.ts'

export interface RedisOptions {
  /** What all keys and channels begin with: several applications can share a server. Default: `'treadle'`. */
  prefix?: string
  /** Leases and delays run on it. Default: the server's own. */
  clock?: Clock
  log?: Logger
}

/** A script never moves more than this many jobs of itself (those that fell due, those that expired), nor looks at more: others wait meanwhile. */
const mostAtOnce = 1_000

/** Where jobs are large, a script that weighs them reads about so many bytes of them. */
const readsAbout = 2 ** 22

/** The oldest that is ready is looked for among so many of each line: nobody waits longer for a look than for a few jobs. */
const looksForOldest = 100

/**
 * A Redis or Valkey server as a backend. What a method changes, one script changes, so it happens as a whole, or not at all.
 *
 * @param url as `redis://user:password@host:6379/0`, or `rediss://` for TLS
 * @throws BackendError where nothing answers there, or it may evict keys; InvalidOptionError where that is no URL
 */
export async function redis(url: string, options: RedisOptions = {}): Promise<Backend> {
  const { prefix = 'treadle', clock = systemClock, log = silentLogger } = checkOptions('redis()', options, { prefix: true, clock: true, log: true })
  return new RedisBackend(await Server.connect(url, prefix, log), clock)
}

class RedisBackend implements Backend {
  readonly capabilities: BrokerCapabilities = { settleIsCommit: true, durable: true }
  readonly #server: Server
  readonly #clock: Clock
  readonly #listeners = new Listeners()
  readonly #watches = new Set<EndingWatch>()
  readonly #sessions = new Listeners()
  readonly #fresh = new FreshJobs()
  /** Queues that were seen to have gates or keys: what is published there is not usual. */
  readonly #gated = new Set<string>()
  readonly #exchanges: Exchanges
  #closed: Promise<void> | undefined

  constructor(server: Server, clock: Clock) {
    this.#server = server
    this.#exchanges = new Exchanges(this.#gated, server.database, { expired: expiredBytes, whyExpired, mostAtOnce })
    this.#clock = clock
  }

  async publish(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    if (jobs.length === 0) {
      this.#server.checkOpen()
      return []
    }
    return this.#server.whole(async (calls) => {
      const usual = jobs.some(({ queue }) => this.#gated.has(queue)) ? undefined : askedUsual(jobs)
      // What is asked before is sent before, so nothing is waited for where there is nothing usual to try.
      if (usual && await this.#publishUsual(jobs, usual, calls)) return []
      const blob = new Blob()
      const taken = await this.#run<replies.TakenReply[]>(broker.publish, { jobs: jobs.map((job) => published(job, blob)) }, blob, calls)
      return taken.map(([at, how, holder]) => ({ job: jobs[at]!.id, admission: String(how) as Taken['admission'], holder: String(holder) }))
    })
  }

  /** False where something is unusual: then nothing was done. */
  async #publishUsual(jobs: readonly NewJob[], { groups, blob }: UsualJobs, calls: ServerCalls): Promise<boolean> {
    if (this.#server.hears) for (const { id } of jobs) this.#fresh.add(id)
    let answer: number | replies.Bulk | undefined
    try {
      answer = await this.#run<number | replies.Bulk>(publishUsual, { database: this.#server.database, groups }, blob, calls)
    } finally {
      // They may have been there before, and have ended.
      if (answer !== 1) this.#lookFor(jobs.map(({ id }) => id))
    }
    if (Buffer.isBuffer(answer)) this.#gated.add(String(answer))
    return answer === 1
  }

  /** Whether they have ended, where somebody waits for them. */
  #lookFor(jobs: readonly string[]): void {
    for (const job of jobs) this.#fresh.delete(job)
    for (const watch of this.#watches) watch.tell(jobs)
  }

  async reserve(request: ReserveRequest): Promise<Reservation> {
    return (await this.#exchange([], request)).reservation!
  }

  async settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled> {
    if (settlements.length > 0 || next) return this.#exchange(settlements, next)
    this.#server.checkOpen()
    return { stale: [] }
  }

  async extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered = 0): Promise<readonly AttemptRef[]> {
    return (await this.#run<number[]>(broker.extend, { worker, lease, unanswered, ...(info ? { info: JSON.stringify(info) } : {}), held: held.map(({ job, token }) => ({ job, token })) })).map((at) => held[at]!)
  }

  sweep(patience: number): Promise<Sweep> {
    return this.#server.whole(async (calls) => {
      const began = this.#clock.elapsed()
      await calls.ping()
      const stalled = this.#clock.elapsed() - began > patience
      const blob = new Blob()
      const asked = { stalled, rescueLimit, expired: blob.add(expiredBytes), whyExpired, lost: blob.add(lostBytes), whyLost, mostAtOnce }
      return replies.sweepOf(await this.#run(broker.sweep, asked, blob, calls), stalled)
    })
  }

  async announce(worker: string): Promise<void> {
    await this.#run(broker.announce, { worker })
  }

  async report(reports: readonly Report[]): Promise<void> {
    await this.#run(broker.report, {
      reports: reports.map(({ job, token, progress, logs = [] }) => ({
        job, token, queue: this.#exchanges.queueOf(job), ...(progress ? { progress: JSON.stringify(progress) } : {}), logs: logs.map((line) => JSON.stringify(line))
      })),
      logLimit
    })
  }

  async gate(changes: readonly (GateName & GateChange)[]): Promise<void> {
    if (changes.length === 0) return this.#server.checkOpen()
    await this.#run(broker.gate, {
      changes: changes.map(({ rule, paused, holdFor, ...name }) => ({ queue: name.queue, inner: innerName(name), paused, holdFor, ...(rule === null ? { dropped: true } : { rule }) }))
    })
  }

  async gates(): Promise<readonly Gate[]> {
    return (await this.#run<replies.GateReply[]>(broker.gates, {})).map(replies.gateOf)
  }

  async leave(worker: string): Promise<void> {
    await this.#run(broker.leave, { worker })
  }

  async stats(): Promise<BrokerStats> {
    return replies.statsOf(await this.#run(broker.stats, { looksAt: looksForOldest }))
  }

  async commit(changes: readonly Change[]): Promise<readonly ChangeOutcome[]> {
    const blob = new Blob()
    const states = await this.#run<replies.Bulk[]>(store.commit, {
      changes: changes.map(({ job, event, payload }) => ({ job, event, queue: this.#exchanges.queueOf(job), ...(payload ? { payload: blob.add(payload) } : {}) }))
    }, blob)
    return states.map((state) => state === null ? undefined : String(state) as ChangeOutcome)
  }

  async read(jobs: readonly string[]): Promise<readonly (Job | undefined)[]> {
    const found = await this.#run<(replies.JobReply | null)[]>(store.read, { jobs: this.#named(jobs) })
    return found.map((job) => job === null ? undefined : replies.jobOf(job))
  }

  list({ limit, ...filter }: JobFilter): Promise<readonly Job[]> {
    return this.#server.whole(async (calls) => {
      const jobs: Job[] = []
      for (let { after } = filter; ;) {
        const [found, last] = await this.#run<[replies.JobReply[], replies.Bulk]>(store.list, { ...filter, after, limit: limit - jobs.length, looksAt: mostAtOnce }, undefined, calls)
        jobs.push(...found.map(replies.jobOf))
        if (last === null || jobs.length >= limit) return jobs
        after = String(last)
      }
    })
  }

  async purge({ states, from, ...filter }: PurgeFilter): Promise<Purged> {
    const asked = { ...filter, states: Object.fromEntries(states.map((state) => [state, true])), after: from, looksAt: mostAtOnce }
    const [found, last] = await this.#run<[Buffer[], replies.Bulk]>(store.purge, asked)
    return { jobs: found.map(String), ...(last === null ? {} : { next: String(last) }) }
  }

  async weigh(from?: string): Promise<Weighed> {
    return replies.weighedOf(await this.#run(store.weigh, { after: from, looksAt: mostAtOnce, readsAbout }))
  }

  async story(job: string): Promise<KeptStory | undefined> {
    return replies.storyOf(await this.#run<replies.StoryReply>(store.story, { job, queue: this.#exchanges.queueOf(job) }))
  }

  async schedules(filter: ScheduleFilter): Promise<ScheduleList> {
    return replies.scheduleListOf(await this.#run(schedule.schedules, filter))
  }

  async dueSchedules(limit: number): Promise<DueSchedules> {
    const [now, due, nextDue] = await this.#run<replies.DueSchedulesReply>(schedule.dueSchedules, { limit })
    return { ...replies.scheduleListOf([now, due]), nextDue: nextDue === null ? Infinity : Number(nextDue) }
  }

  async changeSchedules(changes: readonly ScheduleChange[]): Promise<readonly boolean[]> {
    const blob = new Blob()
    const asked = changes.map(({ name, seen, schedule: to, jobs }) => ({
      name, seen, ...(to ? { revision: to.revision, nextSlot: to.nextSlot, record: blob.add(encode(to)) } : {}), jobs: jobs.map((job) => published(job, blob))
    }))
    return (await this.#run<number[]>(schedule.changeSchedules, { changes: asked }, blob)).map((done) => done === 1)
  }

  listen(queues: readonly string[], wake: () => void): Disposable {
    this.#attend()
    return this.#listeners.listen(queues, wake)
  }

  receive(worker: string, take: (delivery: Delivery) => void): Disposable {
    this.#attend()
    let last: string | undefined
    return this.#server.receive(worker, {
      take: (told) => {
        const delivery = this.#exchanges.handed(worker, told, last)
        if (!delivery) return
        last = delivery.job
        take(delivery)
      },
      missed: () => this.#run<Buffer | null>(handedLast, { worker })
    })
  }

  watch(ended: (endings: readonly Ending[]) => void, failed: (error: unknown) => void): Watch {
    this.#attend()
    const watch = new EndingWatch({
      isFresh: (job) => this.#fresh.has(job) && this.#server.hears,
      look: async (jobs) => (await this.#run<replies.EndingReply[]>(store.endings, { jobs: this.#named(jobs) })).map(replies.endingOf),
      ended, failed,
      disposed: () => this.#watches.delete(watch)
    })
    this.#watches.add(watch)
    return watch
  }

  async post(topic: string, message: string): Promise<void> {
    await this.#server.post(topic, message)
  }

  hear(topic: string, hearer: Hearer): Hearing {
    this.#attend()
    return this.#server.hear(topic, hearer)
  }

  async share({ steps, ...request }: SharedRequest): Promise<SharedReply> {
    const blob = new Blob()
    const asked = steps.map((step) => toldNothing('item' in step && step.item ? { ...step, item: blob.add(step.item) } : step))
    const script = steps.some(({ does }) => needsMemory[does]) ? share : shareFull
    return replies.sharedOf(await this.#run(script, { ...request, steps: asked }, blob))
  }

  attend(session: string, wake: () => void): Disposable {
    this.#attend()
    return this.#sessions.listen([session], wake)
  }

  close(): Promise<void> {
    return this.#closed ??= this.#shut()
  }

  async #shut(): Promise<void> {
    this.#listeners.clear()
    this.#sessions.clear()
    for (const watch of this.#watches) watch[Symbol.dispose]()
    await this.#server.close()
  }

  #attend(): void {
    this.#server.checkOpen()
    this.#server.attend({
      news: (queue) => this.#listeners.tell([queue]),
      ended: (jobs) => this.#lookFor(jobs),
      succeeded: (job, result) => {
        this.#fresh.delete(job)
        for (const watch of this.#watches) watch.found({ job, state: 'succeeded', result, error: undefined, attempt: 1 })
      },
      shared: (sessions) => this.#sessions.tell(sessions),
      // What was told meanwhile nobody heard.
      connected: () => {
        this.#fresh.clear()
        this.#listeners.tellAll()
        this.#sessions.tellAll()
        for (const watch of this.#watches) watch.tellAll()
      }
    })
  }

  #run<T>(script: Script, asked: object, blob?: Blob, calls: ServerCalls = this.#server): Promise<T> {
    const now = this.#clock === systemClock ? {} : { now: this.#clock.now() }
    return calls.run<T>(script, { ...now, historyLimit, ...asked }, blob?.whole)
  }

  #exchange(settlements: readonly Settlement[], request: ReserveRequest | undefined): Promise<Settled> {
    return this.#server.whole((calls) => this.#exchanges.exchange(settlements, request, (script, asked, blob) => this.#run(script, asked, blob, calls)))
  }

  #named(jobs: readonly string[]): object[] {
    return jobs.map((job) => ({ job, queue: this.#exchanges.queueOf(job) }))
  }
}

/** Steps that have something kept which was not there before. */
const needsMemory: Partial<Record<SharedStep['does'], true>> = { acquire: true, put: true, wait: true, add: true, exchange: true, write: true, set: true }

const expiredBytes = encode(expired)
const lostBytes = encode(workerLost(rescueLimit))
const whyExpired = JSON.stringify(briefly(expired))
const whyLost = JSON.stringify(briefly(workerLost(rescueLimit)))

function published({ expires, tags, payload, links, ...rest }: NewJob, blob: Blob): object {
  return {
    ...rest, ...(expires === Infinity ? {} : { expires }), tags: JSON.stringify(tags), payload: blob.add(payload),
    ...(links ? { links: links.map(({ on, job }) => ({ on, job: published(job, blob) })) } : {})
  }
}

/** Without what is null: Lua would take it for something. */
function toldNothing(step: object): object {
  return Object.fromEntries(Object.entries(step).filter(([, value]) => value !== null))
}
