import { type Exit, leavable } from '../../concurrency/leavable.ts'
import type { Listener } from '../../concurrency/processes/listen.ts'
import { Queue } from '../../concurrency/queue.ts'
import type { Servable } from '../../concurrency/remote/served-end.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { CancelledError, ClosedError, QueueShutDownError } from '../../kernel/errors.ts'
import type { Place } from '../../tasks/task.ts'
import { decode } from '../../wire/codec.ts'
import { type PortableError, fromPortable } from '../../wire/portable-error.ts'

/** How many items of a stream may be on their way to whoever takes them; as many may wait there. */
export const ahead = 8

/** How long a generator on the loop, which cannot be stopped, is waited for once its stream was left, in milliseconds. */
const grace = 500

/** Where a stream's items go on the loop itself. */
export class LoopSink {
  readonly items: Queue<unknown>
  /** The generator's end, from when it has begun. */
  ended: Promise<unknown> | undefined

  constructor(items: Queue<unknown>) {
    this.items = items
  }
}

/** Where a stream's items go: from a thread by the stream's number, and from a child process also by an address. */
export type Sink = LoopSink | readonly [stream: number, address?: string]

type Run = (sink: Sink | Promise<Sink>, signal: AbortSignal) => Promise<unknown>

class Stream {
  readonly items: Queue<unknown>
  failure: Error | undefined

  constructor(items: Queue<unknown>) {
    this.items = items
  }

  throwFailure(): void {
    if (this.failure) throw this.failure
  }
}

/** The streams of one `local()`: each a queue that its generator fills. */
export class Streams {
  readonly #clock: Clock
  readonly #open = new Map<number, Stream>()
  #last = 0
  #listening: Promise<Listener> | undefined
  #shut = false

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * What threads and child processes ask: that an item is taken, which is answered when there is room for it; and that it is known what went wrong
   * in the end of a generator that was left.
   */
  readonly servable: Servable = {
    asked: {
      item: (asked, signal) => {
        const [stream, item] = asked as readonly [number, Uint8Array]
        const queue = this.#open.get(stream)?.items
        if (!queue) throw new QueueShutDownError()
        const value = decode(item)
        return queue.offer(value) ? undefined : queue.put(value, { signal: signal() })
      },
      failed: (asked) => {
        const [stream, error] = asked as readonly [number, PortableError]
        const open = this.#open.get(stream)
        if (open) open.failure = fromPortable(error)
      }
    },
    told: {}
  }

  /**
   * What a generator yields.
   *
   * @param run has it run, and its items put into the sink; rejects with its error
   * @throws ClosedError
   */
  iterate(place: Place, run: Run): AsyncGenerator<unknown, void, undefined> {
    return leavable((exit) => this.#iterate(place, run, exit))
  }

  /** None begins any more. */
  shut(): void {
    this.#shut = true
  }

  async close(): Promise<void> {
    await (await this.#listening)?.close()
  }

  async *#iterate(place: Place, run: Run, exit: Exit): AsyncGenerator<unknown, void, undefined> {
    if (this.#shut) throw new ClosedError('local()')
    const queue = new Queue<unknown>({ maxSize: ahead })
    const leaving = new AbortController()
    const leave = (): void => {
      leaving.abort(new CancelledError('The stream'))
      queue.shutdown({ immediate: true })
    }
    exit.heard = leave
    const stream = ++this.#last
    const open = new Stream(queue)
    this.#open.set(stream, open)
    const onLoop = place === 'loop' ? new LoopSink(queue) : undefined
    const sink = onLoop ?? (place === 'process' ? this.#address().then((address) => [stream, address] as const) : [stream] as const)
    const ended = run(sink, leaving.signal).finally(() => queue.shutdown())
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
      if (!exit.left) await ended
    } finally {
      leave()
      // What its generator does in the end is done before whoever left the loop goes on.
      await ended.then(() => {}, throwUnlessLeft).finally(() => this.#open.delete(stream))
      if (onLoop?.ended) await this.#within(grace, onLoop.ended.catch(throwUnlessLeft))
      open.throwFailure()
    }
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#clock.after(ms, resolve)
    await Promise.race([work, promise])
  }

  async #address(): Promise<string> {
    const { listenFor } = await import('../../concurrency/processes/listen.ts')
    this.#listening ??= listenFor(this.servable).catch((error: unknown) => {
      // Not for ever: the next stream tries again.
      this.#listening = undefined
      throw error
    })
    return (await this.#listening).address
  }
}

function throwUnlessLeft(error: unknown): void {
  if (!isEndOfLeft(error)) throw error
}

/** How a generator ends that was told to is no failure; what goes wrong in its `finally` is. */
export function isEndOfLeft(error: unknown): boolean {
  return error instanceof CancelledError || error instanceof QueueShutDownError || (error instanceof Error && error.name === 'AbortError')
}
