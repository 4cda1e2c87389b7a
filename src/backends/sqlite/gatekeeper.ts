import {
  type Gate, type GateChange, type GateName, type GateRule, type GateState, type KeptGate, changedGate, eachKey, gatesOf, innerName, openGate, opensAt, paidAfter, rankOf, roomOf, shownGate, turnOf
} from '../../jobs/gates.ts'
import { type Job, lineOf, lines } from '../../jobs/job.ts'
import { lineCodes } from './codes.ts'
import type { Statements } from './statements.ts'

/** So many gates are looked at before others have their turn. */
const mostLooked = 200

/** What holds back jobs that are ready, and whose turn it is: of queues that have gates, or have had jobs with keys. Others are not here. */
export class Gatekeeper {
  readonly #sql: Statements
  /** How many jobs of a queue became active in this transaction, which are not counted in its table yet. */
  readonly #moreActive: (queue: string) => number
  /** Jobs of the queue may go that could not. */
  readonly #tell: (queue: string) => void
  /** Of this transaction: the queues, and how far their turns have come. */
  #reached: Map<string, number> | undefined

  constructor(sql: Statements, moreActive: (queue: string) => number, tell: (queue: string) => void) {
    this.#sql = sql
    this.#moreActive = moreActive
    this.#tell = tell
  }

  has(queue: string): boolean {
    return this.#gated().has(queue)
  }

  /** The transaction is over. */
  reset(): void {
    this.#reached = undefined
  }

  change(name: GateName, change: GateChange, now: number): void {
    const { queue } = name
    const inner = innerName(name)
    this.#begin(queue)
    this.#write(queue, inner, changedGate(this.#own(queue, inner), change, now))
    if (inner === eachKey) this.#sql.mayAllOpen.run(queue)
    else this.#sql.mayOpen.run(queue, inner, 0)
  }

  all(now: number): Gate[] {
    return (this.#sql.allGates.all(now) as GateRow[])
      .map(([queue, inner, rule, paused, heldUntil]) => shownGate(queue, inner, { rule: ruleOf(rule), paused: paused === 1, heldUntil }, now))
      .filter((gate) => gate !== undefined)
  }

  /** What only some jobs have is written with them; the rest as they become ready. */
  published(seq: number, { queue, key, ordered, cost }: Job): void {
    if (key !== undefined) this.#begin(queue)
    if (key !== undefined || cost !== 1) this.#sql.writeKeyed.run(seq, key ?? null, ordered ? 1 : 0, cost, 0)
  }

  /** The place in its line of a job that is ready. */
  rank(seq: number, job: Job): number {
    const { queue, key, ordered, cost, token } = job
    const reached = this.#gated().get(queue)
    if (reached === undefined) return rankOf(job, 0)
    const weight = this.#rule(queue, `key ${key ?? ''}`)?.weight
    const next = turnOf(reached, (this.#sql.finishOf.get(queue, key ?? '')?.[0] ?? 0) as number, weight)
    if (token === 0) this.#sql.writeTurn.run(queue, key ?? '', next.finish)
    const turn = token === 0 ? next.turn : reached
    const rank = rankOf(job, turn)
    this.#sql.writeKeyed.run(seq, key ?? null, ordered ? 1 : 0, cost, turn)
    if (ordered) this.#sql.insertOrdered.run(queue, key!, rank, seq)
    return rank
  }

  /** Which of the ordered jobs of a key may go: the one that has begun, or else the first that is ready, whatever its line. */
  #nextOf(queue: string, key: string): number | undefined {
    return (this.#sql.holderOf.get(queue, key) ?? this.#sql.firstOrdered.get(queue, key))?.[0] as number | undefined
  }

  /** When its queue lets a job through. */
  queueOpensAt({ queue, cost }: Job, now: number): number {
    return this.has(queue) ? opensAt(this.#state(queue, 'queue'), cost, now) : 0
  }

  /** Has a job of the line wait that may not go. False where it may. */
  holdsBack(seq: number, rank: number, job: Job, now: number): boolean {
    const { queue, key, ordered, attempt, token } = job
    if (!this.has(queue)) return false
    const gate = ordered && this.#nextOf(queue, key!) !== seq
      ? `order ${key}`
      : gatesOf(job).find((inner) => opensAt(this.#state(queue, inner), job.cost, now) > now)
    if (gate === undefined) return false
    this.#sql.dropReady.run(queue, lineCodes[lineOf(job)], rank, seq)
    this.#sql.insertParked.run(seq, queue, gate, lineCodes[lineOf(job)], rank, attempt, token)
    // It may open by itself, and others of its gates have room for more.
    this.#makesRoom(job)
    return true
  }

  /** A job is ready no longer: others of its gates may go in its place. */
  left(seq: number, rank: number, job: Job): void {
    if (job.ordered) this.#sql.dropOrdered.run(job.queue, job.key!, rank, seq)
    if (this.has(job.queue)) this.#makesRoom(job)
  }

  #makesRoom(job: Job): void {
    const { queue, key, ordered } = job
    for (const inner of gatesOf(job)) this.#sql.mayOpen.run(queue, inner, 0)
    if (ordered) this.#sql.mayOpen.run(queue, `order ${key}`, 0)
  }

  /** A job goes through its gates. */
  passed(seq: number, rank: number, job: Job, now: number): void {
    const { queue, key, ordered, cost } = job
    const reached = this.#gated().get(queue)
    if (reached === undefined) return
    const turn = rank - rankOf(job, 0)
    if (turn > reached) {
      this.#gated().set(queue, turn)
      this.#sql.writeReached.run(turn, queue)
    }
    if (ordered) this.#sql.writeHolder.run(queue, key!, seq)
    for (const inner of ['queue', ...gatesOf(job)]) {
      const state = this.#state(queue, inner)
      if (state.rule?.rate) this.#write(queue, inner, { ...this.#own(queue, inner), paidAt: paidAfter(state, cost, now) })
    }
  }

  /** So many more jobs like this one are active. */
  count(job: Job, more: number): void {
    if (more === 0 || !this.has(job.queue)) return
    for (const inner of gatesOf(job)) {
      this.#sql.addActive.run(job.queue, inner, more)
      if (more < 0) this.#mayOpen(job.queue, inner)
    }
    // What waits in the queue may go, though before no gate of its own.
    if (more < 0 && this.#own(job.queue, 'queue').rule?.concurrency !== undefined) this.#tell(job.queue)
  }

  ended(seq: number, { queue, key, ordered }: Job): void {
    if (ordered && this.#sql.dropHolder.run(queue, key!, seq).changes > 0) this.#mayOpen(queue, `order ${key}`)
  }

  /**
   * Gives back what waits before gates that have opened: of each line at most so many, and as many as may go, or a few more. A gate is looked at again when one of its
   * jobs has left its line. Says whether there was any, or may be more.
   */
  admit(queue: string, most: number, now: number): boolean {
    const gates = this.#sql.opening.all(queue, now, mostLooked) as [string][]
    let any = gates.length === mostLooked
    for (const [gate] of gates) any = this.#look(queue, gate, most, now) || any
    return any
  }

  #look(queue: string, gate: string, most: number, now: number): boolean {
    const isOrder = gate.startsWith('order ')
    const next = isOrder ? this.#nextOf(queue, gate.slice(6)) : undefined
    const state = this.#state(queue, gate)
    let later = Infinity
    let any = false
    this.#sql.dropOpening.run(queue, gate)
    for (const line of lines) {
      const [first, cost] = (this.#sql.firstParked.get(queue, gate, lineCodes[line]) ?? []) as [number?, number?]
      if (first === undefined) continue
      const opens = isOrder ? first === next ? 0 : Infinity : opensAt(state, cost!, now)
      if (opens > now) {
        later = Math.min(later, opens)
        continue
      }
      for (const [seq, rank, attempt, token] of this.#sql.parked.all(queue, gate, lineCodes[line], isOrder ? 1 : Math.min(roomOf(state, now), most)) as number[][]) {
        any = true
        this.#sql.dropParked.run(seq!)
        this.#sql.insertReady.run(queue, lineCodes[line], rank!, seq!, attempt!, token!)
      }
    }
    if (later < Infinity) this.#sql.mayOpen.run(queue, gate, later)
    return any
  }

  /** When the next gate before which jobs wait opens by itself. */
  nextOpening(now: number): number {
    return (this.#sql.nextOpening.get(now)![0] ?? Infinity) as number
  }

  /** Forgets keys that have nothing more to wait for than new ones, all where nothing of their queue is ready, gates that hold nothing back and have no rule of their own, and counts of nothing. */
  trim(now: number): void {
    if (this.#gated().size === 0) return
    this.#sql.trimGates.run(now)
    this.#sql.trimTurns.run()
    this.#sql.trimActive.run()
  }

  #gated(): Map<string, number> {
    return this.#reached ??= new Map(this.#sql.gatedQueues.all() as unknown as [string, number][])
  }

  #mayOpen(queue: string, gate: string): void {
    if (this.#sql.mayOpen.run(queue, gate, 0).changes > 0) this.#tell(queue)
  }

  #begin(queue: string): void {
    if (this.has(queue)) return
    this.#sql.insertGated.run(queue)
    this.#gated().set(queue, 0)
    for (const [task, key, active] of this.#sql.activeKinds.all(queue) as [string, string | null, number][]) {
      for (const inner of gatesOf({ task, key: key ?? undefined })) this.#sql.addActive.run(queue, inner, active)
    }
  }

  #own(queue: string, inner: string): KeptGate {
    const row = this.#sql.gateOf.get(queue, inner)
    if (!row) return openGate
    const [rule, paused, heldUntil, paidAt] = row as [string | null, number, number, number]
    return { rule: ruleOf(rule), paused: paused === 1, heldUntil, paidAt }
  }

  #write(queue: string, inner: string, { rule, paused, heldUntil, paidAt }: KeptGate): void {
    this.#sql.writeGate.run(queue, inner, rule ? JSON.stringify(rule) : null, paused ? 1 : 0, heldUntil, paidAt)
  }

  #rule(queue: string, inner: string): GateRule | undefined {
    return this.#own(queue, inner).rule ?? (inner.startsWith('key ') ? this.#own(queue, eachKey).rule : undefined)
  }

  #state(queue: string, inner: string): GateState {
    const active = inner === 'queue'
      ? Number(this.#sql.activeInQueue.get(queue)?.[0] ?? 0) + this.#moreActive(queue)
      : Number(this.#sql.activeOf.get(queue, inner)?.[0] ?? 0)
    return { ...this.#own(queue, inner), rule: this.#rule(queue, inner), active }
  }
}

function ruleOf(json: string | null): GateRule | undefined {
  return json === null ? undefined : JSON.parse(json) as GateRule
}

type GateRow = [queue: string, inner: string, rule: string | null, paused: number, heldUntil: number]
