import { Heap } from '../../concurrency/heap.ts'
import type { SharedKind } from '../shared-store.ts'
import { type Counts, type SharedLine, type SharedTables, type Ticket, noCounts } from '../shared/tables.ts'

/** Shared things in this process's memory. */
export class MemorySharedTables implements SharedTables {
  #lastNumber = 0
  readonly #sessions = new Map<string, number>()
  readonly #counts = new Map<string, Readonly<Counts>>()
  readonly #tickets = new Map<string, Map<number, Ticket>>()
  /** Those that wait, in the order of asking. */
  readonly #lines = new Map<string, Set<Ticket>>()
  readonly #items = new Map<number, Uint8Array>()
  readonly #queues = new Map<string, Heap<number>>()
  readonly #values = new Map<string, Uint8Array>()

  lastNumber(): number {
    return this.#lastNumber
  }

  setLastNumber(number: number): void {
    this.#lastNumber = number
  }

  hasSession(session: string): boolean {
    return this.#sessions.has(session)
  }

  renew(session: string, until: number): void {
    this.#sessions.set(session, until)
  }

  forget(session: string): void {
    this.#sessions.delete(session)
    this.#tickets.delete(session)
  }

  expired(now: number): string[] {
    return [...this.#sessions].filter(([, until]) => until <= now).sort(([a, untilA], [b, untilB]) => untilA - untilB || (a < b ? -1 : 1)).map(([session]) => session)
  }

  nextEnd(): number | undefined {
    return this.#sessions.size === 0 ? undefined : Math.min(...this.#sessions.values())
  }

  counts(kind: SharedKind, name: string): Counts {
    return { ...this.#counts.get(`${kind} ${name}`) ?? noCounts }
  }

  setCounts(kind: SharedKind, name: string, { limit, held, maxSize, maxBytes, size, bytes, unfinished, shut, number }: Readonly<Counts>): void {
    const counts = { limit, held, maxSize, maxBytes, size, bytes, unfinished, shut, number }
    if (Object.values(counts).some((count) => count !== 0)) this.#counts.set(`${kind} ${name}`, counts)
    else this.#counts.delete(`${kind} ${name}`)
  }

  ticket(session: string, ticket: number): Ticket | undefined {
    return this.#tickets.get(session)?.get(ticket)
  }

  ticketsOf(session: string): readonly Ticket[] {
    return [...this.#tickets.get(session)?.values() ?? []]
  }

  keep(ticket: Ticket): void {
    const { session, kind, name, line } = ticket
    entry(this.#tickets, session, () => new Map<number, Ticket>()).set(ticket.ticket, ticket)
    if (ticket.fence === undefined) entry(this.#lines, lineKey(kind, name, line), () => new Set<Ticket>()).add(ticket)
  }

  drop(ticket: Ticket): void {
    const { session, kind, name, line } = ticket
    this.#tickets.get(session)?.delete(ticket.ticket)
    const key = lineKey(kind, name, line)
    const waiting = this.#lines.get(key)
    if (waiting?.delete(ticket) && waiting.size === 0) this.#lines.delete(key)
  }

  first(kind: SharedKind, name: string, line: SharedLine): Ticket | undefined {
    return this.#lines.get(lineKey(kind, name, line))?.values().next().value
  }

  all(kind: SharedKind, name: string, line: SharedLine): readonly Ticket[] {
    return [...this.#lines.get(lineKey(kind, name, line)) ?? []]
  }

  keepItem(seq: number, item: Uint8Array): void {
    this.#items.set(seq, item)
  }

  item(seq: number): Uint8Array {
    return this.#items.get(seq)!
  }

  itemLength(seq: number): number {
    return this.item(seq).length
  }

  dropItem(seq: number): void {
    this.#items.delete(seq)
  }

  push(queue: string, seq: number): void {
    entry(this.#queues, queue, () => new Heap<number>((a, b) => a < b)).push(seq)
  }

  shift(queue: string): number {
    const seqs = this.#queues.get(queue)!
    const seq = seqs.pop()!
    if (seqs.peek() === undefined) this.#queues.delete(queue)
    return seq
  }

  value(name: string): Uint8Array | undefined {
    return this.#values.get(name)
  }

  setValue(name: string, value: Uint8Array | undefined): void {
    if (value) this.#values.set(name, value)
    else this.#values.delete(name)
  }
}

function lineKey(kind: SharedKind, name: string, line: SharedLine): string {
  return `${line} ${kind} ${name}`
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}
