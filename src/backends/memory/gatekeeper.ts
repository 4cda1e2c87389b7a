import { Heap } from '../../concurrency/heap.ts'
import {
  type Gate, type GateChange, type GateName, type GateState, type KeptGate, changedGate, eachKey, gatesOf, innerName, openGate, opensAt, paidAfter, rankOf, roomOf, shownGate, turnOf
} from '../../jobs/gates.ts'
import { type Job, type Line, lineOf } from '../../jobs/job.ts'

/** What stands in a line. */
export interface Waiting {
  readonly job: Job
  readonly seq: number
  /** Its place in its line: the lower the earlier. */
  rank: number
}

/** Turns and gates of one queue. */
interface GatedQueue<Entry> {
  readonly gates: Map<string, KeptGate>
  /** How many jobs are active, of tasks and keys. */
  readonly active: Map<string, number>
  /** The turn that was taken last, and how far each key has come. */
  reached: number
  readonly keys: Map<string, number>
  /** Of each key with ordered jobs, which has begun and not ended. */
  readonly holders: Map<string, string>
  /** Of each key, its ordered jobs that are ready, in their order. */
  readonly ordered: Map<string, Waiting[]>
  /** What waits before a gate, by line. */
  readonly parked: Map<string, Map<Line, Heap<Entry>>>
  /** Gates before which jobs wait, and that may be open. */
  readonly opening: Set<string>
  /** When others open by themselves, and when the first of them does. */
  readonly opensLater: Map<string, number>
  firstOpening: number
}

/** So many jobs are passed over before others have their turn. */
export const mostHeldBack = 1_000

/**
 * What holds back jobs that are ready. One that comes to the front of its line, and may not go, waits before the gate that holds it back: so nobody looks at it again
 * until that has opened.
 */
export class Gatekeeper<Entry extends Waiting> {
  readonly #queues = new Map<string, GatedQueue<Entry>>()

  change(name: GateName, change: GateChange, now: number, active: Iterable<Job>): void {
    const of = this.#gated(name.queue, active)
    const inner = innerName(name)
    of.gates.set(inner, changedGate(of.gates.get(inner) ?? openGate, change, now))
    for (const gate of inner === eachKey ? of.parked.keys() : [inner]) of.opening.add(gate)
  }

  all(now: number): Gate[] {
    return [...this.#queues].flatMap(([queue, { gates }]) => Array.from(gates, ([inner, gate]) => shownGate(queue, inner, gate, now))).filter((gate) => gate !== undefined)
  }

  /** A job that is new. */
  published({ queue, key }: Job, active: Iterable<Job>): void {
    if (key !== undefined) this.#gated(queue, active)
  }

  /** The place in its line of a job that is ready. */
  rank(job: Job): number {
    const of = this.#queues.get(job.queue)
    if (!of) return rankOf(job, 0)
    const key = job.key ?? ''
    const { turn, finish } = turnOf(of.reached, of.keys.get(key) ?? 0, this.#state(of, `key ${key}`, 0).rule?.weight)
    if (job.token > 0) return rankOf(job, of.reached)
    of.keys.set(key, finish)
    return rankOf(job, turn)
  }

  /** A job is ready, at its rank. */
  stands({ job, seq, rank }: Entry): void {
    if (!job.ordered) return
    const { ordered } = this.#queues.get(job.queue)!
    const all = ordered.get(job.key!) ?? []
    ordered.set(job.key!, all)
    const own = { job, seq, rank }
    all.splice(all.findLastIndex((other) => isBefore(other, own)) + 1, 0, own)
  }

  /** Whether a queue lets a job of that cost through. */
  letsThrough(queue: string, cost: number, active: number, now: number): boolean {
    const of = this.#queues.get(queue)
    if (!of) return true
    const at = opensAt(this.#state(of, 'queue', active), cost, now)
    if (at > now && at < Infinity) opensAgain(of, 'queue', at)
    return at <= now
  }

  /** Has a job wait that may not go. False where it may. */
  holdsBack(entry: Entry, now: number): boolean {
    const { job } = entry
    const of = this.#queues.get(job.queue)
    if (!of) return false
    const gate = job.ordered && nextOf(of, job.key!) !== job.id
      ? `order ${job.key}`
      : gatesOf(job).find((inner) => opensAt(this.#state(of, inner), job.cost, now) > now)
    if (gate === undefined) return false
    const lines = of.parked.get(gate) ?? new Map<Line, Heap<Entry>>()
    of.parked.set(gate, lines)
    const line = lines.get(lineOf(job)) ?? new Heap<Entry>(isBefore)
    lines.set(lineOf(job), line)
    line.push(entry)
    // It may open by itself, and others of its gates have room for more.
    makeRoom(of, job)
    return true
  }

  /** A job is ready no longer: others of its gates may go in its place. */
  left(job: Job): void {
    const of = this.#queues.get(job.queue)
    if (!of) return
    const all = job.ordered && of.ordered.get(job.key!)
    if (all) all.splice(all.findIndex((other) => other.job.id === job.id), 1)
    if (all && all.length === 0) of.ordered.delete(job.key!)
    makeRoom(of, job)
  }

  /** A job goes through its gates. */
  passed({ job, rank }: Entry, now: number): void {
    const of = this.#queues.get(job.queue)
    if (!of) return
    of.reached = Math.max(of.reached, rank - rankOf(job, 0))
    if (job.ordered) of.holders.set(job.key!, job.id)
    for (const inner of ['queue', ...gatesOf(job)]) {
      const state = this.#state(of, inner)
      if (state.rule?.rate) of.gates.set(inner, { ...of.gates.get(inner) ?? openGate, paidAt: paidAfter(state, job.cost, now) })
    }
  }

  /** A job became active, or is so no longer, or has ended. Says whether others may go that could not. */
  became(before: Job, after: Job): boolean {
    const of = this.#queues.get(after.queue)
    if (!of) return false
    if (before.state === 'ready') this.left(before)
    let opens = false
    const more = Number(after.state === 'active') - Number(before.state === 'active')
    if (more !== 0) {
      for (const inner of gatesOf(after)) {
        of.active.set(inner, (of.active.get(inner) ?? 0) + more)
        if (more < 0 && of.parked.has(inner)) {
          of.opening.add(inner)
          opens = true
        }
      }
      // What waits in the queue may go, though before no gate of its own.
      if (more < 0 && of.gates.get('queue')?.rule?.concurrency !== undefined) opens = true
    }
    if (after.finishedAt !== undefined && of.holders.get(after.key ?? '') === after.id) {
      of.holders.delete(after.key!)
      of.opening.add(`order ${after.key}`)
      opens = true
    }
    return opens
  }

  /**
   * Gives back what waits before gates of a queue that have opened: of each line at most so many, and as many as may go, or a few more. A gate is looked at again when one
   * of its jobs has left its line.
   */
  admit(queue: string, most: number, now: number, giveBack: (entry: Entry) => void): void {
    const of = this.#queues.get(queue)
    if (!of) return
    if (of.firstOpening <= now) {
      const due = [...of.opensLater].filter(([, at]) => at <= now)
      for (const [gate] of due) {
        of.opensLater.delete(gate)
        of.opening.add(gate)
      }
      of.firstOpening = of.opensLater.values().reduce((first, at) => Math.min(first, at), Infinity)
    }
    for (const gate of of.opening) {
      of.opening.delete(gate)
      this.#look(of, gate, most, now, giveBack)
    }
  }

  #look(of: GatedQueue<Entry>, gate: string, most: number, now: number, giveBack: (entry: Entry) => void): void {
    const lines = of.parked.get(gate)
    if (!lines) return
    const state = this.#state(of, gate)
    const isOrder = gate.startsWith('order ')
    let later = Infinity
    for (const [name, heap] of lines) {
      const first = firstOf(heap)
      const at = !first ? Infinity : isOrder ? first.job.id === nextOf(of, gate.slice(6)) ? 0 : Infinity : opensAt(state, first.job.cost, now)
      if (at > now) later = Math.min(later, at)
      if (at <= now) for (let left = isOrder ? 1 : Math.min(roomOf(state, now), most); left > 0 && firstOf(heap); left--) giveBack(heap.pop()!)
      if (!firstOf(heap)) lines.delete(name)
    }
    if (lines.size === 0) of.parked.delete(gate)
    if (later < Infinity) opensAgain(of, gate, later)
  }

  /**
   * Forgets keys that have nothing more to wait for than new ones, gates that hold nothing back and have no rule of their own, and counts of nothing.
   *
   * @param isIdle whether nothing of a queue is ready: then nobody has a debt
   */
  trim(now: number, isIdle: (queue: string) => boolean): void {
    for (const [queue, { gates, active, keys, reached }] of this.#queues) {
      const idle = isIdle(queue)
      for (const [inner, { rule, paused, heldUntil, paidAt }] of gates) if (!rule && !paused && heldUntil <= now && paidAt <= now) gates.delete(inner)
      for (const [inner, count] of active) if (count === 0) active.delete(inner)
      for (const [key, finish] of keys) if (idle || finish <= reached) keys.delete(key)
    }
  }

  /** When a gate before which jobs wait opens by itself. */
  get nextOpening(): number {
    return Math.min(Infinity, ...this.#queues.values().map(({ firstOpening }) => firstOpening))
  }

  #gated(queue: string, active: Iterable<Job>): GatedQueue<Entry> {
    let of = this.#queues.get(queue)
    if (of) return of
    of = { gates: new Map(), active: new Map(), reached: 0, keys: new Map(), holders: new Map(), ordered: new Map(), parked: new Map(), opening: new Set(), opensLater: new Map(), firstOpening: Infinity }
    for (const job of active) if (job.queue === queue) for (const inner of gatesOf(job)) of.active.set(inner, (of.active.get(inner) ?? 0) + 1)
    this.#queues.set(queue, of)
    return of
  }

  #state(of: GatedQueue<Entry>, inner: string, active: number = of.active.get(inner) ?? 0): GateState {
    const own = of.gates.get(inner) ?? openGate
    return { ...own, rule: own.rule ?? (inner.startsWith('key ') ? of.gates.get(eachKey)?.rule : undefined), active }
  }
}

/** Others of a job's gates may go in its place. */
function makeRoom<Entry>(of: GatedQueue<Entry>, job: Job): void {
  if (of.parked.size > 0) for (const inner of [...gatesOf(job), ...job.ordered ? [`order ${job.key}`] : []]) if (of.parked.has(inner)) of.opening.add(inner)
}

function opensAgain<Entry>(of: GatedQueue<Entry>, gate: string, at: number): void {
  of.opensLater.set(gate, at)
  of.firstOpening = Math.min(of.firstOpening, at)
}

/** Which of the ordered jobs of a key may go: the one that has begun, or else the first that is ready, whatever its line. */
function nextOf<Entry extends Waiting>({ holders, ordered }: GatedQueue<Entry>, key: string): string | undefined {
  return holders.get(key) ?? ordered.get(key)?.[0]?.job.id
}

/** The first of a heap that still is ready. */
function firstOf<Entry extends Waiting>(heap: Heap<Entry>): Entry | undefined {
  while (heap.peek() && heap.peek()!.job.state !== 'ready') heap.pop()
  return heap.peek()
}

export function isBefore(a: Waiting, b: Waiting): boolean {
  return a.rank === b.rank ? a.seq < b.seq : a.rank < b.rank
}
