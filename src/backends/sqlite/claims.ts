import { expired } from '../../jobs/limits.ts'
import { type Job, type Line, lines } from '../../jobs/job.ts'
import { hasExpired } from '../../jobs/rescue.ts'
import type { Place } from '../../tasks/task.ts'
import type { Delivery, ReserveRequest } from '../broker.ts'
import { lineCodes, lineNames } from './codes.ts'
import { GatedLine, mostHeldBack } from './gated-claims.ts'
import type { JobTables } from './job-tables.ts'
import type { Row } from './rows.ts'
import type { Statements } from './statements.ts'

/** A delivery that was made here: its worker settles it here, and then it need not be looked up. */
export interface Claim {
  readonly seq: number
  readonly token: number
  readonly queue: string
  readonly attempt: number
  readonly startedAt: number
  /** Its end publishes others. */
  readonly isLinked: boolean
}

/** What is told of a claim. */
export interface ClaimedJob {
  readonly job: string
  readonly task: string
  readonly queue: string
  readonly attempt: number
  readonly token: number
}

/** A transaction buries no more expired jobs than about this many; the rest follows with the next call. */
const mostBuried = 1_000

/** Claims jobs for one request of a worker. */
export class Claims {
  readonly deliveries: Delivery[] = []
  readonly claimed: Map<string, Claim> = new Map<string, Claim>()
  /** False where so many had expired that the rest must wait for the next call. */
  complete: boolean = true
  /** When a queue lets through what it holds back now. */
  opensLater: number = Infinity
  readonly #sql: Statements
  readonly #tables: JobTables
  readonly #worker: number
  readonly #started: ((claim: ClaimedJob) => void) | undefined
  readonly #now: number

  /** @param started is told of each claim, where it is there */
  constructor(sql: Statements, tables: JobTables, worker: number, now: number, started?: (claim: ClaimedJob) => void) {
    this.#sql = sql
    this.#tables = tables
    this.#worker = worker
    this.#started = started
    this.#now = now
  }

  take({ queues, room }: Pick<ReserveRequest, 'queues' | 'room'>): void {
    const own = [...new Set(queues)]
    for (const line of lines) if (room[line] && own.length > 0) this.#takeLine(own, line, room[line])
  }

  #takeLine(queues: readonly string[], line: Line, room: number): void {
    if (queues.some((queue) => this.#tables.gates.has(queue))) return this.#takeGated(queues, line, room)
    const taken: ReadyRow[] = []
    const again = this.#takeFront(queues, line, room, taken)
    if (queues.length > 1) taken.sort(inTurn)
    for (const row of taken) this.deliveries.push(this.#delivery(row, line === 'suspect'))
    if (again) this.#takeLine(queues, line, room - taken.length)
  }

  /** Says whether what was published meanwhile may have changed the rest: it is to be looked at anew. */
  #takeFront(queues: readonly string[], line: Line, room: number, taken: ReadyRow[]): boolean {
    let left = room
    let buried = 0
    while (left > 0) {
      const asked = left
      const shares = queues.length === 1 ? [[queues[0]!, left] as const] : this.#shares(queues, line, left)
      let got = 0
      for (const [queue, share] of shares) {
        const rows = this.#sql.ready.all(queue, lineCodes[line], share) as ReadyRow[]
        got += rows.length
        const dead = rows.filter(([, , attempt, , , , , expiresAt]) => expiresAt !== null && hasExpired({ attempt, expiresAt }, this.#now))
        for (const [seq] of dead) this.#tables.happen(this.#tables.bySeq(seq), { event: 'bury', error: expired }, this.#now)
        buried += dead.length
        if (dead.some(isLinked)) return true
        // Those are out of the line now, so what is left is its front.
        const front = dead.length === 0 ? rows : rows.filter((row) => !dead.includes(row))
        this.#claim(queue, line, front)
        left -= front.length
        for (const row of front) taken.push(row)
      }
      if (got < asked) return false
      if (buried >= mostBuried) {
        this.complete = false
        return false
      }
    }
    return false
  }

  #takeGated(queues: readonly string[], line: Line, room: number): void {
    const gated = new GatedLine(this.#sql, this.#tables, queues, line, this.#now)
    let left = room
    for (let buried = 0; left > 0;) {
      const head = gated.next(left)
      if (!head) break
      const { row, stored: { job } } = head
      if (hasExpired(job, this.#now)) {
        this.#tables.happen(head.stored, { event: 'bury', error: expired }, this.#now)
        if (isLinked(row)) gated.changed()
        if (++buried >= mostBuried) this.complete = false
        if (!this.complete) break
        continue
      }
      this.#claimOne(row, line, job)
      this.deliveries.push(this.#delivery(row, line === 'suspect'))
      left--
    }
    if (gated.heldBack >= mostHeldBack) this.complete = false
    this.opensLater = Math.min(this.opensLater, gated.opensLater)
  }

  #claimOne(row: ReadyRow, line: Line, job: Job): void {
    const [seq, rank, attempt, token, id, task, , expiresAt] = row
    const { queue } = job
    this.#tables.gates.passed(seq, rank, job, this.#now)
    this.#sql.dropReady.run(queue, lineCodes[line], rank, seq)
    this.#tables.gates.left(seq, rank, job)
    this.#sql.claimOne.run(seq, this.#worker, attempt + 1, token + 1, this.#now)
    this.#tables.gates.count(job, 1)
    if (expiresAt !== null && attempt === 0) this.#sql.dropExpiring.run(expiresAt, seq)
    this.claimed.set(id, { seq, token: token + 1, queue, attempt: attempt + 1, startedAt: this.#now, isLinked: isLinked(row) })
    this.#started?.({ job: id, task, queue, attempt: attempt + 1, token: token + 1 })
    this.#tables.count(queue, 'ready', -1)
    this.#tables.count(queue, 'active', 1)
  }

  /** How many of the first `limit` of several queues, as one line, each of them has. */
  #shares(queues: readonly string[], line: Line, limit: number): [queue: string, share: number][] {
    const first = queues
      .flatMap((queue) => (this.#sql.readyRanks.all(queue, lineCodes[line], limit) as [number, number][]).map(([rank, seq]) => ({ queue, rank, seq })))
      .sort((a, b) => a.rank - b.rank || a.seq - b.seq)
      .slice(0, limit)
    const shares = new Map<string, number>()
    for (const { queue } of first) shares.set(queue, (shares.get(queue) ?? 0) + 1)
    return [...shares]
  }

  #claim(queue: string, line: Line, rows: readonly ReadyRow[]): void {
    const last = rows.at(-1)
    if (!last) return
    const [lastSeq, lastRank] = last
    this.#sql.claimFront.run(this.#worker, this.#now, queue, lineCodes[line], lastRank, lastSeq)
    this.#sql.dropFront.run(queue, lineCodes[line], lastRank, lastSeq)
    for (const row of rows) {
      const [seq, , attempt, token, job, task, , expiresAt] = row
      if (expiresAt !== null && attempt === 0) this.#sql.dropExpiring.run(expiresAt, seq)
      this.claimed.set(job, { seq, token: token + 1, queue, attempt: attempt + 1, startedAt: this.#now, isLinked: isLinked(row) })
      this.#started?.({ job, task, queue, attempt: attempt + 1, token: token + 1 })
    }
    this.#tables.count(queue, 'ready', -rows.length)
    this.#tables.count(queue, 'active', rows.length)
  }

  #delivery([seq, , attempt, token, job, task, place, , payload]: ReadyRow, suspect: boolean): Delivery {
    const [deaths, deferrals] = (token === 0 ? undefined : this.#sql.setbacks.get(seq) as [number, number] | undefined) ?? [0, 0]
    return { job, token: token + 1, task, place: lineNames[place] as Place, attempt: attempt + 1, suspect, deaths, deferrals, payload }
  }
}

/** Its end publishes others. */
function isLinked(row: ReadyRow): boolean {
  return row[9] === 1
}

function inTurn([seq, rank]: ReadyRow, [otherSeq, otherRank]: ReadyRow): number {
  return rank - otherRank || seq - otherSeq
}

export type ReadyRow = Row & [
  seq: number, rank: number, attempt: number, token: number, job: string, task: string, place: number, expiresAt: number | null, payload: Uint8Array, isLinked: number
]
