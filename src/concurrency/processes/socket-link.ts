import type { Socket } from 'node:net'
import type { Transferable } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { read, write, headerLength } from '../../wire/clone-bytes.ts'
import { FrameReader } from '../../wire/frames.ts'
import { SmallValueReader, SmallValueWriter, otherHead } from '../../wire/small-values.ts'
import type { Link, LinkListener } from '../remote/link.ts'
import type { Message } from '../remote/messages.ts'

/** Room for what a tick has to say, in bytes: in the beginning, and at most. What does not fit is sent by itself. */
const firstRoom = 4_096
const mostRoom = 65_536

/** How long a program that ends waits for the other side of a line that it closed, in milliseconds: that may be stopped. */
const hearsWithin = 5_000

/** A line between two processes: frames in a stream, each a length in four bytes (little-endian) and a message. */
export class SocketLink implements Link {
  readonly #socket: Socket
  #room = new ArrayBuffer(firstRoom)
  readonly #writer = new SmallValueWriter(this.#room, (value) => write(value).subarray(headerLength))
  #at = 0
  #ended = false
  #closed = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  listen(listener: LinkListener): void {
    const frames = new FrameReader((bytes) => new SmallValueReader(bytes.buffer, read, bytes.byteOffset, bytes.length).read(0) as Message)
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
    if (this.#write(message)) return
    if (this.#at > 0) {
      this.flush()
      if (this.#write(message)) return
    }
    this.#sendLarge(write(message))
  }

  flush(): void {
    if (this.#at === 0) return
    const frames = Buffer.from(this.#room, 0, this.#at)
    this.#at = 0
    if (this.#ended) return
    // The socket keeps them until they are sent: what comes next is written elsewhere.
    this.#room = new ArrayBuffer(Math.max(firstRoom, Math.min(mostRoom, frames.length * 2)))
    this.#writer.use(this.#room)
    this.#socket.write(frames)
  }

  #write(message: Message): boolean {
    if (!this.#writer.writeMessage(message, this.#at + headerLength, this.#room.byteLength)) return false
    new DataView(this.#room).setUint32(this.#at, this.#writer.at - this.#at - headerLength, true)
    this.#at = this.#writer.at
    return true
  }

  #sendLarge(bytes: Buffer): void {
    if (this.#ended) return
    const head = otherHead(bytes.length - headerLength)
    const frame = Buffer.alloc(headerLength)
    frame.writeUint32LE(head.length + bytes.length - headerLength)
    this.#socket.cork()
    this.#socket.write(Buffer.concat([frame, head]))
    this.#socket.write(bytes.subarray(headerLength))
    this.#socket.uncork()
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
