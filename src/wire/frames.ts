import { PayloadTooLargeError } from '../kernel/errors.ts'
import { headerLength, read, write } from './clone-bytes.ts'

/** The longest message that its header can tell. */
const longest = 2 ** 32 - 1

/** A message as bytes: its length in four bytes (little-endian), and the value. Throws where something in it cannot be sent. */
export function frameOf(message: unknown): Buffer {
  const frame = write(message)
  const length = frame.length - headerLength
  if (length > longest) throw new PayloadTooLargeError('A message to another process', length, longest)
  frame.writeUInt32LE(length)
  return frame
}

/** Puts messages together again from the pieces in which they arrive. */
export class FrameReader<Message = unknown> {
  readonly #read: (bytes: Buffer) => Message
  #pieces: Buffer[] = []
  #length = 0
  /** How many bytes make the next message, or its header, complete. */
  #wanted = headerLength

  /** @param reader makes a message of its bytes. Default: as `frameOf` wrote it */
  constructor(reader: (bytes: Buffer) => Message = read as (bytes: Buffer) => Message) {
    this.#read = reader
  }

  /** The messages that this piece completes. */
  push(piece: Buffer): Message[] {
    const messages: Message[] = []
    this.#pieces.push(piece)
    this.#length += piece.length
    while (this.#length >= this.#wanted) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#length)
      this.#pieces = [bytes]
      const end = headerLength + bytes.readUInt32LE()
      if (bytes.length < end) {
        this.#wanted = end
        break
      }
      this.#pieces = bytes.length === end ? [] : [bytes.subarray(end)]
      this.#length -= end
      this.#wanted = headerLength
      messages.push(this.#read(bytes.subarray(headerLength, end)))
    }
    return messages
  }
}
