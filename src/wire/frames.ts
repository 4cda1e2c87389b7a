import { PayloadTooLargeError } from '../kernel/errors.ts'
import { headerLength, read, write } from './clone-bytes.ts'
import { type Others, SmallValueReader, SmallValueWriter, otherHead } from './small-values.ts'

// Messages between processes: each is a list, and goes as its length in four bytes (little-endian) and its value.

/** Room for what a tick has to say, in bytes: in the beginning, and at most. What does not fit is sent by itself. */
const firstRoom = 4_096
const mostRoom = 65_536

/** The longest message that its header can tell. */
const longest = 2 ** 32 - 1

/** Writes messages. What is said until `flush` is sent together; what is large, or not plain, is a structured clone's bytes. */
export class FrameWriter {
  readonly #send: (bytes: Buffer) => void
  readonly #writer: SmallValueWriter
  #room!: DataView<ArrayBuffer>
  #at = 0
  #writing = false
  /** What getters of a message said while it was written. */
  readonly #meanwhile: Buffer[] = []

  /**
   * @param send is given what is to be sent, in order, and may keep it
   * @param others writes what is not plain within a small message. Default: such a message is a clone's bytes as a whole
   */
  constructor(send: (bytes: Buffer) => void, others?: Others) {
    this.#send = send
    const room = new ArrayBuffer(firstRoom)
    this.#writer = new SmallValueWriter(room, others)
    this.#use(room)
  }

  /** Where the message is small and plain. @returns whether it was */
  write(message: readonly unknown[]): boolean {
    if (this.#tryWrite(message)) return true
    if (this.#writing || !this.#writer.wantedRoom || (this.#at === 0 && this.#room.byteLength >= mostRoom)) return false
    this.flush()
    this.#use(new ArrayBuffer(mostRoom))
    return this.#tryWrite(message)
  }

  /** Throws, and sends nothing, where something in it cannot be sent. */
  post(message: readonly unknown[]): void {
    if (!this.#writing && this.write(message)) return
    const bytes = write(message).subarray(headerLength)
    const head = otherHead(bytes.length)
    const length = head.length + bytes.length
    if (length > longest) throw new PayloadTooLargeError('A message to another process', length, longest)
    const header = Buffer.alloc(headerLength)
    header.writeUint32LE(length)
    // What is small goes with the rest of its tick.
    if (!this.#writing && headerLength + length <= this.#room.byteLength - this.#at) return this.#append(header, head, bytes)
    this.#meanwhile.push(Buffer.concat([header, head]), bytes)
    this.flush()
  }

  flush(): void {
    if (this.#writing) return
    this.#sendFrames()
    for (const bytes of this.#meanwhile.splice(0)) this.#send(bytes)
  }

  #sendFrames(): void {
    if (this.#at === 0) return
    const frames = Buffer.from(this.#room.buffer, 0, this.#at)
    // They are kept until they are sent: what comes next is written elsewhere.
    this.#use(new ArrayBuffer(Math.max(firstRoom, Math.min(mostRoom, frames.length * 2))))
    this.#send(frames)
  }

  #append(...parts: readonly Buffer[]): void {
    const room = new Uint8Array(this.#room.buffer)
    for (const part of parts) {
      room.set(part, this.#at)
      this.#at += part.length
    }
  }

  #use(room: ArrayBuffer): void {
    this.#room = new DataView(room)
    this.#at = 0
    this.#writer.use(room)
  }

  #tryWrite(message: readonly unknown[]): boolean {
    if (this.#writing) return false
    this.#writing = true
    try {
      if (!this.#writer.writeMessage(message, this.#at + headerLength, this.#room.byteLength)) return false
    } catch (error) {
      this.#writing = false
      this.flush()
      throw error
    } finally {
      this.#writing = false
    }
    this.#room.setUint32(this.#at, this.#writer.at - this.#at - headerLength, true)
    this.#at = this.#writer.at
    if (this.#meanwhile.length > 0) this.flush()
    return true
  }
}

/** Reads what a `FrameWriter` wrote, from the pieces in which it arrives. */
export class FrameReader<Message extends readonly unknown[]> {
  #pieces: Buffer[] = []
  #length = 0
  /** How many bytes make the next message, or its header, complete. */
  #wanted = headerLength

  /** The messages that this piece completes. Throws where it is none of ours. */
  push(piece: Buffer): Message[] {
    const messages: Message[] = []
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length < this.#wanted) return messages
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#length)
    const values = new SmallValueReader(bytes.buffer, read, bytes.byteOffset, bytes.length)
    let at = 0
    for (;;) {
      this.#wanted = headerLength
      if (bytes.length - at < headerLength) break
      const length = bytes.readUInt32LE(at)
      this.#wanted += length
      if (bytes.length - at < this.#wanted) break
      messages.push(values.read(at + headerLength) as Message)
      at += this.#wanted
    }
    this.#pieces = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#length -= at
    return messages
  }
}
