import type { SharedKind } from '../shared-store.ts'

/** The lines in which tickets of a thing wait. */
export type SharedLine = 'get' | 'put' | 'join'

export interface Ticket {
  readonly session: string
  readonly ticket: number
  readonly kind: SharedKind
  readonly name: string
  readonly line: SharedLine
  /** Its place in line; of a put and of what was got from a queue, the item's number. */
  readonly seq: number
  /** Of what is held; undefined while it waits. */
  readonly fence: number | undefined
}

/** What is known of a thing, in numbers; each is 0 where nothing else was said. What has none but zeros need not be kept. */
export interface Counts {
  limit: number
  held: number
  maxSize: number
  maxBytes: number
  size: number
  bytes: number
  unfinished: number
  /** 1: nothing more is put; 2: and nothing put back. */
  shut: number
  /** Of a counter; the version of a value; 1 for an event that is set. */
  number: number
}

export const countNames: readonly (keyof Counts)[] = ['limit', 'held', 'maxSize', 'maxBytes', 'size', 'bytes', 'unfinished', 'shut', 'number']

export const noCounts: Readonly<Counts> = { limit: 0, held: 0, maxSize: 0, maxBytes: 0, size: 0, bytes: 0, unfinished: 0, shut: 0, number: 0 }

/** Where shared things are kept, for `shareOn`: all of it synchronous, within one transaction. */
export interface SharedTables {
  /** The last of the numbers that rise. */
  lastNumber(): number
  setLastNumber(number: number): void

  hasSession(session: string): boolean
  renew(session: string, until: number): void
  forget(session: string): void
  /** Sessions whose leases have run out, the earliest first. */
  expired(now: number): readonly string[]
  /** When the next lease ends, if there is any. */
  nextEnd(): number | undefined

  counts(kind: SharedKind, name: string): Counts
  setCounts(kind: SharedKind, name: string, counts: Readonly<Counts>): void

  ticket(session: string, ticket: number): Ticket | undefined
  ticketsOf(session: string): readonly Ticket[]
  keep(ticket: Ticket): void
  drop(ticket: Ticket): void
  /** Of those that wait. */
  first(kind: SharedKind, name: string, line: SharedLine): Ticket | undefined
  all(kind: SharedKind, name: string, line: SharedLine): readonly Ticket[]

  keepItem(seq: number, item: Uint8Array): void
  item(seq: number): Uint8Array
  itemLength(seq: number): number
  dropItem(seq: number): void
  /** Into a queue, in the order of numbers. */
  push(queue: string, seq: number): void
  shift(queue: string): number

  value(name: string): Uint8Array | undefined
  setValue(name: string, value: Uint8Array | undefined): void
}
