import type { Transferable } from 'node:worker_threads'
import { afterMicrotasks } from '../after-microtasks.ts'
import type { Link } from './link.ts'
import { type Message, ask, done, gave } from './messages.ts'

const unsent = new Set<Outbox>()

/** Sends what all of this thread's have gathered: it is about to sleep, and does not come to the end of this tick. */
export function flushAll(): void {
  for (const outbox of unsent) outbox.flush()
}

/** Gathers what a tick has to say: calls and answers that follow each other are one message. */
export class Outbox {
  readonly #link: Link
  readonly #refused: (message: Message, error: unknown) => void
  /** The newest message, which may still grow. */
  #last: Message | undefined
  #transfer: readonly Transferable[] | undefined
  #asked = false

  /** @param refused is told of each message that cannot be sent: of one with many calls or answers, of each that cannot */
  constructor(link: Link, refused: (message: Message, error: unknown) => void) {
    this.#link = link
    this.#refused = refused
  }

  ask(verb: string, id: number, argument: unknown, transfer?: readonly Transferable[]): void {
    const last = this.#last
    // What is moved, or holds what another holds too, goes alone.
    if (last?.[0] === ask && isSimple(argument) && !this.#transfer && last[1] === verb && last[2] + last[3].length === id && isSimple(last[3][0])) last[3].push(argument)
    else this.add([ask, verb, id, [argument]], transfer)
  }

  /** It was done, and gave nothing. */
  done(id: number): void {
    const last = this.#last
    if (last?.[0] === done && last[1] + last[2] === id) this.#last = [done, last[1], last[2] + 1]
    else this.add([done, id, 1])
  }

  give(id: number, value: unknown): void {
    const last = this.#last
    if (last?.[0] === gave && isSimple(value) && last[1] + last[2].length === id && isSimple(last[2][0])) last[2].push(value)
    else this.add([gave, id, [value]])
  }

  add(message: Message, transfer?: readonly Transferable[]): void {
    if (this.#last) this.#post()
    this.#last = message
    this.#transfer = transfer
    if (this.#asked) return
    this.#asked = true
    unsent.add(this)
    afterMicrotasks(() => this.flush())
  }

  flush(): void {
    this.#asked = false
    unsent.delete(this)
    if (!this.#last) return
    this.#post()
    this.#link.flush()
  }

  #post(): void {
    const message = this.#last!
    this.#last = undefined
    try {
      this.#link.post(message, this.#transfer)
    } catch (error) {
      if (message[0] === ask && message[3].length > 1) {
        for (const [at, argument] of message[3].entries()) this.#postAlone([ask, message[1], message[2] + at, [argument]])
      } else if (message[0] === gave && message[2].length > 1) {
        for (const [at, value] of message[2].entries()) this.#postAlone([gave, message[1] + at, [value]])
      } else this.#refused(message, error)
    }
  }

  #postAlone(message: Message): void {
    try {
      this.#link.post(message)
    } catch (error) {
      this.#refused(message, error)
    }
  }
}

/** Whether it shares nothing with anything. */
function isSimple(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}
