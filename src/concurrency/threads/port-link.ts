import { availableParallelism } from 'node:os'
import { type MessagePort, type Transferable, receiveMessageOnPort } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { Fifo } from '../fifo.ts'
import type { Link, LinkListener } from '../remote/link.ts'
import type { Message } from '../remote/messages.ts'
import { RingReader, RingWriter, awake, inLoop, inSleep, ringMemory } from '../ring/ring.ts'

/** What a thread is given to reach something of another: it can be sent to it, its port in the transfer list. */
export interface LinkEnd {
  readonly port: MessagePort
  /** What is small is written there, for this end and by it. */
  readonly incoming: SharedArrayBuffer
  readonly outgoing: SharedArrayBuffer
}

/** How much of what is small may be on the way, in bytes each way, where nothing is said. More goes by message. */
const usualBytes = 65_536

/** How long an end looks for more before it waits to be woken, in milliseconds: an answer mostly comes sooner. On a single core it would only keep the other from its work. */
export const lookout: number = availableParallelism() > 1 ? 0.1 : 0

/** After a lookout in vain the next is skipped, after two in a row the next three, and so on, up to so many. */
const mostSkipped = 7

/** A message that only wakes. */
const bell = 0

/** Two ends of a line. @param ringBytes a power of two */
export function linkEnds(ringBytes: number = usualBytes): [LinkEnd, LinkEnd] {
  const { port1, port2 } = new MessageChannel()
  const [a, b] = [ringMemory(ringBytes), ringMemory(ringBytes)]
  return [{ port: port1, incoming: a, outgoing: b }, { port: port2, incoming: b, outgoing: a }]
}

/**
 * A line between two threads: what is small and plain through a ring in shared memory, everything else by message; one count of both tells
 * their order. Nobody is woken who is awake.
 */
export class PortLink<Out extends readonly unknown[] = Message, In extends readonly unknown[] = Message> implements Link<Out, In> {
  readonly #port: MessagePort
  readonly #in: RingReader
  readonly #out: RingWriter
  /** What came by message, with its number. */
  readonly #posted = new Fifo<readonly [number: number, message: In | undefined]>()
  /** How long this end looks for more before it waits to be woken, in milliseconds. */
  lookout: number
  #listener!: LinkListener<In>
  #nextIn = 0
  /** Whether something was written that nobody was woken for. */
  #written = false
  #turning = false
  #turnsUntil = 0
  /** How many lookouts were skipped after the last in vain, and how many of these are still to be. */
  #skipped = 0
  #skipsLeft = 0
  #closed = false

  /** @param looks how long it looks for more before it waits to be woken, in milliseconds */
  constructor({ port, incoming, outgoing }: LinkEnd, looks: number = lookout) {
    this.lookout = looks
    this.#port = port
    this.#in = new RingReader(incoming)
    this.#out = new RingWriter(outgoing)
  }

  listen(listener: LinkListener<In>): void {
    this.#listener = listener
    this.#port.on('message', (posted: readonly [number, In | undefined] | typeof bell) => {
      this.#keep(posted)
      this.#linger()
    })
    this.#port.on('messageerror', (error) => this.#lose(error))
    this.#port.on('close', () => {
      this.#drain()
      this.#lose(undefined)
    })
    this.#sleepInLoop()
  }

  /** As `post`, where that is small and plain, and there is room. @returns whether it was */
  write(message: Out): boolean {
    if (!this.#out.write(message)) return false
    this.#written = true
    return true
  }

  post(message: Out, transfer: readonly Transferable[] = []): void {
    if (transfer.length === 0 && this.write(message)) return
    const number = this.#out.takeNumber()
    try {
      // Posted at once, so that what cannot be cloned is told of here.
      this.#port.postMessage([number, message], [...transfer])
    } catch (error) {
      // What it holds may have said something meanwhile, which comes after it.
      this.#port.postMessage([number, undefined], [])
      throw error
    }
  }

  flush(): void {
    const state = this.#out.commit()
    const isWritten = this.#written
    this.#written = false
    // What was posted wakes by itself who waits in the loop.
    if (state === awake || (state === inLoop && !isWritten) || !this.#out.claimWaking(state)) return
    if (state === inSleep) this.#out.wakeSleeper()
    else this.#port.postMessage(bell, [])
  }

  /** What was written can be seen by who looks, but nobody is woken for it. */
  show(): void {
    this.#out.commit()
  }

  hold(on: boolean): void {
    if (on) this.#port.ref()
    else this.#port.unref()
  }

  sleep(ms: number): void {
    this.#fetch()
    if (this.#drain()) return this.#linger()
    this.#in.state(inSleep)
    // Whoever writes from here on sees that this sleeps.
    this.#fetch()
    if (this.#in.isEmpty && this.#posted.size === 0) this.#in.sleep(ms)
    this.#in.state(awake)
    this.#fetch()
    this.#drain()
    this.#linger()
  }

  /** An answer comes soon: looks out for it, unless that has been in vain of late. */
  expect(): void {
    this.#lookOut()
  }

  /** Hears what has come by now. */
  catchUp(): void {
    this.#fetch()
    this.#drain()
    // Whoever was to wake this end believes it awake.
    if (!this.#turning && !this.#closed) this.#sleepInLoop()
  }

  close(): void {
    this.#closed = true
    this.#port.close()
  }

  #lose(why: unknown): void {
    if (this.#closed) return
    this.close()
    this.#listener.closed(why)
  }

  #keep(posted: readonly [number, In | undefined] | typeof bell): void {
    if (posted !== bell) this.#posted.push(posted)
  }

  #fetch(): void {
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) this.#keep(next.message as readonly [number, In | undefined] | typeof bell)
  }

  /** Hears what has come, in order. @returns whether there was anything */
  #drain(): boolean {
    const from = this.#nextIn
    while (!this.#closed) {
      let message: In | undefined
      if (this.#in.peek() === this.#nextIn) message = this.#in.take() as unknown as In
      else if (this.#posted.peek()?.[0] === this.#nextIn) message = this.#posted.shift()![1]
      else break
      this.#nextIn = (this.#nextIn + 1) >>> 0
      try {
        if (message !== undefined) this.#listener.heard(message)
      } catch (error) {
        // One message of ours was not understood: whatever comes next means nothing.
        this.#lose(error)
      }
    }
    if (from === this.#nextIn) return false
    this.#in.release()
    this.#listener.caughtUp()
    return true
  }

  /** Goes on looking, a turn of the loop each time, until nothing has come for a moment. */
  #linger(): void {
    this.#in.state(awake)
    this.#drain()
    this.#lookOut()
  }

  /**
   * A lookout takes a core, which the other side may wait for, and whoever sleeps meanwhile is woken on another, which takes long: in vain it makes all
   * slower. So the more of them were, the fewer follow.
   */
  #lookOut(): void {
    this.#turnsUntil = systemClock.elapsed() + this.lookout
    if (this.#turning || this.#closed) return
    const isSkipped = this.#skipsLeft > 0
    if (isSkipped) this.#skipsLeft--
    if (isSkipped || this.lookout === 0) return this.#sleepInLoop()
    this.#in.state(awake)
    this.#turnSoon()
  }

  #turnSoon(): void {
    this.#turning = true
    setImmediate(() => {
      this.#turning = false
      if (this.#closed) return
      if (this.#drain()) {
        this.#turnsUntil = systemClock.elapsed() + this.lookout
        this.#skipped = 0
      } else if (systemClock.elapsed() >= this.#turnsUntil) {
        if (this.lookout > 0) this.#skipsLeft = this.#skipped = Math.min(mostSkipped, 2 * this.#skipped + 1)
        return this.#sleepInLoop()
      }
      this.#turnSoon()
    })
  }

  #sleepInLoop(): void {
    this.#in.state(inLoop)
    if (this.#in.isEmpty) return
    // Written before that could be seen, it wakes nobody. Or what was posted before it has yet to come: this end turns until it is here, since nothing
    // that is written meanwhile would wake it.
    this.#in.state(awake)
    this.#turnSoon()
  }
}
