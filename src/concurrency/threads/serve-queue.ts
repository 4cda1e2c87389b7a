import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { QueueShutDownError } from '../../kernel/errors.ts'
import type { Queue } from '../queue.ts'
import type { Answer, QueueEnd, Request } from './messages.ts'
import { Outbox } from './outbox.ts'

/**
 * Gives another thread an end of a queue of this one: there `connectQueue` makes a queue of it. Each end is for one thread; serve the queue as
 * often as there are threads. What waits for a thread that ends, however it ends, waits no more, and an item that was on its way to it
 * is put back: others get it.
 *
 * The queue lives in this thread: while that computes, the others wait.
 *
 * @example
 * const queue = new Queue<string>()
 * const end = serveQueue(queue)
 * new Worker('process.exit()', { eval: true, workerData: end, transferList: [end.port] })
 */
export function serveQueue<T>(queue: Queue<T>): QueueEnd {
  const { port1, port2 } = new MessageChannel()
  const bell = new SharedArrayBuffer(4)
  new Served(queue, port1, new Int32Array(bell)).listen()
  return { port: port2, bell }
}

/** One end's other side. */
class Served<T> {
  readonly #queue: Queue<T>
  readonly #port: MessagePort
  readonly #outbox: Outbox<Answer<T>>
  /** What is asked for and not answered. */
  readonly #waiting = new Map<number, AbortController>()
  /** Taken for the other thread, which has not said that it has arrived. */
  readonly #onTheWay = new Map<number, T>()
  #open = true

  constructor(queue: Queue<T>, port: MessagePort, bell: Int32Array) {
    this.#queue = queue
    this.#port = port
    this.#outbox = new Outbox<Answer<T>>(port, ({ id }, error) => this.#unsendable(id, error), () => {
      Atomics.add(bell, 0, 1)
      Atomics.notify(bell, 0)
    })
  }

  listen(): void {
    this.#port.on('message', (requests: readonly Request<T>[]) => { for (const request of requests) this.#hear(request) })
    this.#port.on('close', () => this.#closed())
    // Whoever waits on the other side keeps the program alive.
    this.#port.unref()
  }

  #hear(request: Request<T>): void {
    switch (request.kind) {
      case 'put':
        for (const [at, item] of request.items.entries()) this.#put(request.id + at, item)
        return
      case 'get':
        if (this.#queue.size > 0) return this.#outbox.add(this.#send(request.id, this.#queue.getNow())!)
        return this.#answer(request.id, (signal) => this.#queue.get({ signal }), (item) => this.#send(request.id, item))
      case 'join':
        return this.#answer(request.id, (signal) => this.#queue.join({ signal }), () => this.#done(request.id))
      case 'cancel':
        return this.#waiting.get(request.id)?.abort()
      case 'arrived':
        this.#onTheWay.delete(request.id)
        return
      case 'taskDone':
        // Once too often is told where it was said.
        if (this.#queue.statistics().unfinished > 0) this.#queue.taskDone()
        return
      case 'shutdown':
        this.#queue.shutdown({ immediate: request.immediate })
    }
  }

  #put(id: number, item: T): void {
    try {
      if (this.#queue.offer(item)) return this.#done(id)
    } catch (error) {
      return this.#refuse(id, error)
    }
    this.#answer(id, (signal) => this.#queue.put(item, { signal }), () => this.#done(id))
  }

  #done(id: number): undefined {
    const { last } = this.#outbox
    if (last?.kind === 'done' && last.id + last.count === id) last.count++
    else this.#outbox.add({ kind: 'done', id, count: 1 })
    return undefined
  }

  #refuse(id: number, error: unknown): void {
    if (error instanceof QueueShutDownError) this.#outbox.add({ kind: 'shutDown', id })
    else this.#outbox.add({ kind: 'refused', id, message: error instanceof Error ? error.message : String(error) })
  }

  #answer<R>(id: number, work: (signal: AbortSignal) => Promise<R>, answer: (result: R) => Answer<T> | undefined): void {
    const waiting = new AbortController()
    this.#waiting.set(id, waiting)
    work(waiting.signal).then(
      (result) => {
        this.#waiting.delete(id)
        const own = answer(result)
        if (own) this.#outbox.add(own)
      },
      (error: unknown) => {
        this.#waiting.delete(id)
        if (waiting.signal.aborted) this.#outbox.add({ kind: 'cancelled', id })
        else this.#refuse(id, error)
      }
    )
  }

  #send(id: number, item: T): Answer<T> | undefined {
    if (!this.#open) {
      this.#queue.putBack([item])
      return undefined
    }
    this.#onTheWay.set(id, item)
    return { kind: 'item', id, item }
  }

  /** An item that was put in this thread may be none that can leave it: it stays for those who can have it. */
  #unsendable(id: number, error: unknown): void {
    const item = this.#onTheWay.get(id) as T
    this.#onTheWay.delete(id)
    this.#outbox.add({ kind: 'refused', id, message: error instanceof Error ? error.message : String(error) })
    this.#queue.putBack([item])
  }

  #closed(): void {
    this.#open = false
    for (const waiting of this.#waiting.values()) waiting.abort()
    this.#queue.putBack([...this.#onTheWay.values()])
    this.#onTheWay.clear()
  }
}
