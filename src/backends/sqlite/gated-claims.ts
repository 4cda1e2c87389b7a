import type { Line } from '../../jobs/job.ts'
import { lineCodes } from './codes.ts'
import type { ReadyRow } from './claims.ts'
import type { Gatekeeper } from './gatekeeper.ts'
import type { JobTables } from './job-tables.ts'
import type { Stored } from './rows.ts'
import type { Statements } from './statements.ts'

/** One that is ready, and where it stands. */
export interface Head {
  readonly row: ReadyRow
  readonly stored: Stored
}

/** So many are passed over in one transaction: the rest follows with the next call. */
export const mostHeldBack = 1_000

/** The front of a queue's line, as far as it was read. */
interface Front {
  readonly rows: readonly ReadyRow[]
  next: number
}

/** The lines of queues of which at least one has gates, or keys, as one: job by job, since each may close a gate to the next. */
export class GatedLine {
  readonly #sql: Statements
  readonly #tables: JobTables
  readonly #gates: Gatekeeper
  readonly #queues: readonly string[]
  readonly #line: Line
  readonly #now: number
  readonly #fronts = new Map<string, Front>()
  /** How many were passed over, since gates held them back. */
  heldBack: number = 0
  /** When a queue of which something waits lets it through. */
  opensLater: number = Infinity

  constructor(sql: Statements, tables: JobTables, queues: readonly string[], line: Line, now: number) {
    this.#sql = sql
    this.#tables = tables
    this.#gates = tables.gates
    this.#queues = queues
    this.#line = line
    this.#now = now
  }

  /** The next that may go. What comes before it and may not waits before its gate from now on; undefined also where that is `mostHeldBack`. */
  next(most: number): Head | undefined {
    let first: Head | undefined
    for (const queue of this.#queues) {
      const head = this.#head(queue, most)
      if (!head || (first && !comesFirst(head, first))) continue
      const opens = this.#gates.queueOpensAt(head.stored.job, this.#now)
      if (opens <= this.#now) first = head
      else this.opensLater = Math.min(this.opensLater, opens)
    }
    if (!first || this.heldBack >= mostHeldBack) return undefined
    this.#fronts.get(first.stored.job.queue)!.next++
    return first
  }

  /** Jobs may stand elsewhere than they did. */
  changed(): void {
    this.#fronts.clear()
  }

  /** The first of a queue that nothing but the queue itself may hold back. */
  #head(queue: string, most: number): Head | undefined {
    while (this.heldBack < mostHeldBack) {
      const any = this.#gates.has(queue) && this.#gates.admit(queue, most, this.#now)
      if (any) this.#fronts.delete(queue)
      let front = this.#fronts.get(queue)
      if (!front || (front.next === front.rows.length && front.rows.length > 0)) {
        front = { rows: this.#sql.ready.all(queue, lineCodes[this.#line], most) as ReadyRow[], next: 0 }
        this.#fronts.set(queue, front)
      }
      const row = front.rows[front.next]
      if (!row && !any) return undefined
      if (!row) continue
      const stored = this.#tables.bySeq(row[0])
      if (!this.#gates.holdsBack(row[0], row[1], stored.job, this.#now)) return { row, stored }
      front.next++
      this.heldBack++
    }
    return undefined
  }
}

function comesFirst({ row: [seq], stored: { job } }: Head, { row: [otherSeq], stored: { job: other } }: Head): boolean {
  return job.priority === other.priority ? seq < otherSeq : job.priority > other.priority
}
