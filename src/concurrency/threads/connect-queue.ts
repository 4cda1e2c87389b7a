import { type MessagePort, type Transferable, receiveMessageOnPort } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { DeadlineExceededError, InvalidOptionError, QueueLostError, QueueShutDownError } from '../../kernel/errors.ts'
import { currentScope } from '../cancel-scope.ts'
import { itemsOf } from '../items-of.ts'
import type { QueueLike } from '../queue.ts'
import { Suspension, type WaitOptions } from '../suspend.ts'
import type { Answer, QueueEnd, Request } from './messages.ts'
import { Outbox } from './outbox.ts'

export interface RemotePutOptions extends WaitOptions {
  /** What of the item is moved instead of copied, such as the buffer of a typed array: here it is gone then. */
  transfer?: readonly Transferable[]
}

/**
 * A queue that lives in another thread, by the end that `serveQueue` made there. Items are copied, as `postMessage` does, or moved with `transfer`.
 *
 * @example
 * const queue = connectQueue<number>(serveQueue(new Queue<number>()))
 * await queue.put(1)
 * await queue.get()   // 1
 */
export function connectQueue<T>(end: QueueEnd): RemoteQueue<T> {
  return new RemoteQueue(end)
}

/** A queue of another thread, as one of this one. */
export class RemoteQueue<T> implements QueueLike<T>, Disposable {
  readonly #port: MessagePort
  readonly #bell: Int32Array
  readonly #outbox: Outbox<Request<T>>
  readonly #calls = new Map<number, RemoteCall>()
  #lastId = 0
  #lost = false

  /** Use `connectQueue`. */
  constructor({ port, bell }: QueueEnd) {
    this.#port = port
    this.#bell = new Int32Array(bell)
    this.#outbox = new Outbox<Request<T>>(port, (request, error) => {
      if (request.kind !== 'put' || request.items.length === 1) return 'id' in request ? this.#settle(request.id, (call) => call.fail(error)) : undefined
      // One of them cannot be sent: each for itself, so that the others are.
      for (const [at, item] of request.items.entries()) {
        this.#outbox.add({ kind: 'put', id: request.id + at, items: [item] })
        this.#outbox.flush()
      }
    })
    port.on('message', (answers: readonly Answer<T>[]) => this.#hear(answers))
    port.on('close', () => {
      this.#lost = true
      for (const id of this.#calls.keys()) this.#settle(id, (call) => call.fail(new QueueLostError()))
    })
    port.unref()
  }

  /** @throws as `QueueLike.put`; QueueLostError; a DataCloneError where the item is none that can be sent */
  async put(item: T, { transfer, ...options }: RemotePutOptions = {}): Promise<void> {
    await this.#call((id) => this.#putting(id, item, transfer !== undefined), 'Room in the queue', options, transfer)
  }

  /** @throws as `QueueLike.get`; QueueLostError */
  async get(options?: WaitOptions): Promise<T> {
    return await this.#call((id) => ({ kind: 'get', id }), 'An item of the queue', options) as T
  }

  /**
   * Takes an item, and waits while there is none with this thread asleep: for threads that compute. Not where the queue's own thread waits for
   * this one.
   *
   * @throws QueueShutDownError, DeadlineExceededError, QueueLostError
   */
  getSync({ timeout }: { timeout?: Duration } = {}): T {
    const by = timeout === undefined ? Infinity : systemClock.elapsed() + milliseconds(timeout, 'timeout')
    const call = new RemoteCall(() => {})
    const id = this.#send((own) => ({ kind: 'get', id: own }), call)
    this.#outbox.flush()
    let cancelled = false
    for (;;) {
      const seen = Atomics.load(this.#bell, 0)
      for (let message = receiveMessageOnPort(this.#port); message; message = receiveMessageOnPort(this.#port)) this.#hear(message.message as Answer<T>[])
      if (call.outcome) break
      const left = by - systemClock.elapsed()
      if (left <= 0 && !cancelled) {
        // It may have been taken for us in this very moment: the answer says so.
        cancelled = true
        this.#outbox.add({ kind: 'cancel', id })
        this.#outbox.flush()
      } else Atomics.wait(this.#bell, 0, seen, cancelled ? undefined : left)
    }
    if ('value' in call.outcome) return call.outcome.value as T
    if (call.outcome.error === wasCancelled) throw new DeadlineExceededError('An item of the queue')
    throw call.outcome.error
  }

  /** Said more often than was put, it does nothing: the queue's own thread counts. */
  taskDone(): void {
    this.#outbox.add({ kind: 'taskDone' })
  }

  async join(options?: WaitOptions): Promise<void> {
    await this.#call((id) => ({ kind: 'join', id }), 'The end of what is in the queue', options)
  }

  shutdown({ immediate = false }: { immediate?: boolean } = {}): void {
    this.#outbox.add({ kind: 'shutdown', immediate })
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return itemsOf(this)
  }

  /** Nothing more is asked of it here; others go on. What waits here gets QueueLostError. */
  close(): void {
    this.#outbox.flush()
    this.#port.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** What is put in one tick goes as one list. Undefined where it went into one that is there. */
  #putting(id: number, item: T, alone: boolean): Request<T> | undefined {
    const { last } = this.#outbox
    if (alone || last?.kind !== 'put' || last.id + last.items.length !== id) return { kind: 'put', id, items: [item] }
    last.items.push(item)
    return undefined
  }

  #call(request: (id: number) => Request<T> | undefined, what: string, options: WaitOptions | undefined, transfer?: readonly Transferable[]): Promise<unknown> {
    currentScope()?.throwIfCancelled()
    options?.signal?.throwIfAborted()
    const call = new RemoteCall(() => this.#outbox.add({ kind: 'cancel', id }))
    const id: number = this.#send(request, call, transfer)
    call.begin(what, options)
    return call.promise
  }

  #send(request: (id: number) => Request<T> | undefined, call: RemoteCall, transfer?: readonly Transferable[]): number {
    const id = ++this.#lastId
    if (this.#lost) call.fail(new QueueLostError())
    else {
      this.#calls.set(id, call)
      if (this.#calls.size === 1) this.#port.ref()
      const own = request(id)
      if (own) this.#outbox.add(own, transfer)
    }
    return id
  }

  #hear(answers: readonly Answer<T>[]): void {
    for (const answer of answers) {
      switch (answer.kind) {
        case 'done':
          for (let at = 0; at < answer.count; at++) this.#settle(answer.id + at, (call) => call.answered(undefined))
          break
        case 'item':
          this.#outbox.add({ kind: 'arrived', id: answer.id })
          this.#settle(answer.id, (call) => call.answered(answer.item))
          break
        case 'cancelled':
          this.#settle(answer.id, (call) => call.wasGivenUp())
          break
        case 'shutDown':
          this.#settle(answer.id, (call) => call.fail(new QueueShutDownError()))
          break
        case 'refused':
          this.#settle(answer.id, (call) => call.fail(new InvalidOptionError('The queue', answer.message, 'what can be sent to this thread, and fits')))
      }
    }
    // Before whoever waited goes on, and perhaps never lets this thread turn again: what it has been given nobody else gets.
    this.#outbox.flush()
  }

  #settle(id: number, how: (call: RemoteCall) => void): void {
    const call = this.#calls.get(id)
    if (!call) return
    this.#calls.delete(id)
    if (this.#calls.size === 0) this.#port.unref()
    how(call)
  }
}

/** What `getSync` finds where its time was up. */
const wasCancelled = Symbol('was cancelled')

/** What is asked of the other thread. Given up it is only when that says so: until then it may have been done. */
class RemoteCall extends Suspension<unknown> {
  readonly #giveUp: () => void
  #reason: { readonly error: unknown } | undefined
  /** For `getSync`, which waits for no promise. */
  outcome: { readonly value: unknown } | { readonly error: unknown } | undefined

  constructor(giveUp: () => void) {
    super()
    this.#giveUp = giveUp
    // Of `getSync` nobody looks at it.
    this.promise.catch(() => {})
  }

  override cancelled(error: unknown): void {
    if (this.outcome || this.#reason) return
    this.#reason = { error }
    this.#giveUp()
  }

  answered(value: unknown): void {
    this.outcome ??= { value }
    this.resume(value)
  }

  fail(error: unknown): void {
    this.outcome ??= { error }
    super.cancelled(error)
  }

  wasGivenUp(): void {
    this.fail(this.#reason ? this.#reason.error : wasCancelled)
  }
}
