import type { Transferable } from 'node:worker_threads'
import { afterMicrotasks } from '../after-microtasks.ts'
import type { Link } from './link.ts'
import { type Message, ask, done, gave } from './messages.ts'

const unsent = new Set<Outbox>()

/** Sends what all of this thread's have gathered: it is about to sleep, and does not come to the end of this tick. */
export function flushAll(): void {
  for (const outbox of unsent) outbox.flush()
}

/** Longer texts are large: they go alone, and are not kept until the end of the tick. In characters. */
const longest = 4_096

/**
 * Gathers what a tick has to say: calls and answers that follow each other are one message. What can change is written down when it is said: it
 * arrives as it was then.
 */
export class Outbox {
  readonly #link: Link
  readonly #refused: (message: Message, error: unknown) => void
  /** The newest message, which may still grow. */
  #last: Message | undefined
  /** What is said while a message is written, by a getter of what that holds, comes after it. */
  readonly #unposted: (readonly [message: Message, transfer: readonly Transferable[] | undefined])[] = []
  #posting = false
  #asked = false

  /** @param refused is told of each message that cannot be sent */
  constructor(link: Link, refused: (message: Message, error: unknown) => void) {
    this.#link = link
    this.#refused = refused
  }

  ask(verb: string, id: number, argument: unknown, transfer?: readonly Transferable[]): void {
    const last = this.#last
    if (transfer || !isFixed(argument)) this.#addNow([ask, verb, id, [argument]], transfer)
    else if (last?.[0] === ask && last[1] === verb && last[2] + last[3].length === id) last[3].push(argument)
    else this.add([ask, verb, id, [argument]])
  }

  /** It was done, and gave nothing. */
  done(id: number): void {
    const last = this.#last
    if (last?.[0] === done && last[1] + last[2] === id) this.#last = [done, last[1], last[2] + 1]
    else this.add([done, id, 1])
  }

  give(id: number, value: unknown): void {
    const last = this.#last
    if (!isFixed(value)) this.#addNow([gave, id, [value]])
    else if (last?.[0] === gave && last[1] + last[2].length === id) last[2].push(value)
    else this.add([gave, id, [value]])
  }

  add(message: Message): void {
    this.#postLast()
    this.#last = message
    this.#flushSoon()
  }

  flush(): void {
    // What is being written is flushed with the rest, soon.
    if (!this.#asked || this.#posting) return
    this.#asked = false
    unsent.delete(this)
    this.#postLast()
    this.#link.flush()
  }

  #addNow(message: Message, transfer?: readonly Transferable[]): void {
    this.#postLast()
    this.#post(message, transfer)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#asked) return
    this.#asked = true
    unsent.add(this)
    afterMicrotasks(() => this.flush())
  }

  #postLast(): void {
    const last = this.#last
    this.#last = undefined
    if (last) this.#post(last)
  }

  #post(message: Message, transfer?: readonly Transferable[]): void {
    this.#unposted.push([message, transfer])
    if (this.#posting) return
    this.#posting = true
    for (let next = this.#unposted.shift(); next; next = this.#unposted.shift()) {
      try {
        this.#link.post(next[0], next[1])
      } catch (error) {
        this.#refused(next[0], error)
      }
    }
    this.#posting = false
  }
}

/** Whether it is small, and stays as it is: it shares nothing with anything, and can be sent. */
function isFixed(value: unknown): boolean {
  switch (typeof value) {
    case 'string': return value.length <= longest
    case 'object': return value === null
    case 'function':
    case 'symbol': return false
    default: return true
  }
}
