import { SmallValueReader, SmallValueWriter } from '../../wire/small-values.ts'

/** Numbers at the head of the memory, each on a line of the processor's cache of its own. */
const written = 0
const read = 16
const readerState = 32
const headBytes = 192

/** Before each message: its length with this header, or 0 where the rest up to the end is skipped; and its number. */
const frameHeader = 8

/** What the reader does. */
export const awake = 0
/** It waits in its event loop. */
export const inLoop = 1
/** Its thread sleeps. */
export const inSleep = 2

/** Memory for a ring of so many bytes, a power of two. */
export function ringMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + bytes)
}

// One writes and one reads. What is written counts from the moment in which the count of written bytes says so, which is one store: so whoever
// is killed, at whatever instruction, leaves a ring that the other can read to its end. It is dropped with either.

export class RingWriter {
  readonly #head: Int32Array
  readonly #numbers: DataView
  readonly #values: SmallValueWriter
  readonly #capacity: number
  /** The next byte, counted from the beginning of time, modulo 2^32. */
  #at = 0
  #number = 0
  #writing = false

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, headBytes / 4)
    this.#numbers = new DataView(memory)
    this.#values = new SmallValueWriter(memory)
    this.#capacity = memory.byteLength - headBytes
  }

  /** The number of the next message, for one that goes another way. */
  takeNumber(): number {
    const number = this.#number
    this.#number = (number + 1) >>> 0
    return number
  }

  /**
   * Writes a message, which is not seen before `commit`. False where it does not fit now, is nothing small and plain, or is said by a getter of one that is
   * being written. Throws what a getter throws.
   */
  write(message: readonly unknown[]): boolean {
    if (this.#writing) return false
    this.#writing = true
    try {
      return this.#tryWrite(message)
    } finally {
      this.#writing = false
    }
  }

  #tryWrite(message: readonly unknown[]): boolean {
    const free = this.#capacity - ((this.#at - Atomics.load(this.#head, read)) >>> 0)
    const index = this.#at & (this.#capacity - 1)
    const toEnd = this.#capacity - index
    if (this.#frame(message, index, Math.min(free, toEnd))) return true
    if (free <= toEnd) return false
    // It would reach beyond the end: perhaps it fits at the beginning.
    if (!this.#frame(message, 0, free - toEnd)) return false
    this.#numbers.setUint32(headBytes + index, 0, true)
    this.#at = (this.#at + toEnd) >>> 0
    return true
  }

  /** What was written is the reader's. @returns what the reader does: it must be woken, unless it is awake */
  commit(): number {
    Atomics.store(this.#head, written, this.#at | 0)
    return Atomics.load(this.#head, readerState)
  }

  /** The reader is to wake up. True for who is the one to do it. */
  claimWaking(state: number): boolean {
    return Atomics.compareExchange(this.#head, readerState, state, awake) === state
  }

  /** Wakes a thread that sleeps. */
  wakeSleeper(): void {
    Atomics.notify(this.#head, readerState)
  }

  #frame(message: readonly unknown[], index: number, room: number): boolean {
    if (room < frameHeader) return false
    const start = headBytes + index
    const values = this.#values
    if (!values.writeMessage(message, start + frameHeader, start + room)) return false
    const length = (values.at - start + 7) & ~7
    this.#numbers.setUint32(start, length, true)
    this.#numbers.setUint32(start + 4, this.takeNumber(), true)
    this.#at = (this.#at + length) >>> 0
    return true
  }
}

export class RingReader {
  readonly #head: Int32Array
  readonly #numbers: DataView
  readonly #values: SmallValueReader
  readonly #capacity: number
  #at = 0

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, headBytes / 4)
    this.#numbers = new DataView(memory)
    this.#values = new SmallValueReader(memory)
    this.#capacity = memory.byteLength - headBytes
  }

  /** The number of the next message; -1 where there is none. */
  peek(): number {
    if (this.isEmpty) return -1
    let start = this.#start
    if (this.#numbers.getUint32(start, true) === 0) {
      this.#at = (this.#at + headBytes + this.#capacity - start) >>> 0
      start = this.#start
    }
    return this.#numbers.getUint32(start + 4, true)
  }

  /** Takes the message that `peek` found. */
  take(): unknown[] {
    const start = this.#start
    const message = this.#values.read(start + frameHeader) as unknown[]
    this.#at = (this.#at + this.#numbers.getUint32(start, true)) >>> 0
    return message
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#head, written) === (this.#at | 0)
  }

  /** What was taken may be written over. */
  release(): void {
    Atomics.store(this.#head, read, this.#at | 0)
  }

  /** Says what this side does, for who writes. */
  state(state: number): void {
    Atomics.store(this.#head, readerState, state)
  }

  /** Sleeps with this thread until it is woken, at most so many milliseconds. */
  sleep(ms: number): void {
    Atomics.wait(this.#head, readerState, inSleep, ms)
  }

  get #start(): number {
    return headBytes + (this.#at & (this.#capacity - 1))
  }
}
