import { type QueueEvent, packEvents } from '../../jobs/queue-event.ts'
import { eventsAtOnce, eventsTopic } from '../bus.ts'
import type { Statements } from './statements.ts'

/** So many bytes of a topic's messages are kept for those who hear it: a slower one has missed some. */
const bytesKept = 8 * 2 ** 20
/** So many messages are read at once. */
const readAtOnce = 100

/** A place in a topic, in bytes of all that was posted to it while somebody heard it. */
export interface Hearing {
  readonly number: number
  readonly upto: number
}

/** What was posted after a place. */
export interface Heard {
  readonly messages: readonly string[]
  /** Where the last of them ends. */
  readonly upto: number
  /** What came right after the place is there no longer. */
  readonly missed: boolean
}

/** Messages for those who hear a topic, as rows: none where nobody does. */
export class MessageTables {
  readonly #sql: Statements
  // Of the transaction that is open:
  #events: QueueEvent[] = []
  #posted = false
  isHeard = false

  constructor(sql: Statements) {
    this.#sql = sql
  }

  /** @param isHeard whether anybody may hear events in it */
  begin(isHeard: boolean): void {
    this.isHeard = isHeard
  }

  /** @param event made only where somebody hears it */
  tell(event: () => QueueEvent | undefined): void {
    const told = this.isHeard ? event() : undefined
    if (told) this.#events.push(told)
  }

  post(topic: string, message: string, now: number): void {
    this.#sql.dropSilent.run(now)
    if (this.#sql.anyHearer.get(topic) === undefined) {
      this.#sql.dropMessages.run(topic)
      return
    }
    const upto = this.#upto(topic) + Buffer.byteLength(message)
    this.#sql.insertMessage.run(topic, upto, message)
    this.#sql.trimMessages.run(topic, upto - bytesKept)
    this.#posted = true
  }

  /** @returns whether there is something to hear */
  finish(now: number): boolean {
    for (let first = 0; first < this.#events.length; first += eventsAtOnce) this.post(eventsTopic, packEvents(this.#events.slice(first, first + eventsAtOnce)), now)
    return this.#posted
  }

  reset(): void {
    this.#events = []
    this.#posted = false
  }

  hear(topic: string, until: number, now: number): Hearing {
    this.#sql.dropSilent.run(now)
    // What is left was for others, who are gone.
    if (this.#sql.anyHearer.get(topic) === undefined) this.#sql.dropMessages.run(topic)
    const { lastInsertRowid } = this.#sql.insertHearer.run(topic, until)
    return { number: Number(lastInsertRowid), upto: this.#upto(topic) }
  }

  /** @returns whether it is still there: one that was silent for too long is forgotten */
  renew(number: number, until: number): boolean {
    return Number(this.#sql.renewHearer.run(until, number).changes) === 1
  }

  leave(topic: string, number: number): void {
    this.#sql.dropHearer.run(number)
    if (this.#sql.anyHearer.get(topic) === undefined) this.#sql.dropMessages.run(topic)
  }

  #upto(topic: string): number {
    return Number(this.#sql.lastMessage.get(topic)?.[0] ?? 0)
  }
}

/** To be called within a transaction that reads. */
export function heardAfter(sql: Statements, topic: string, after: number): Heard {
  const rows = sql.messagesAfter.all(topic, after, readAtOnce) as [upto: number, message: string][]
  const [first] = rows
  return {
    messages: rows.map(([, message]) => message),
    upto: rows.at(-1)?.[0] ?? after,
    missed: first !== undefined && first[0] - Buffer.byteLength(first[1]) > after
  }
}
