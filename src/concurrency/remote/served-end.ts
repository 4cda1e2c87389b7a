import { InvalidOptionError, TreadleError } from '../../kernel/errors.ts'
import { outsideScopes } from '../cancel-scope.ts'
import type { Link } from './link.ts'
import { type Message, type Request, arrived, ask, cancel, cancelled, event, failed, gave, giveBack, tell } from './messages.ts'
import { Outbox } from './outbox.ts'

/** What others may ask of a thing that lives here. */
export interface Servable {
  /**
   * Does it, at once where it can.
   *
   * @param signal gives one that aborts where it is not wanted any more: asked for only where it waits
   */
  readonly asked: Readonly<Record<string, (argument: unknown, signal: () => AbortSignal) => unknown>>
  /** Nothing is answered, so nothing may be thrown. */
  readonly told: Readonly<Record<string, (argument: unknown) => void>>
  /** What everybody is told of once, when it has happened. */
  readonly happens?: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>
  /** What is told of each `Delivery` once. */
  readonly deliveries?: {
    arrived(count: number): void
    /** The other side has ended, or cannot have them: in the order in which they were given. */
    putBack(values: readonly unknown[]): void
  }
}

/** An answer that is put back where the other side ends before it has arrived there. */
export class Delivery {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

/** An answer that is taken back when the other side says so, or ends. */
export class Loan {
  readonly takeBack: () => void

  constructor(takeBack: () => void) {
    this.takeBack = takeBack
  }
}

/** One end's other side: does for another thread or process what that asks of something that lives in this one. */
export class ServedEnd {
  readonly #link: Link
  readonly #thing: Servable
  readonly #outbox: Outbox
  /** What is asked for and not answered. */
  readonly #waiting = new Map<number, AbortController>()
  /** What was given, and is this side's until it has arrived, or as long as it is held. */
  readonly #given = new Map<number, Delivery | Loan>()
  readonly #ended = new AbortController()
  #ending = false

  constructor(link: Link, thing: Servable) {
    this.#link = link
    this.#thing = thing
    this.#outbox = new Outbox(link, (message, error) => this.#unsendable(message, error))
  }

  /** @param closed is told when the other side has ended, and all that it had is taken back */
  begin(closed: () => void = () => {}): void {
    this.#link.listen({
      heard: (message) => this.#hear(message as Request),
      caughtUp: () => this.#outbox.flush(),
      closed: () => {
        this.#close()
        closed()
      }
    })
    // Whoever waits on the other side keeps the program alive.
    this.#link.hold(false)
    for (const [name, happens] of Object.entries(this.#thing.happens ?? {})) {
      happens(this.#ended.signal).then(() => this.#outbox.add([event, name]), () => {})
    }
  }

  /** Does nothing more of what is asked. What has arrived by now it still hears of, until the other side has ended too. */
  end(): void {
    this.#ending = true
    for (const waiting of this.#waiting.values()) waiting.abort()
    this.#outbox.flush()
    this.#link.end?.()
  }

  #hear(request: Request): void {
    switch (request[0]) {
      case ask: {
        if (this.#ending) return
        const [, verb, id, args] = request
        for (let at = 0; at < args.length; at++) this.#ask(verb, id + at, args[at])
        return
      }
      case cancel:
        return this.#waiting.get(request[1])?.abort()
      case arrived:
        return this.#arrived(request[1], request[2])
      case giveBack:
        return this.#takeBack(request[1])
      case tell:
        own(this.#thing.told, request[1])(request[2][0])
    }
  }

  #ask(verb: string, id: number, argument: unknown): void {
    let waiting: AbortController | undefined
    const signal = (): AbortSignal => (waiting ??= new AbortController()).signal
    try {
      // Whoever asked has a scope of its own, where it is.
      const result = outsideScopes(() => own(this.#thing.asked, verb)(argument, signal))
      if (waiting && result instanceof Promise) this.#answerLater(id, waiting, result)
      else this.#answer(id, result)
    } catch (error) {
      this.#fail(id, error)
    }
  }

  #answerLater(id: number, waiting: AbortController, result: Promise<unknown>): void {
    this.#waiting.set(id, waiting)
    result.then(
      (value) => {
        this.#waiting.delete(id)
        this.#answer(id, value)
      },
      (error: unknown) => {
        this.#waiting.delete(id)
        if (waiting.signal.aborted) this.#outbox.add([cancelled, id])
        else this.#fail(id, error)
      }
    )
  }

  #answer(id: number, result: unknown): void {
    const isDelivery = result instanceof Delivery
    if (isDelivery || result instanceof Loan) {
      this.#given.set(id, result)
      if (this.#ended.signal.aborted) return this.#takeBack(id)
    }
    if (isDelivery) this.#outbox.give(id, result.value)
    else if (result === undefined || result instanceof Loan) this.#outbox.done(id)
    else this.#outbox.give(id, result)
  }

  #fail(id: number, error: unknown): void {
    const [code, message] = error instanceof TreadleError ? [error.code, error.message] : ['', error instanceof Error ? error.message : String(error)]
    this.#outbox.add([failed, id, code, message])
  }

  /** What was made in this thread may be nothing that can leave it: it stays for those who can have it. */
  #unsendable(message: Message, error: unknown): void {
    if (message[0] !== gave) return
    for (let at = 0; at < message[2].length; at++) {
      this.#takeBack(message[1] + at)
      this.#fail(message[1] + at, error)
    }
  }

  #arrived(first: number, count: number): void {
    let arrived = 0
    for (let id = first; id < first + count; id++) if (this.#given.get(id) instanceof Delivery && this.#given.delete(id)) arrived++
    this.#thing.deliveries?.arrived(arrived)
  }

  #takeBack(id: number): void {
    const given = this.#given.get(id)
    this.#given.delete(id)
    if (given instanceof Delivery) this.#thing.deliveries!.putBack([given.value])
    else given?.takeBack()
  }

  #close(): void {
    this.#ended.abort()
    for (const waiting of this.#waiting.values()) waiting.abort()
    // They lie here in the order in which they were given.
    const values: unknown[] = []
    for (const given of this.#given.values()) {
      if (given instanceof Delivery) values.push(given.value)
      else given.takeBack()
    }
    this.#given.clear()
    this.#thing.deliveries?.putBack(values)
  }
}

/** What a message names is looked for among what is there to be named, and nowhere else. */
function own<T>(verbs: Readonly<Record<string, T>>, verb: string): T {
  const found = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (found === undefined) throw new InvalidOptionError('What is asked', verb, `one of ${Object.keys(verbs).join(', ')}`)
  return found
}
