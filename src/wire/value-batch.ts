import { types } from 'node:util'
import type { UncloneableError } from '../kernel/errors.ts'
import { decode, encode } from './codec.ts'
import { viewNumber, views } from './kinds.ts'
import { SmallValueReader, SmallValueWriter } from './small-values.ts'
import { isPlain } from './uncloneable.ts'

// Many values that travel together, and arrive as if each had travelled alone: no two of them hold anything in common.

export type TypedArray =
  | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array
  | Float32Array | Float64Array | BigInt64Array | BigUint64Array

/** Numbers, primitives of several kinds, or where among these bytes each value begins. */
export type ValueBatch = TypedArray | readonly unknown[] | { readonly bytes: Uint8Array<ArrayBuffer>, readonly starts: Uint32Array<ArrayBuffer> }

/** A batch is full at about so many bytes: what is large travels in pieces, and is never in memory many times over. */
const mostBytes = 2 ** 20

/** So many bytes are there at first for values that are no primitives. */
const firstBytes = 2 ** 12

export function isTyped(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
}

export function sizeOf(batch: ValueBatch): number {
  return 'starts' in batch ? batch.starts.length : batch.length
}

/** The values of a batch from `from` on, before `to`. */
export function partOf(batch: ValueBatch, from: number, to: number = sizeOf(batch)): ValueBatch {
  if (isTyped(batch)) return piece(batch, from, to, true)
  if (!('starts' in batch)) return batch.slice(from, to)
  const { bytes, starts } = batch
  const begin = starts[from] ?? bytes.length
  return { bytes: bytes.slice(begin, starts[to] ?? bytes.length), starts: starts.slice(from, to).map((at) => at - begin) }
}

/** A part of a typed array: of shared memory a view, where that may travel, else a copy. */
export function piece(list: TypedArray, from: number, to: number, shares: boolean): TypedArray {
  const { buffer, byteOffset, BYTES_PER_ELEMENT: size } = list
  // Not its own `slice` and `subarray`: a Buffer has others, and so may a class of its own.
  const View = views[viewNumber(list)] as Uint8ArrayConstructor
  if (shares && types.isSharedArrayBuffer(buffer)) return new View(buffer, byteOffset + from * size, to - from)
  return new View(new Uint8Array(new Uint8Array(buffer, byteOffset + from * size, (to - from) * size)).buffer)
}

/** The values of a batch: each made by itself. */
export function valuesOf(batch: ValueBatch): ArrayLike<unknown> {
  if (!('starts' in batch)) return batch
  const { bytes, starts } = batch
  const reader = new SmallValueReader(bytes.buffer, decode, bytes.byteOffset, bytes.length)
  return Array.from(starts, (at) => reader.read(at))
}

/** What names a value in the error that it cannot be sent: all of it, and where its path begins. */
type NameOf = (index: number) => readonly [what: string, root: string]

/** Gathers values, each as it is when it is added. */
export class BatchWriter {
  /** How many there are. */
  count = 0
  /** It holds so much that it should travel. */
  full = false
  readonly #nameOf: NameOf
  /** As long as all are numbers. */
  #numbers: Float64Array<ArrayBuffer> | undefined
  /** As long as all are primitives. */
  #primitives: unknown[] | undefined
  #packed: Packed | undefined
  #textLength = 0

  /** @param capacity how many values at most */
  constructor(capacity: number, nameOf: NameOf) {
    this.#numbers = new Float64Array(capacity)
    this.#nameOf = nameOf
  }

  /** @throws UncloneableError where it cannot be sent as bytes; then it was not added */
  add(value: unknown): void {
    if (typeof value === 'number' && this.#numbers) this.#numbers[this.count++] = value
    else this.#addOther(value)
  }

  get batch(): ValueBatch {
    if (this.#packed) return this.#packed.batch
    if (this.#primitives) return this.#primitives
    const numbers = this.#numbers!
    return this.count === numbers.length ? numbers : numbers.slice(0, this.count)
  }

  #addOther(value: unknown): void {
    if (this.#numbers) {
      this.#primitives = Array.from(this.#numbers.subarray(0, this.count))
      this.#numbers = undefined
    }
    if (!this.#packed && isPlain(value)) {
      this.#primitives!.push(value)
      if (typeof value === 'string') this.#textLength += 2 * value.length
      this.full = this.#textLength >= mostBytes
    } else {
      this.#packed ??= this.#pack()
      this.#packed.add(value, this.count, this.#nameOf)
      this.full = this.#packed.length >= mostBytes
    }
    this.count++
  }

  #pack(): Packed {
    const packed = new Packed()
    for (const [index, each] of this.#primitives!.entries()) packed.add(each, index, this.#nameOf)
    return packed
  }
}

class Packed {
  #memory = new ArrayBuffer(firstBytes)
  readonly #starts: number[] = []
  /** Of the last value that was written by itself. */
  #ownBytes = 0
  readonly #writer = new SmallValueWriter(this.#memory, (value) => {
    const own = encode(value)
    this.#ownBytes = own.length
    return own
  })

  get length(): number {
    return this.#writer.at
  }

  get batch(): ValueBatch {
    return { bytes: new Uint8Array(this.#memory.slice(0, this.length)), starts: Uint32Array.from(this.#starts) }
  }

  add(value: unknown, index: number, nameOf: NameOf): void {
    const at = this.length
    try {
      while (!this.#writer.write(value, at, this.#memory.byteLength)) this.#grow(at + this.#ownBytes)
    } catch (error) {
      this.#writer.at = at
      throw refusalOf(value, ...nameOf(index)) ?? error
    }
    this.#starts.push(at)
  }

  #grow(needed: number): void {
    const larger = new ArrayBuffer(2 * Math.max(needed, this.#memory.byteLength))
    new Uint8Array(larger).set(new Uint8Array(this.#memory))
    this.#memory = larger
    this.#writer.use(larger)
  }
}

function refusalOf(value: unknown, what: string, root: string): UncloneableError | undefined {
  try {
    encode(value, what, root)
    return undefined
  } catch (error) {
    return error as UncloneableError
  }
}
