import { isElement } from './array-fields.ts'
import { extension } from './extensions.ts'
import { deepest, views } from './kinds.ts'
import { newError } from './portable-error.ts'

/** Errors nest what they hold a little deeper as bytes than as values. */
const deepestRead = deepest + 100

/** Text up to so many bytes is put together here: asking for it would cost more. */
const shortest = 12

/**
 * Reads one value. Whatever the bytes are, it returns data or throws: nothing is evaluated, no class is found by name but
 * those of the language's errors, and nothing is set aside for more elements than there are bytes.
 */
export class Decoder {
  readonly #bytes: Buffer
  #at = 0
  readonly #length: number
  /** The keys of the last object, in their order: the next has often the same. */
  readonly #keys: string[] = []
  /** The objects by their numbers. */
  readonly #objects: object[] = []

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#length = bytes.length
  }

  decode(): unknown {
    const value = this.#value(0)
    if (this.#at !== this.#length) throw new RangeError('There are bytes beyond the end of the value.')
    return value
  }

  #value(depth: number): unknown {
    // Undefined at the end, which is no value either.
    const byte = this.#bytes[this.#at++]!
    if (byte < 0x80) return byte
    if (byte < 0x90) return this.#record(byte & 0xf, depth)
    if (byte < 0xa0) return this.#array(byte & 0xf, depth)
    if (byte < 0xc0) return this.#text(byte & 0x1f)
    if (byte >= 0xe0) return byte - 256
    switch (byte) {
      case 0xc0: return null
      case 0xc2: return false
      case 0xc3: return true
      case 0xc4: return this.#binary(this.#uint(1))
      case 0xc5: return this.#binary(this.#uint(2))
      case 0xc6: return this.#binary(this.#uint(4))
      case 0xc7: return this.#extension(this.#uint(1), depth)
      case 0xc8: return this.#extension(this.#uint(2), depth)
      case 0xc9: return this.#extension(this.#uint(4), depth)
      case 0xca: return this.#bytes.readFloatBE(this.#take(4))
      case 0xcb: return this.#bytes.readDoubleBE(this.#take(8))
      case 0xcc: return this.#uint(1)
      case 0xcd: return this.#uint(2)
      case 0xce: return this.#uint(4)
      case 0xcf: return safe(this.#bytes.readBigUInt64BE(this.#take(8)))
      case 0xd0: return this.#bytes.readInt8(this.#take(1))
      case 0xd1: return this.#bytes.readInt16BE(this.#take(2))
      case 0xd2: return this.#bytes.readInt32BE(this.#take(4))
      case 0xd3: return safe(this.#bytes.readBigInt64BE(this.#take(8)))
      case 0xd4: return this.#extension(1, depth)
      case 0xd5: return this.#extension(2, depth)
      case 0xd6: return this.#extension(4, depth)
      case 0xd7: return this.#extension(8, depth)
      case 0xd8: return this.#extension(16, depth)
      case 0xd9: return this.#text(this.#uint(1))
      case 0xda: return this.#text(this.#uint(2))
      case 0xdb: return this.#text(this.#uint(4))
      case 0xdc: return this.#array(this.#uint(2), depth)
      case 0xdd: return this.#array(this.#uint(4), depth)
      case 0xde: return this.#record(this.#uint(2), depth)
      case 0xdf: return this.#record(this.#uint(4), depth)
      default: throw new RangeError('A byte that begins no value.')
    }
  }

  #extension(length: number, depth: number): unknown {
    const type = this.#bytes[this.#take(1)]!
    const start = this.#at
    const end = start + length
    if (end > this.#length) throw new RangeError('The bytes end early.')
    const value = this.#extended(type, end, this.#deeper(depth))
    if (this.#at !== end) throw new RangeError('An extension is not as long as it says.')
    return value
  }

  #extended(type: number, end: number, depth: number): unknown {
    switch (type) {
      case extension.undefined:
        this.#at = end
        return undefined
      case extension.reference: {
        const object = this.#objects[this.#uint(4)]
        if (!object) throw new RangeError('A reference to what has not begun.')
        return object
      }
      case extension.utf16:
        return this.#rest(end).toString('utf16le')
      case extension.bigint:
        return bigint(this.#rest(end))
      case extension.date:
        return this.#begun(new Date(this.#bytes.readDoubleBE(this.#take(8))))
      case extension.regexp:
        return this.#begun(new RegExp(this.#string(depth), this.#string(depth)))
      case extension.map: {
        const map = this.#begun(new Map<unknown, unknown>())
        while (this.#at < end) map.set(this.#value(depth), this.#value(depth))
        return map
      }
      case extension.set: {
        const set = this.#begun(new Set<unknown>())
        while (this.#at < end) set.add(this.#value(depth))
        return set
      }
      case extension.sparse:
        return this.#sparse(end, depth)
      case extension.buffer:
        return this.#begun(ownBuffer(this.#rest(end)))
      case extension.view: {
        const View = views[this.#uint(1)]
        if (!View) throw new RangeError('A view of an unknown kind.')
        return this.#begun(new View(ownBuffer(this.#rest(end))))
      }
      case extension.error:
        return this.#error(end, depth)
      default:
        throw new RangeError('An unknown extension.')
    }
  }

  #record(size: number, depth: number): object {
    const deeper = this.#deeper(depth)
    this.#expect(size * 2)
    const record = this.#begun<Record<string, unknown>>({})
    for (let index = 0; index < size; index++) {
      const key = this.#key(index, deeper)
      if (key === '__proto__') setOwn(record, key, this.#value(deeper))
      else record[key] = this.#value(deeper)
    }
    return record
  }

  #array(length: number, depth: number): unknown[] {
    const deeper = this.#deeper(depth)
    this.#expect(length)
    const array = this.#begun<unknown[]>([])
    for (let index = 0; index < length; index++) array.push(this.#value(deeper))
    return array
  }

  #sparse(end: number, depth: number): unknown[] {
    const array = this.#begun<unknown[]>([])
    const length = this.#value(depth)
    if (!isIndex(length, 2 ** 32)) throw new RangeError('An array of an impossible length.')
    if (length > 0) {
      // Setting the length could set aside room for all of it; an element far out does not.
      array[length - 1] = undefined
      Reflect.deleteProperty(array, length - 1)
    }
    while (this.#at < end) {
      const index = this.#value(depth)
      if (typeof index === 'string') {
        if (index === 'length' || isElement(index, 2 ** 32)) throw new RangeError('No name for a field of an array.')
        setOwn(array, index, this.#value(depth))
        continue
      }
      if (!isIndex(index, length)) throw new RangeError('An element outside its array.')
      array[index] = this.#value(depth)
    }
    return array
  }

  #error(end: number, depth: number): Error {
    const number = this.#objects.length
    this.#objects.push(this.#objects) // its place; what it is shows by its name
    const own = this.#value(depth) === true
    const error = newError(this.#string(depth), this.#string(depth), own)
    this.#objects[number] = error
    const stack = this.#value(depth)
    setOwn(error, 'stack', typeof stack === 'string' ? stack : undefined, false)
    while (this.#at < end) {
      const key = this.#string(depth)
      setOwn(error, key, this.#value(depth), key !== 'cause' && key !== 'errors')
    }
    return error
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length)
    return this.#begun(new Uint8Array(ownBuffer(this.#bytes.subarray(start, this.#at))))
  }

  /** @param index of the key in its object */
  #key(index: number, depth: number): string {
    const known = this.#keys[index]
    if (known !== undefined && this.#isNext(known)) return known
    return this.#keys[index] = this.#string(depth)
  }

  /** Whether this short text is what comes next; then it is passed over. */
  #isNext(text: string): boolean {
    const { length } = text
    const start = this.#at + 1
    if (this.#bytes[this.#at] !== (0xa0 | length) || length > 31) return false
    for (let index = 0; index < length; index++) if (this.#bytes[start + index] !== text.charCodeAt(index)) return false
    this.#at = start + length
    return true
  }

  #text(length: number): string {
    const start = this.#take(length)
    if (length > shortest) return this.#bytes.toString('utf8', start, this.#at)
    let text = ''
    for (let at = start; at < this.#at; at++) {
      const byte = this.#bytes[at]!
      if (byte >= 0x80) return this.#bytes.toString('utf8', start, this.#at)
      text += String.fromCharCode(byte)
    }
    return text
  }

  #string(depth: number): string {
    const value = this.#value(depth)
    if (typeof value !== 'string') throw new TypeError('Text was expected.')
    return value
  }

  #uint(length: 1 | 2 | 4): number {
    const at = this.#at
    if ((this.#at += length) > this.#length) throw new RangeError('The bytes end early.')
    const bytes = this.#bytes
    if (length === 1) return bytes[at]!
    return length === 2 ? (bytes[at]! << 8) | bytes[at + 1]! : bytes.readUInt32BE(at)
  }

  #rest(end: number): Buffer {
    return this.#bytes.subarray(this.#at, this.#at = end)
  }

  #begun<T extends object>(object: T): T {
    this.#objects.push(object)
    return object
  }

  #deeper(depth: number): number {
    if (depth >= deepestRead) throw new RangeError('The value is nested too deeply.')
    return depth + 1
  }

  /** That so many bytes, or more, are still to come. */
  #expect(length: number): void {
    if (this.#at + length > this.#length) throw new RangeError('The bytes end early.')
  }

  #take(length: number): number {
    this.#expect(length)
    const at = this.#at
    this.#at += length
    return at
  }
}

/** Defined, not assigned: a key named __proto__ stays a key. */
function setOwn(object: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true })
}

function isIndex(value: unknown, below: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below
}

/** Other writers of MessagePack use eight bytes for whole numbers that a double holds too. */
function safe(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function bigint(bytes: Buffer): bigint {
  const magnitude = BigInt(`0x${bytes.toString('hex', 1)}`)
  return bytes[0] === 1 ? -magnitude : magnitude
}

function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
