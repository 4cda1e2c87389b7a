import { type QueueEvent, packEvents } from '../../jobs/queue-event.ts'
import { type Hearer, type Hearing, eventsAtOnce, eventsTopic } from '../bus.ts'

/** Messages within this process. Hearers are told soon, after the work that is going on. */
export class MemoryBus {
  /** Asked before anything is told: most of the time nobody hears it. */
  hearsEvents = false
  readonly #hearers = new Map<string, Set<{ readonly hearer: Hearer }>>()
  #events: QueueEvent[] = []
  #posted: [topic: string, message: string][] = []

  hear(topic: string, hearer: Hearer): Hearing {
    const own = { hearer }
    const hearers = this.#hearers.get(topic) ?? new Set<{ readonly hearer: Hearer }>()
    this.#hearers.set(topic, hearers.add(own))
    this.hearsEvents = this.#hearers.has(eventsTopic)
    return {
      ready: Promise.resolve(),
      [Symbol.dispose]: () => {
        hearers.delete(own)
        if (hearers.size === 0 && this.#hearers.get(topic) === hearers) this.#hearers.delete(topic)
        this.hearsEvents = this.#hearers.has(eventsTopic)
      }
    }
  }

  post(topic: string, message: string): void {
    this.#flushLater()
    this.#posted.push([topic, message])
  }

  tell(event: QueueEvent | undefined): void {
    if (!event) return
    this.#flushLater()
    this.#events.push(event)
  }

  close(error: unknown): void {
    const all = [...this.#hearers.values()].flatMap((hearers) => [...hearers])
    this.#hearers.clear()
    for (const { hearer } of all) hearer.failed(error)
  }

  #flushLater(): void {
    if (this.#posted.length === 0 && this.#events.length === 0) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const [posted, events] = [this.#posted, this.#events]
    this.#posted = []
    this.#events = []
    for (let first = 0; first < events.length; first += eventsAtOnce) posted.push([eventsTopic, packEvents(events.slice(first, first + eventsAtOnce))])
    for (const [topic, message] of posted) for (const { hearer } of this.#hearers.get(topic) ?? []) void hearer.heard(message)
  }
}
