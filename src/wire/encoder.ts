import { TreadleError } from '../kernel/errors.ts'
import { fieldsOf, isElement } from './array-fields.ts'
import { extension } from './extensions.ts'
import { deepest, kindOf, viewNumber } from './kinds.ts'
import { errorName, propertiesOf, textOf } from './portable-error.ts'

/** A buffer that has grown beyond this is not kept for the next message. */
const largestKept = 2 ** 20

/** Writes values as MessagePack with the extensions of `extensions.ts`. One at a time: it keeps its buffer. */
export class Encoder {
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(2 ** 13)
  /** The same memory: what is cut from it is no Buffer. */
  #plain = new Uint8Array(this.#bytes.buffer)
  #at = 0
  #count = 0
  /** The first object: most messages hold no other. */
  #first: object | undefined
  /** The numbers of objects, from the second on. */
  #numbers: Map<object, number> | undefined

  /**
   * The value as bytes of its own: never a view of a larger buffer, so that they can be transferred.
   *
   * Throws where something in it cannot be sent; `findUncloneable` says what.
   *
   * @param lead what stands before it
   */
  encode(value: unknown, lead: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#at = lead.length
    if (lead.length > this.#bytes.length) this.#use(Buffer.allocUnsafeSlow(2 * lead.length))
    this.#plain.set(lead)
    this.#count = 0
    try {
      this.#value(value, 0)
      return this.#plain.slice(0, this.#at)
    } finally {
      this.#first = undefined
      this.#numbers = undefined
      if (this.#bytes.length > largestKept) this.#use(Buffer.allocUnsafeSlow(2 ** 13))
    }
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        return this.#byte(value ? 0xc3 : 0xc2)
      case 'undefined':
        return this.#short(extension.undefined, 0)
      case 'bigint':
        return this.#bigint(value)
      case 'object':
        return value === null ? this.#byte(0xc0) : this.#object(value, depth)
      default:
        throw new TypeError(`A ${typeof value} cannot be sent.`)
    }
  }

  #object(value: object, depth: number): void {
    if (this.#refersBack(value)) return
    if (depth > deepest) throw new RangeError('A structure this deep cannot be sent.')
    const kind = kindOf(value)
    switch (kind) {
      case 'object':
        return this.#record(value as Record<string, unknown>, depth + 1)
      case 'array':
        return this.#array(value as unknown[], depth + 1)
      case 'map':
        return this.#extended(extension.map, () => {
          for (const [key, item] of value as Map<unknown, unknown>) {
            this.#value(key, depth + 1)
            this.#value(item, depth + 1)
          }
        })
      case 'set':
        return this.#extended(extension.set, () => {
          for (const item of value as Set<unknown>) this.#value(item, depth + 1)
        })
      case 'date':
        return this.#date((value as Date).getTime())
      case 'regexp':
        return this.#extended(extension.regexp, () => {
          this.#text((value as RegExp).source)
          this.#text((value as RegExp).flags)
        })
      case 'error':
        return this.#extended(extension.error, () => this.#error(value as Error, depth + 1))
      case 'view':
        return this.#view(value as ArrayBufferView)
      case 'buffer':
        this.#head(0xc7, extension.buffer, (value as ArrayBuffer).byteLength)
        return this.#raw(new Uint8Array(value as ArrayBuffer))
      default:
        throw new TypeError('An object of this kind cannot be sent.')
    }
  }

  /** Whether the object has begun before; if not, it is numbered. */
  #refersBack(value: object): boolean {
    const number = value === this.#first ? 0 : this.#numbers?.get(value)
    if (number !== undefined) {
      this.#room(6)
      this.#bytes[this.#at++] = 0xd6
      this.#bytes[this.#at++] = extension.reference
      this.#at = this.#bytes.writeUInt32BE(number, this.#at)
      return true
    }
    if (this.#count === 0) this.#first = value
    else (this.#numbers ??= new Map()).set(value, this.#count)
    this.#count++
    return false
  }

  #record(value: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(value)
    this.#size(keys.length, 0x80, 0xde)
    for (const key of keys) {
      this.#text(key)
      this.#value(value[key], depth)
    }
  }

  #array(value: readonly unknown[], depth: number): void {
    if (hasHoles(value) || fieldsOf(value).length > 0) return this.#sparse(value, depth)
    this.#size(value.length, 0x90, 0xdc)
    for (const item of value) this.#value(item, depth)
  }

  #sparse(value: readonly unknown[], depth: number): void {
    this.#extended(extension.sparse, () => {
      this.#number(value.length)
      for (const key of Object.keys(value)) {
        if (isElement(key, value.length)) this.#number(Number(key))
        else this.#text(key)
        this.#value((value as unknown as Record<string, unknown>)[key], depth)
      }
    })
  }

  #error(error: Error, depth: number): void {
    this.#value(error instanceof TreadleError, depth)
    this.#text(errorName(error))
    this.#text(textOf(error.message))
    this.#value(typeof error.stack === 'string' ? error.stack : undefined, depth)
    for (const [key, item] of propertiesOf(error)) {
      this.#text(key)
      this.#value(item, depth)
    }
  }

  #view(value: ArrayBufferView): void {
    const number = viewNumber(value)
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    if (number === 1) {
      const { length } = bytes
      this.#room(5)
      if (length < 2 ** 8) this.#two(0xc4, length)
      else if (length < 2 ** 16) this.#at = this.#bytes.writeUInt16BE(length, this.#byteAt(0xc5))
      else this.#at = this.#bytes.writeUInt32BE(length, this.#byteAt(0xc6))
    } else {
      this.#head(0xc7, extension.view, bytes.length + 1)
      this.#byte(number)
    }
    this.#raw(bytes)
  }

  #number(value: number): void {
    this.#room(9)
    const whole = value | 0
    if (whole !== value || Object.is(value, -0)) {
      if (value >= 2 ** 31 && value < 2 ** 32 && value % 1 === 0) this.#at = this.#bytes.writeUInt32BE(value, this.#byteAt(0xce))
      else this.#at = this.#bytes.writeDoubleBE(value, this.#byteAt(0xcb))
    } else if (value >= 0) {
      if (value < 2 ** 7) this.#bytes[this.#at++] = value
      else if (value < 2 ** 8) this.#two(0xcc, value)
      else if (value < 2 ** 16) this.#at = this.#bytes.writeUInt16BE(value, this.#byteAt(0xcd))
      else this.#at = this.#bytes.writeUInt32BE(value, this.#byteAt(0xce))
    } else if (value >= -(2 ** 5)) this.#bytes[this.#at++] = value + 256
    else if (value >= -(2 ** 7)) this.#two(0xd0, value + 256)
    else if (value >= -(2 ** 15)) this.#at = this.#bytes.writeInt16BE(value, this.#byteAt(0xd1))
    else this.#at = this.#bytes.writeInt32BE(value, this.#byteAt(0xd2))
  }

  #bigint(value: bigint): void {
    const hex = (value < 0n ? -value : value).toString(16)
    const magnitude = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
    this.#head(0xc7, extension.bigint, magnitude.length + 1)
    this.#byte(value < 0n ? 1 : 0)
    this.#raw(magnitude)
  }

  #date(time: number): void {
    this.#room(11)
    this.#two(0xc7, 8)
    this.#bytes[this.#at++] = extension.date
    this.#at = this.#bytes.writeDoubleBE(time, this.#at)
  }

  #text(value: string): void {
    const { length } = value
    this.#room(length * 3 + 5)
    if (length < 32) {
      const bytes = this.#bytes
      let at = this.#at
      bytes[at++] = 0xa0 | length
      let index = 0
      for (let code; index < length && (code = value.charCodeAt(index)) < 0x80; index++) bytes[at++] = code
      if (index === length) {
        this.#at = at
        return
      }
    }
    // Where the header would stand if all of it were ASCII.
    const guess = this.#at + textHeader(length)
    const written = this.#bytes.write(value, guess, 'utf8')
    if (written !== length && !value.isWellFormed()) return this.#utf16(value)
    const start = this.#at + textHeader(written)
    if (start !== guess) this.#bytes.copyWithin(start, guess, guess + written)
    if (written < 32) this.#bytes[this.#at] = 0xa0 | written
    else if (written < 2 ** 8) this.#two(0xd9, written)
    else if (written < 2 ** 16) this.#bytes.writeUInt16BE(written, this.#byteAt(0xda))
    else this.#bytes.writeUInt32BE(written, this.#byteAt(0xdb))
    this.#at = start + written
  }

  #utf16(value: string): void {
    const bytes = Buffer.from(value, 'utf16le')
    this.#head(0xc7, extension.utf16, bytes.length)
    this.#raw(bytes)
  }

  /** An extension of one byte. */
  #short(type: number, byte: number): void {
    this.#room(3)
    this.#two(0xd4, type)
    this.#bytes[this.#at++] = byte
  }

  /** An extension whose length shows only once it is written. */
  #extended(type: number, write: () => void): void {
    this.#room(6)
    this.#bytes[this.#at] = 0xc9
    const length = this.#at + 1
    this.#bytes[this.#at + 5] = type
    this.#at += 6
    write()
    this.#bytes.writeUInt32BE(this.#at - length - 5, length)
  }

  /** The head of an extension; `code` is that of the shortest length, the next two are for longer ones. */
  #head(code: number, type: number, length: number): void {
    this.#room(6)
    if (length < 2 ** 8) this.#two(code, length)
    else if (length < 2 ** 16) this.#at = this.#bytes.writeUInt16BE(length, this.#byteAt(code + 1))
    else this.#at = this.#bytes.writeUInt32BE(length, this.#byteAt(code + 2))
    this.#bytes[this.#at++] = type
  }

  /** The head of an array or map: with its length in four bits where that fits, else in two bytes after `code`, or four after the next. */
  #size(length: number, fixed: number, code: number): void {
    this.#room(5)
    if (length < 16) this.#bytes[this.#at++] = fixed | length
    else if (length < 2 ** 16) this.#at = this.#bytes.writeUInt16BE(length, this.#byteAt(code))
    else this.#at = this.#bytes.writeUInt32BE(length, this.#byteAt(code + 1))
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  #byteAt(byte: number): number {
    this.#bytes[this.#at++] = byte
    return this.#at
  }

  #two(first: number, second: number): void {
    this.#bytes[this.#at++] = first
    this.#bytes[this.#at++] = second
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + length))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#use(larger)
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#plain = new Uint8Array(bytes.buffer)
  }
}

function textHeader(length: number): number {
  return length < 32 ? 1 : length < 2 ** 8 ? 2 : length < 2 ** 16 ? 3 : 5
}

function hasHoles(value: readonly unknown[]): boolean {
  // Native, and at once for arrays that hold numbers or text only.
  if (!value.includes(undefined)) return false
  for (let index = 0; index < value.length; index++) if (!(index in value)) return true
  return false
}
