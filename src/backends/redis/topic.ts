import type { RedisClientType } from '@redis/client'
import { ClosedError } from '../../kernel/errors.ts'
import type { Hearer } from '../bus.ts'

/** A channel of the server's, and who hears it here. Where the connection is made again, something may have been missed. */
export class Topic {
  readonly #channel: string
  readonly #where: string
  readonly #hearers = new Set<{ readonly hearer: Hearer }>()
  readonly #subscribed = Promise.withResolvers<void>()
  /** On which connection it was heard last. */
  #connection: number | undefined
  readonly #listener = (message: string): void => { for (const { hearer } of this.#hearers) void hearer.heard(message) }

  constructor(channel: string, where: string) {
    this.#channel = channel
    this.#where = where
    this.#subscribed.promise.catch(() => {})
  }

  /** Resolves when the server tells of all that comes. */
  get ready(): Promise<void> {
    return this.#subscribed.promise
  }

  get isHeard(): boolean {
    return this.#hearers.size > 0
  }

  /** @returns what ends it */
  add(hearer: Hearer): () => void {
    const own = { hearer }
    this.#hearers.add(own)
    return () => void this.#hearers.delete(own)
  }

  /** @param connection the number of the one that `client` has now */
  async subscribe(client: RedisClientType, connection: number): Promise<void> {
    await client.subscribe(this.#channel, this.#listener)
    if (this.#connection !== undefined && this.#connection !== connection) for (const { hearer } of this.#hearers) hearer.missed()
    this.#connection = connection
    this.#subscribed.resolve()
  }

  async unsubscribe(client: RedisClientType): Promise<void> {
    await client.unsubscribe(this.#channel, this.#listener)
  }

  close(): void {
    const error = new ClosedError(this.#where)
    this.#subscribed.reject(error)
    const hearers = [...this.#hearers]
    this.#hearers.clear()
    for (const { hearer } of hearers) hearer.failed(error)
  }
}
