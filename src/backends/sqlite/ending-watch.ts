import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import type { FinalState } from '../../jobs/states.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Ending, Watch } from '../store.ts'
import { stateNames } from './codes.ts'
import { type SqliteEngine, lastEnded } from './engine.ts'
import { isBusy } from './errors.ts'
import { errorOf } from './rows.ts'
import type { Statements } from './statements.ts'

interface EndingWatchParts {
  readonly engine: SqliteEngine
  readonly clock: Clock
  readonly ended: (endings: readonly Ending[]) => void
  readonly failed: (error: unknown) => void
  /** Jobs were added, or deleted, or the watch was disposed. */
  readonly changed: () => void
}

/** Looking takes at most one part in five of the time, but for so many milliseconds: a lone job's end is seen at once. */
const looksPart = 5
const looksFree = 2
/** How long to wait where the file was locked, in milliseconds. */
const lockedPause = 4

/**
 * Waits for the ends of jobs.
 *
 * A job is looked up by id when it is added. From then on either what each transaction since has ended is read, in order, or the
 * watched jobs one by one, whichever are fewer: waiting for one job costs little however busy the queue, and waiting for a
 * hundred thousand costs no more than what ends.
 */
export class EndingWatch implements Watch {
  readonly #parts: EndingWatchParts
  /** Added and not found yet. */
  readonly #unseen = new Set<string>()
  /** Found, and not ended at `#cursor`. By sequence number. */
  readonly #open = new Map<number, string>()
  readonly #numbers = new Map<string, number>()
  /** What transactions ended, up to this one, has been looked at. */
  #cursor = 0
  #next: Timer | undefined
  #queued = false
  /** Milliseconds that looks took, less the part of the time since that they may take. */
  #spent = 0
  #spentAt = 0

  constructor(parts: EndingWatchParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#unseen.size + this.#open.size
  }

  add(job: string): void {
    if (this.#numbers.has(job)) return
    this.#unseen.add(job)
    this.#parts.changed()
    this.look()
  }

  delete(job: string): void {
    this.#unseen.delete(job)
    this.#close(this.#numbers.get(job))
    this.#parts.changed()
  }

  [Symbol.dispose](): void {
    this.#unseen.clear()
    this.#open.clear()
    this.#numbers.clear()
    this.#next?.[Symbol.dispose]()
    this.#next = undefined
    this.#parts.changed()
  }

  /** Looks soon. */
  look(): void {
    if (this.#queued || this.#next || this.size === 0) return
    const rest = this.#rest()
    if (rest > 0) return this.#lookIn(rest)
    this.#queued = true
    afterMicrotasks(() => {
      this.#queued = false
      this.#lookNow()
    })
  }

  #lookIn(ms: number): void {
    this.#next = this.#parts.clock.after(ms, () => {
      this.#next = undefined
      this.#lookNow()
    })
  }

  /** Milliseconds until the next look. */
  #rest(): number {
    const now = this.#parts.clock.elapsed()
    this.#spent = Math.max(0, this.#spent - (now - this.#spentAt) / looksPart)
    this.#spentAt = now
    return (this.#spent - looksFree) * looksPart
  }

  #lookNow(): void {
    if (this.size === 0) return
    const { engine, clock, ended, failed, changed } = this.#parts
    const began = clock.elapsed()
    let endings: Ending[]
    try {
      endings = engine.at((sql) => this.#collect(sql))
    } catch (error) {
      return isBusy(error) ? this.#lookIn(lockedPause) : failed(error)
    }
    this.#spent += clock.elapsed() - began
    if (endings.length === 0) return
    changed()
    ended(endings)
  }

  #collect(sql: Statements): Ending[] {
    const last = lastEnded(sql)
    const ended = this.#open.size === 0 || last === this.#cursor ? [] : this.#endedSince(sql, last)
    this.#cursor = last
    for (const job of this.#unseen) {
      const [seq, ending] = (sql.find.get(job) ?? []) as [number?, (number | null)?]
      if (seq === undefined) continue
      this.#unseen.delete(job)
      if (ending !== null) ended.push(seq)
      else {
        this.#open.set(seq, job)
        this.#numbers.set(job, seq)
      }
    }
    return ended.flatMap((seq) => {
      const row = sql.ending.get(seq) as unknown as EndingRow | undefined
      // It ended, and was revived before we looked: it will end again.
      if (!row) return []
      this.#close(seq)
      const [job, state, attempt, error, result] = row
      return { job, state: stateNames[state] as FinalState, result: result ?? undefined, error: errorOf(error), attempt }
    })
  }

  #endedSince(sql: Statements, last: number): number[] {
    // What came right after the cursor may have been dropped meanwhile.
    const [first] = (sql.firstEnded.get() ?? []) as [number?]
    return first === undefined || first > this.#cursor + 1 || this.#open.size < last - this.#cursor
      ? [...this.#open.keys()].filter((seq) => sql.hasEnded.get(seq) !== undefined)
      : [...new Set((sql.endedSince.all(this.#cursor, last) as [string][]).flatMap(([seqs]) => JSON.parse(seqs) as number[]))].filter((seq) => this.#open.has(seq))
  }

  #close(seq: number | undefined): void {
    const job = seq === undefined ? undefined : this.#open.get(seq)
    if (seq === undefined || job === undefined) return
    this.#open.delete(seq)
    this.#numbers.delete(job)
  }
}

type EndingRow = [job: string, state: number, attempt: number, error: Uint8Array | null, result: Uint8Array | null]
