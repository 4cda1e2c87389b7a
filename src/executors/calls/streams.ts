import type { Listener } from '../../concurrency/processes/listen.ts'
import { Queue } from '../../concurrency/queue.ts'
import type { Servable } from '../../concurrency/remote/served-end.ts'
import { CancelledError, QueueShutDownError } from '../../kernel/errors.ts'
import type { Place } from '../../tasks/task.ts'
import { decode } from '../../wire/codec.ts'

/** How many items of a stream may be on their way to who takes them, or wait for that. */
export const ahead = 16

/** Where a stream's items go: on the loop the queue itself; from a thread by its number, and from a child process also by an address. */
export type Sink = Queue<unknown> | readonly [stream: number, address?: string]

/** The streams of one `local()`: each a queue that its generator fills. */
export class Streams {
  readonly #open = new Map<number, Queue<unknown>>()
  #last = 0
  #listening: Promise<Listener> | undefined

  /** What threads and child processes ask: that an item is taken, which is answered when there is room for it. */
  readonly servable: Servable = {
    asked: {
      item: (asked, signal) => {
        const [stream, item] = asked as readonly [number, Uint8Array]
        const queue = this.#open.get(stream)
        if (!queue) throw new QueueShutDownError()
        const value = decode(item)
        return queue.offer(value) ? undefined : queue.put(value, { signal: signal() })
      }
    },
    told: {}
  }

  /**
   * What a generator yields.
   *
   * @param run has it run, and its items put into the sink; rejects with its error
   */
  async *iterate(place: Place, run: (sink: Sink, signal: AbortSignal) => Promise<unknown>): AsyncGenerator<unknown, void, undefined> {
    const queue = new Queue<unknown>({ maxSize: ahead })
    const left = new AbortController()
    const stream = ++this.#last
    this.#open.set(stream, queue)
    const ended = this.#sink(place, stream, queue).then((sink) => run(sink, left.signal)).finally(() => queue.shutdown())
    ended.catch(() => {})
    try {
      for (;;) {
        let item: unknown
        try {
          item = await queue.get()
        } catch (error) {
          if (error instanceof QueueShutDownError) break
          throw error
        }
        yield item
      }
      await ended
    } finally {
      this.#open.delete(stream)
      left.abort(new CancelledError('The stream'))
      queue.shutdown({ immediate: true })
      // What its generator does in the end is done before whoever left the loop goes on.
      await ended.catch(() => {})
    }
  }

  async close(): Promise<void> {
    await (await this.#listening)?.close()
  }

  async #sink(place: Place, stream: number, queue: Queue<unknown>): Promise<Sink> {
    if (place === 'loop') return queue
    if (place !== 'process') return [stream]
    const { listenFor } = await import('../../concurrency/processes/listen.ts')
    return [stream, (await (this.#listening ??= listenFor(this.servable))).address]
  }
}
