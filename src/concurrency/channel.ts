import { BrokenChannelError, ClosedError, EndOfChannelError, QueueShutDownError } from '../kernel/errors.ts'
import { type Exit, leavable } from './leavable.ts'
import { Queue } from './queue.ts'
import type { WaitOptions } from './suspend.ts'

export interface ChannelStatistics {
  readonly size: number
  readonly senders: number
  readonly receivers: number
  readonly sending: number
  readonly receiving: number
}

/** May hold nothing: then who sends meets who receives. */
class Handover<T> extends Queue<T> {
  protected override leastSize(): number {
    return 0
  }
}

/** What all ends of one channel share. */
class Pipe<T> {
  readonly queue: Queue<T>
  senders = 0
  receivers = 0

  constructor(maxSize: number) {
    this.queue = new Handover<T>({ maxSize })
  }

  statistics(): ChannelStatistics {
    const { size, putting, getting } = this.queue.statistics()
    return { size, senders: this.senders, receivers: this.receivers, sending: putting, receiving: getting }
  }
}

/** What is common to both kinds of ends: whoever waits on one that is closed hears so. */
class End {
  #open = true
  #closed: AbortController | undefined

  /** @throws ClosedError */
  protected checkOpen(): void {
    if (!this.#open) throw new ClosedError('This end of the channel')
  }

  /** The wait's own options, and that it ends with this end. */
  protected waiting({ signal, ...rest }: WaitOptions = {}): WaitOptions {
    this.#closed ??= new AbortController()
    return { ...rest, signal: signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal }
  }

  /** False where it was closed before. */
  protected closeThis(): boolean {
    if (!this.#open) return false
    this.#open = false
    this.#closed?.abort(new ClosedError('This end of the channel'))
    return true
  }
}

/** An end by which values are sent; `clone` it for each sender, and close each. */
export class SendChannel<T> extends End implements Disposable {
  readonly #pipe: Pipe<T>

  /** Use `openChannel`. */
  constructor(pipe: Pipe<T>) {
    super()
    this.#pipe = pipe
    pipe.senders++
  }

  /** @throws BrokenChannelError where nobody receives any more; ClosedError where this end was closed; CancelledError, DeadlineExceededError, the reason of the signal: then it was not sent */
  async send(value: T, options?: WaitOptions): Promise<void> {
    this.#check()
    await this.#pipe.queue.put(value, this.waiting(options)).catch(broken)
  }

  /** @throws QueueFullError, BrokenChannelError, ClosedError */
  sendNow(value: T): void {
    this.#check()
    try {
      this.#pipe.queue.putNow(value)
    } catch (error) {
      broken(error)
    }
  }

  /** One more end, to be closed for itself. @throws ClosedError */
  clone(): SendChannel<T> {
    this.#check()
    return new SendChannel(this.#pipe)
  }

  /** With the last sending end the channel ends: receivers get what is in it, and then EndOfChannelError. */
  close(): void {
    if (!this.closeThis()) return
    if (--this.#pipe.senders === 0) this.#pipe.queue.shutdown()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  statistics(): ChannelStatistics {
    return this.#pipe.statistics()
  }

  #check(): void {
    this.checkOpen()
    if (this.#pipe.receivers === 0) throw new BrokenChannelError()
  }
}

/** An end by which values are received, each by one of the ends; `clone` it for each receiver, and close each. `for await` takes all. */
export class ReceiveChannel<T> extends End implements Disposable, AsyncIterable<T> {
  readonly #pipe: Pipe<T>

  /** Use `openChannel`. */
  constructor(pipe: Pipe<T>) {
    super()
    this.#pipe = pipe
    pipe.receivers++
  }

  /** @throws EndOfChannelError; ClosedError where this end was closed; CancelledError, DeadlineExceededError, the reason of the signal: then nothing was received */
  async receive(options?: WaitOptions): Promise<T> {
    this.checkOpen()
    return this.#pipe.queue.get(this.waiting(options)).catch(ended)
  }

  /** @throws QueueEmptyError, EndOfChannelError, ClosedError */
  receiveNow(): T {
    this.checkOpen()
    try {
      return this.#pipe.queue.getNow()
    } catch (error) {
      return ended(error)
    }
  }

  /** One more end, to be closed for itself. @throws ClosedError */
  clone(): ReceiveChannel<T> {
    this.checkOpen()
    return new ReceiveChannel(this.#pipe)
  }

  /** With the last receiving end whoever sends, or waits to, gets BrokenChannelError; what is in the channel is lost. */
  close(): void {
    if (!this.closeThis()) return
    if (--this.#pipe.receivers === 0) this.#pipe.queue.shutdown({ immediate: true })
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Until the channel ends. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return leavable((exit) => this.#values(exit))
  }

  async *#values(exit: Exit): AsyncGenerator<T, void, undefined> {
    const { queue } = this.#pipe
    const leaving = new AbortController()
    // Nothing is taken for one who has left.
    exit.heard = () => leaving.abort()
    const options = this.waiting({ signal: leaving.signal })
    for (;;) {
      let value: T
      try {
        this.checkOpen()
        value = await queue.send(options).catch(ended)
      } catch (error) {
        if (exit.left || error instanceof EndOfChannelError) return
        throw error
      }
      if (exit.left) return queue.putBack([value])
      queue.arrived(1)
      yield value
    }
  }

  statistics(): ChannelStatistics {
    return this.#pipe.statistics()
  }
}

/**
 * A channel within a thread, as `trio.open_memory_channel`: two ends, each of which can be cloned, and each of which sees when the other side
 * has closed all of its own.
 *
 * @param maxSize how many values wait in it; 0: each send waits for its receiver; `Infinity`: no send waits
 *
 * @example
 * const [send, receive] = openChannel<number>(10)
 * await send.send(1)
 * send.close()
 * const all: number[] = []
 * for await (const value of receive) all.push(value)
 * all   // [ 1 ]
 */
export function openChannel<T>(maxSize: number): [SendChannel<T>, ReceiveChannel<T>] {
  const pipe = new Pipe<T>(maxSize)
  return [new SendChannel(pipe), new ReceiveChannel(pipe)]
}

function broken(error: unknown): never {
  throw error instanceof QueueShutDownError ? new BrokenChannelError() : error
}

function ended(error: unknown): never {
  throw error instanceof QueueShutDownError ? new EndOfChannelError() : error
}
