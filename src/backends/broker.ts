import type { JobLogLine } from '../jobs/history.ts'
import type { Gate, GateChange, GateName } from '../jobs/gates.ts'
import type { Happening, Line, NewJob } from '../jobs/job.ts'
import type { Admission } from '../jobs/unique.ts'
import type { Progress } from '../tasks/progress.ts'
import type { Place } from '../tasks/task.ts'

/** A published job that was not kept as it came, since another holds its unique key. */
export interface Taken {
  readonly job: string
  readonly admission: Exclude<Admission, 'created'>
  /** Which job holds the key; it may have been purged meanwhile. */
  readonly holder: string
}

/** One delivery of a job: what a worker says whose outcome it reports. */
export interface AttemptRef {
  readonly job: string
  /** The fencing token: rises with every delivery of the job. */
  readonly token: number
}

/** A job in a worker's hands, with all that running it needs. */
export interface Delivery extends AttemptRef {
  readonly task: string
  readonly place: Place
  /** The number of this attempt, from 1. */
  readonly attempt: number
  /** It is to run alone, in a child process: see `Job.suspect`. */
  readonly suspect: boolean
  /** How often it ended the thread or process that ran it. */
  readonly deaths: number
  /** How often in a row it was handed back for later. */
  readonly deferrals: number
  readonly payload: Uint8Array
}

export interface ReserveRequest {
  readonly worker: string
  readonly queues: readonly string[]
  /** How many jobs of each line to take, at most. A line that is not named is not served. */
  readonly room: Readonly<Partial<Record<Line, number>>>
  /** Milliseconds that the worker holds what it reserves, unless it extends. Renews its whole lease. */
  readonly lease: number
  /** Where it takes nothing: one job that it would have taken may be handed to the worker as it is published (see `Broker.receive`), until it reserves again, announces its end or leaves, or its lease ends; not where it still holds another. Default: false */
  readonly waits?: boolean
}

export interface Reservation {
  readonly deliveries: readonly Delivery[]
  /** Attempts of this worker whose jobs somebody cancelled meanwhile. Named again at each call until they are settled. */
  readonly cancelling: readonly AttemptRef[]
  /** Milliseconds until the next scheduled job of any queue falls due, or a gate that held back a job lets it through; `Infinity` where none is. 0 also where the backend left off early: ask again. */
  readonly nextDue: number
}

/** How an attempt ended. */
export type Settlement = AttemptRef & {
  readonly outcome: Extract<Happening, { event: 'succeed' | 'retry' | 'fail' | 'release' | 'defer' | 'stop' | 'bury' }>
}

/** What an attempt under way says of itself. */
export interface Report extends AttemptRef {
  readonly progress?: Progress
  readonly logs?: readonly JobLogLine[]
}

export interface Settled {
  /** Attempts whose lease was lost meanwhile: their outcomes were refused (`STALE_ATTEMPT`). */
  readonly stale: readonly AttemptRef[]
  /** What was asked for in the same breath, where anything was. */
  readonly reservation?: Reservation
}

export interface Sweep {
  /** Jobs taken from workers whose leases ran out: ready again. One whose cancel had been asked for is cancelled instead, and not named. */
  readonly rescued: readonly AttemptRef[]
  /** Jobs set aside: expired, or rescued too often. */
  readonly buried: readonly string[]
  /** True where nothing was rescued since the backend itself had been held up: the leases may be old through no fault of their workers. What expired is buried all the same. */
  readonly stalled: boolean
}

export interface QueueStats {
  readonly scheduled: number
  readonly ready: number
  readonly active: number
  readonly waiting: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly dead: number
}

export interface BrokerStats {
  readonly queues: Readonly<Record<string, QueueStats>>
  /** Workers with a lease that has not run out. Of one that has not said what it is, capacity is 0. */
  readonly workers: readonly (WorkerInfo & { readonly id: string, readonly leaseLeft: number, readonly active: number })[]
  /** Milliseconds that the oldest ready job has waited; 0 where none is ready. */
  readonly oldestReady: number
}

/** What a worker says of itself. */
export interface WorkerInfo {
  /** How many attempts it runs at once, in the places where its tasks run. */
  readonly capacity: number
  readonly queues: readonly string[]
  /** It obeys remote control. */
  readonly control?: true
  /** It removes what has ended where that holds too much: how many do, tells each how often it is to look. */
  readonly weighs?: true
}

/** What is known of a worker that has not said what it is. */
export const unknownWorker: WorkerInfo = { capacity: 0, queues: [] }

/** A broker's part in a transaction of the program's own. */
export interface Enlisted {
  /** As `Broker.publish`, in the transaction that is open, at once. */
  publish(jobs: readonly NewJob[]): readonly Taken[]
}

/** What a broker promises. Cases of the conformance suite that it cannot pass its own test names, each with the reason. */
export interface BrokerCapabilities {
  /** `settle` changes the store in the same transaction. */
  readonly settleIsCommit: boolean
  /** Jobs outlive the process. */
  readonly durable: boolean
}

/**
 * Moves jobs. Every method takes a batch and is atomic: all of it happens, or it rejects and nothing has.
 *
 * Leases and delays run on the backend's clock, never on a worker's. An adapter to what has a clock of its own is given one all the same:
 * `systemClock` stands for the backend's own, and any other one rules, so that the conformance suite can move the time.
 */
export interface Broker {
  readonly capabilities: BrokerCapabilities
  /**
   * Resolves when the jobs are kept, with those that were not, as their unique keys were taken. A job whose id is known already is passed over,
   * so that a publish may be repeated.
   */
  publish(jobs: readonly NewJob[]): Promise<readonly Taken[]>
  /** Takes part in transactions on a connection of the program's own to where the jobs are. Absent where that cannot be. @throws InvalidOptionError where it is no such connection */
  inside?(connection: unknown): Enlisted
  /**
   * Highest priority first, then oldest: by arrival, or by id, which rises with it. In a queue that has had jobs with keys, or has a gate, those of one priority by
   * whose turn it is, then oldest; between queues by age alone. Jobs that a gate holds back, or that wait for one before them of their key, are passed over.
   * Jobs that fell due are counted in; expired ones are set aside instead.
   */
  reserve(request: ReserveRequest): Promise<Reservation>
  /** Ends attempts and, in the same breath, reserves more. */
  settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled>
  /**
   * Renews the worker's lease for `lease` ms from now, or begins one; returns which of `held` it no longer holds. What it holds and does not name, though it was reserved twice `lease`
   * and `unanswered` ms ago or earlier, goes back uncharged, as when it leaves: the answer that told of it was lost.
   *
   * @param info what the worker says of itself from now on; what it said before, where it is left out
   * @param unanswered since when the first reservation was asked for whose answer it awaits, in milliseconds: what that tells of it cannot name yet. Default: 0, it awaits none
   */
  extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered?: number): Promise<readonly AttemptRef[]>
  /**
   * Takes back the jobs of workers whose leases ran out, and sets aside what expired or was rescued too often.
   *
   * @param patience milliseconds: where the backend kept this call waiting for longer, nothing is rescued and `stalled` is true
   */
  sweep(patience: number): Promise<Sweep>
  /** The worker is about to end: if it dies before it leaves, that says nothing about its jobs. It may be renewed meanwhile. Nothing where it has no lease. */
  announce(worker: string): Promise<void>
  /** Keeps what attempts say of themselves; what is said by one that lost its lease is passed over. */
  report(reports: readonly Report[]): Promise<void>
  /** Opens or closes gates: limits what is taken of a queue, a task or a key, on all workers together. Jobs that run go on. */
  gate(changes: readonly (GateName & GateChange)[]): Promise<void>
  /** All gates with a rule, or that are paused or held. */
  gates(): Promise<readonly Gate[]>
  /** Forgets a worker that leaves; what it still holds is handed back uncharged. */
  leave(worker: string): Promise<void>
  /**
   * Calls `wake` soon after jobs may have become ready, or cancels been asked for, through whatever handle and in whatever process; may call
   * it for nothing. Not for what falls due: that `nextDue` tells; nor for what is handed to a worker.
   */
  listen(queues: readonly string[], wake: () => void): Disposable
  /**
   * Calls `take` with a job that was handed to the worker while it waited (`ReserveRequest.waits`): it is reserved, as if the worker had asked, and nobody is woken for it. Where that
   * call does not reach the worker, the job is one whose reservation was not heard of: see `extend`. Absent where a backend hands nothing over.
   */
  receive?(worker: string, take: (delivery: Delivery) => void): Disposable
  stats(): Promise<BrokerStats>
  /** What was asked before is still done; what is asked later rejects with ClosedError, and no listener or watch hears anything more. */
  close(): Promise<void>
}
