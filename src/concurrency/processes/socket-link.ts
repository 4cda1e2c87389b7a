import type { Socket } from 'node:net'
import type { Transferable } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { headerLength, write } from '../../wire/clone-bytes.ts'
import { FrameReader, FrameWriter } from '../../wire/frames.ts'
import type { Link, LinkListener } from '../remote/link.ts'
import type { Message } from '../remote/messages.ts'

/** How long a program that ends waits for the other side of a line that it closed, in milliseconds: that may be stopped. */
const hearsWithin = 5_000

/** A line between two processes: frames in a stream. */
export class SocketLink implements Link {
  readonly #socket: Socket
  readonly #frames: FrameWriter
  #ended = false
  #closed = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.#frames = new FrameWriter((bytes) => { if (!this.#ended) this.#socket.write(bytes) }, (value) => write(value).subarray(headerLength))
  }

  listen(listener: LinkListener): void {
    const frames = new FrameReader<Message>()
    let why: unknown
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (piece: Buffer) => {
      try {
        for (const message of frames.push(piece)) if (!this.#closed) listener.heard(message)
        if (!this.#closed) listener.caughtUp()
      } catch (error) {
        // No other end of ours has sent that: whatever comes next means nothing.
        this.#socket.destroy(error as Error)
      }
    })
    this.#socket.on('error', (error) => { why = error })
    this.#socket.on('close', () => { if (!this.#closed) listener.closed(why) })
  }

  post(message: Message, transfer: readonly Transferable[] = []): void {
    if (transfer.length > 0) throw new InvalidOptionError('transfer', 'something to move', 'nothing between processes, which share no memory: it is copied')
    this.#frames.post(message)
  }

  flush(): void {
    this.#frames.flush()
  }

  hold(on: boolean): void {
    if (on) this.#socket.ref()
    else this.#socket.unref()
  }

  end(): void {
    this.flush()
    this.#ended = true
    this.#socket.end()
  }

  close(): void {
    this.#closed = true
    // What is said after that must not break off what was said before.
    this.#ended = true
    // A program that ends waits until the other side has read it all, and ends too: its answers, written to nobody, would break off its reading.
    const hearing = systemClock.after(hearsWithin, () => this.#socket.unref())
    this.#socket.ref()
    this.#socket.once('close', () => hearing[Symbol.dispose]())
    this.#socket.end()
  }
}
