import type { Transferable } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { DeadlineExceededError, InvalidOptionError, LinkLostError, QueueShutDownError } from '../../kernel/errors.ts'
import { currentScope } from '../cancel-scope.ts'
import type { WaitOptions } from '../suspend.ts'
import type { Link } from './link.ts'
import { type Answer, type Message, arrived, ask, cancel, cancelled, done, event, failed, gave, giveBack, tell } from './messages.ts'
import { Outbox, flushAll } from './outbox.ts'
import { LeavableCall, RemoteCall, SyncCall, type Waiting } from './remote-call.ts'

/**
 * How long a thread that sleeps waits, once its time is up, to hear whether it was done all the same, in milliseconds. A thread that was killed
 * cannot be told from one that computes: after this its line is closed, so that what was on its way is put back.
 */
const verdictWithin = 5_000

/** This side of a thing that lives in another thread or process: asks for what is done there. */
export class RemoteEnd implements Disposable {
  readonly #link: Link
  readonly #outbox: Outbox
  readonly #calls = new Map<number, Waiting>()
  /** Nobody waits for their answers any more: what they give is given back. */
  readonly #left = new Set<number>()
  /** Who waits for them says what has arrived. */
  readonly #inHand = new Set<number>()
  readonly #events = new Set<string>()
  #lastId = 0
  /** Calls whose answers have arrived, and have not been said to: the first, and how many. */
  #arrivedFrom = 0
  #arrivedCount = 0
  #lost: Error | undefined

  constructor(link: Link) {
    this.#link = link
    this.#outbox = new Outbox(link, (message, error) => this.#unsendable(message, error))
    link.listen({ heard: (message) => this.#hear(message as Answer), caughtUp: () => this.#sayArrived(), closed: (why) => this.#lose(why) })
    link.hold(false)
  }

  /**
   * Asks, and waits for the answer. Given up it is only when the other side says so: until then it may have been done. While that side computes,
   * or is stopped, whoever gave up waits for it.
   */
  ask(verb: string, argument: unknown, what: string, options?: WaitOptions, transfer?: readonly Transferable[]): Promise<unknown> {
    return this.#ask(new RemoteCall(this), verb, argument, what, options, transfer).promise
  }

  /** As `ask`, for what can be undone: where the other side says nothing for long, whoever gave up goes on, and what comes later is given back. */
  take(verb: string, what: string, options?: WaitOptions): Promise<unknown> {
    return this.#ask(new LeavableCall(this), verb, undefined, what, options).promise
  }

  /** As `take`, by one who goes at once where the signal says so, and says itself what becomes of what it was given: by `keep` or `giveBack`. */
  takeInHand(verb: string, what: string, leaving: AbortSignal): RemoteCall {
    const call = new LeavableCall(this)
    const leave = (): void => call.leave(leaving.reason)
    leaving.addEventListener('abort', leave)
    const over = (): void => leaving.removeEventListener('abort', leave)
    call.promise.then(over, over)
    this.#ask(call, verb, undefined, what, undefined)
    // Where it was refused at once, there is nothing to say.
    if (this.#calls.has(call.id)) this.#inHand.add(call.id)
    return call
  }

  /** It is not given back any more. */
  keep(id: number): void {
    this.#outbox.add([arrived, id, 1])
    this.#outbox.flush()
  }

  /** As `take`, for what is held, and must be given back: by the id that `giveBack` takes. */
  async borrow(verb: string, what: string, options?: WaitOptions): Promise<number> {
    const call = this.#ask(new LeavableCall(this), verb, undefined, what, options)
    await call.promise
    return call.id
  }

  giveBack(id: number): void {
    this.#outbox.add([giveBack, id])
  }

  /** For the call itself: the other side says whether it was done all the same. */
  giveUp(id: number): void {
    this.#outbox.add([cancel, id])
  }

  /** For the call itself: it waits for that no longer. */
  leave(id: number): void {
    if (this.#settle(id)) this.#left.add(id)
  }

  /** @throws LinkLostError */
  tell(verb: string, argument: unknown): void {
    if (this.#lost) throw this.#lost
    this.#outbox.add([tell, verb, [argument]])
  }

  /** Sends what was asked and told now, and not when this tick's work is done. */
  flush(): void {
    this.#outbox.flush()
  }

  /** Whether nothing can be asked or told any more. */
  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Whether that has happened, as far as was heard here. */
  happened(name: string): boolean {
    return this.#events.has(name)
  }

  /** Asks, and sleeps with this thread until the answer comes. @returns the call's id, and what was given */
  askSync(verb: string, argument: unknown, what: string, timeout: Duration | undefined): { readonly id: number, readonly value: unknown } {
    if (!this.#link.sleep) throw new InvalidOptionError(what, 'a wait with the thread asleep', 'such a wait between threads only; between processes, one that is awaited')
    const by = timeout === undefined ? Infinity : systemClock.elapsed() + milliseconds(timeout, 'timeout')
    const call = new SyncCall()
    const id = this.#send(verb, argument, call)
    flushAll()
    let cancelling = false
    for (let end = by; !call.outcome;) {
      const rest = end - systemClock.elapsed()
      if (rest > 0) this.#link.sleep(rest)
      else if (cancelling) this.close()
      else {
        // It may have been done for us in this very moment: the answer says so.
        cancelling = true
        end += verdictWithin
        this.giveUp(id)
        this.#outbox.flush()
      }
    }
    if ('value' in call.outcome) return { id, value: call.outcome.value }
    throw call.outcome.error ?? new DeadlineExceededError(what)
  }

  /** Nothing more is asked through it; others go on. What waits fails. */
  close(): void {
    this.#outbox.flush()
    this.#link.close()
    this.#lose(undefined)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #ask(call: RemoteCall, verb: string, argument: unknown, what: string, options: WaitOptions | undefined, transfer?: readonly Transferable[]): RemoteCall {
    const refused = currentScope()?.cancellation ?? (options?.signal?.aborted ? options.signal.reason as unknown : undefined)
    if (refused !== undefined) call.failed(refused)
    else {
      call.id = this.#send(verb, argument, call, transfer)
      call.begin(what, options)
    }
    return call
  }

  #send(verb: string, argument: unknown, call: Waiting, transfer?: readonly Transferable[]): number {
    const id = ++this.#lastId
    if (this.#lost) call.failed(this.#lost)
    else {
      this.#calls.set(id, call)
      if (this.#calls.size === 1) this.#link.hold(true)
      this.#outbox.ask(verb, id, argument, transfer)
    }
    return id
  }

  #hear(answer: Answer): void {
    switch (answer[0]) {
      case done: {
        for (let id = answer[1], end = id + answer[2]; id < end; id++) this.#answered(id, undefined)
        return
      }
      case gave: {
        const [, first, values] = answer
        for (let at = 0; at < values.length; at++) this.#gave(first + at, values[at])
        return
      }
      case cancelled:
        this.#left.delete(answer[1])
        return this.#settle(answer[1])?.givenUp()
      case failed:
        this.#left.delete(answer[1])
        return this.#settle(answer[1])?.failed(errorOf(answer[2], answer[3]))
      case event:
        this.#events.add(answer[1])
    }
  }

  #gave(id: number, value: unknown): void {
    if (!this.#left.has(id) && !this.#inHand.has(id)) {
      if (id !== this.#arrivedFrom + this.#arrivedCount) this.#sayArrived(id)
      this.#arrivedCount++
    }
    this.#answered(id, value)
  }

  #answered(id: number, value: unknown): void {
    if (this.#left.delete(id)) this.giveBack(id)
    else this.#settle(id)?.answered(value)
  }

  #unsendable(message: Message, error: unknown): void {
    if (message[0] === ask) for (let at = 0; at < message[3].length; at++) this.#settle(message[2] + at)?.failed(error)
  }

  /** Before whoever waited goes on, and perhaps never lets this thread turn again: what it has been given nobody else gets. */
  #sayArrived(next = 0): void {
    if (this.#arrivedCount > 0) {
      this.#outbox.add([arrived, this.#arrivedFrom, this.#arrivedCount])
      if (next === 0) this.#outbox.flush()
    }
    this.#arrivedFrom = next
    this.#arrivedCount = 0
  }

  #lose(why: unknown): void {
    if (this.#lost) return
    this.#lost = new LinkLostError({ cause: why })
    for (const id of this.#calls.keys()) this.#settle(id)?.failed(this.#lost)
  }

  #settle(id: number): Waiting | undefined {
    const call = this.#calls.get(id)
    if (!call) return undefined
    this.#calls.delete(id)
    this.#inHand.delete(id)
    if (this.#calls.size === 0) this.#link.hold(false)
    return call
  }
}

function errorOf(code: string, message: string): Error {
  if (code === 'QUEUE_SHUT_DOWN') return new QueueShutDownError()
  return new InvalidOptionError('What was asked of another thread or process', message, 'what can be sent, and fits')
}
