import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import type { LogFields, LogLevel } from '../../kernel/logger.ts'
import type { PortableError } from '../../wire/portable-error.ts'
import type { Backend } from '../backend.ts'
import type { Ending } from '../store.ts'
import type { Durability } from './file.ts'

/** What the thread is started with. */
export interface ThreadData {
  readonly entry: 'sqlite'
  readonly path: string
  readonly durability: Durability
  readonly busyTimeout: number
}

/** The methods of a backend that answer. */
export type Method = { [Name in keyof Backend]: Backend[Name] extends (...args: never[]) => Promise<unknown> ? Name : never }[keyof Backend]

/** To the thread. `id` is the asker's: of a call, a listener or a watch. */
export type Request =
  | { readonly kind: 'call', readonly id: number, readonly method: Method, readonly args: readonly unknown[] }
  | { readonly kind: 'listen', readonly id: number, readonly queues: readonly string[] }
  | { readonly kind: 'watch', readonly id: number }
  | { readonly kind: 'add' | 'delete', readonly id: number, readonly job: string }
  | { readonly kind: 'dispose', readonly id: number }

/** From the thread. */
export type Reply =
  | { readonly kind: 'done', readonly id: number, readonly value: unknown }
  | { readonly kind: 'failed', readonly id: number, readonly error: PortableError }
  | { readonly kind: 'wake', readonly id: number }
  | { readonly kind: 'ended', readonly id: number, readonly endings: readonly Ending[] }
  | { readonly kind: 'log', readonly level: LogLevel, readonly fields: LogFields, readonly message: string }

/** For so long after a message each side expects the other's next one, in milliseconds, and its loop turns on. */
export const expectation = 0.2

/** The id of the reply that says whether the file could be opened. */
export const opening = 0

/** Sends what is posted in one tick as one message: a message costs more than what is in it. */
export class Outbox<Item> {
  readonly #send: (items: readonly Item[]) => void
  readonly #refused: (item: Item, error: unknown) => void
  #items: Item[] = []

  /** @param refused is told of an item that holds what cannot be sent */
  constructor(send: (items: readonly Item[]) => void, refused: (item: Item, error: unknown) => void) {
    this.#send = send
    this.#refused = refused
  }

  post(item: Item): void {
    if (this.#items.push(item) === 1) afterMicrotasks(() => this.#flush())
  }

  #flush(): void {
    const items = this.#items
    this.#items = []
    try {
      this.#send(items)
    } catch {
      // One of them spoils the message: each goes alone.
      for (const item of items) this.#sendAlone(item)
    }
  }

  #sendAlone(item: Item): void {
    try {
      this.#send([item])
    } catch (error) {
      this.#refused(item, error)
    }
  }
}
