import { types } from 'node:util'

// What is written here is read by the same release, in a thread or process of the same program: no version, and nothing is checked.

const tag = { undefined: 0, null: 1, false: 2, true: 3, byte: 4, int32: 5, float64: 6, latin1: 7, utf16: 8, array: 9, object: 10, bytes: 11, other: 12 } as const

/** Longer texts and bytes are large: memory that is shared is better used by what is small. In characters, and bytes. */
const longest = 4_096

/** Texts up to this length are written a character at a time, which is quicker than to ask for it. */
const shortText = 64

/** So many objects in one value are looked through for whether one is there twice. */
const mostObjects = 16

/** Writes what `SmallValueWriter` cannot. Gives its bytes, or undefined where nothing can. */
export type Others = (value: unknown) => Uint8Array | undefined

/**
 * Writes small plain values (numbers, short texts and bytes, and plain objects and lists of such) into memory that is there, without making anything.
 * A value is written as the structured clone algorithm would have it, or not at all: what is there twice, has a class, a getter's
 * error, or is large goes another way.
 */
export class SmallValueWriter {
  /** Where the next byte goes. */
  at = 0
  /** Whether what could not be written last wanted more room. */
  wantedRoom = false
  #end = 0
  readonly #others: Others | undefined
  #bytes!: Buffer
  #view!: DataView
  #objects: object[] = []

  constructor(memory: ArrayBufferLike, others?: Others) {
    this.#others = others
    this.use(memory)
  }

  /** From here on it writes there. */
  use(memory: ArrayBufferLike): void {
    this.#bytes = Buffer.from(memory as ArrayBuffer)
    this.#view = new DataView(memory)
  }

  /** Writes a value from `at` to `end` at most. False where it cannot: then what lies behind `at` means nothing. */
  write(value: unknown, at: number, end: number): boolean {
    this.at = at
    this.#end = end
    return this.#whole(value)
  }

  /** As `write`, a message: a list that is no value itself, but holds values, and dense lists of values, which may share parts with each other. */
  writeMessage(message: readonly unknown[], at: number, end: number): boolean {
    this.wantedRoom = false
    this.at = at
    this.#end = end
    const isWritten = this.#parts(message)
    // What was sent is not kept alive.
    if (this.#objects.length > 0) this.#objects.length = 0
    return isWritten
  }

  #parts(message: readonly unknown[]): boolean {
    if (!this.#head(tag.array, message.length)) return false
    for (const each of message) {
      const isWritten = typeof each === 'number' ? this.#number(each) : Array.isArray(each) ? this.#list(each) : this.#whole(each)
      if (!isWritten) return false
    }
    return true
  }

  #list(values: readonly unknown[]): boolean {
    const from = this.at
    if (this.#objects.length > 0) this.#objects.length = 0
    if (this.#all(values)) return true
    this.at = from
    return this.#other(values)
  }

  #all(values: readonly unknown[]): boolean {
    if (!this.#head(tag.array, values.length)) return false
    for (const each of values) if (!this.#value(each)) return false
    return true
  }

  /** What is in parts nothing plain goes another way as a whole: so what its parts share stays shared. */
  #whole(value: unknown): boolean {
    const from = this.at
    if (this.#objects.length > 0) this.#objects.length = 0
    if (this.#value(value)) return true
    this.at = from
    return this.#other(value)
  }

  #value(value: unknown): boolean {
    switch (typeof value) {
      case 'number': return this.#number(value)
      case 'string': return this.#text(value)
      case 'undefined': return this.#tag(tag.undefined)
      case 'boolean': return this.#tag(value ? tag.true : tag.false)
      case 'object': return value === null ? this.#tag(tag.null) : this.#plain(value)
      default: return false
    }
  }

  #wantRoom(): false {
    this.wantedRoom = true
    return false
  }

  #tag(kind: number): boolean {
    if (this.at >= this.#end) return this.#wantRoom()
    this.#bytes[this.at++] = kind
    return true
  }

  #head(kind: number, length: number): boolean {
    if (this.at + 5 > this.#end) return this.#wantRoom()
    this.#bytes[this.at] = kind
    this.#view.setUint32(this.at + 1, length, true)
    this.at += 5
    return true
  }

  #number(value: number): boolean {
    const { at } = this
    if (at + 9 > this.#end) return this.#wantRoom()
    if ((value | 0) === value && !Object.is(value, -0)) {
      if (value >= 0 && value < 256) {
        this.#bytes[at] = tag.byte
        this.#bytes[at + 1] = value
        this.at = at + 2
      } else {
        this.#bytes[at] = tag.int32
        this.#view.setInt32(at + 1, value, true)
        this.at = at + 5
      }
    } else {
      this.#bytes[at] = tag.float64
      this.#view.setFloat64(at + 1, value, true)
      this.at = at + 9
    }
    return true
  }

  #text(text: string): boolean {
    const { length } = text
    if (length > longest) return false
    const from = this.at
    if (length <= shortText && this.at + 5 + length <= this.#end) {
      let at = from + 5
      for (let index = 0; index < length; index++) {
        const code = text.charCodeAt(index)
        if (code > 255) return this.#utf16(text)
        this.#bytes[at++] = code
      }
      this.#head(tag.latin1, length)
      this.at = at
      return true
    }
    return this.#utf16(text)
  }

  #utf16(text: string): boolean {
    if (this.at + 5 + text.length * 2 > this.#end) return this.#wantRoom()
    this.#head(tag.utf16, text.length)
    this.at += this.#bytes.write(text, this.at, 'utf16le')
    return true
  }

  #plain(value: object): boolean {
    if (types.isProxy(value)) return false
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype === Object.prototype || prototype === Array.prototype) {
      const isArray = Array.isArray(value)
      // What only looks like one, since its prototype was changed, is a clone of what it is.
      if (isArray !== (prototype === Array.prototype) || this.#objects.length === mostObjects || this.#objects.includes(value)) return false
      this.#objects.push(value)
      return isArray ? this.#items(value) : this.#fields(value as Record<string, unknown>)
    }
    return prototype === Uint8Array.prototype && types.isUint8Array(value) && this.#someBytes(value)
  }

  #fields(value: Record<string, unknown>): boolean {
    // Arguments, dates, errors and boxed values are told by this, whatever their prototype is.
    if (Object.prototype.toString.call(value) !== '[object Object]') return false
    const keys = Object.keys(value)
    // One without fields may be a map, or another thing that this does not see.
    if (keys.length === 0 || !this.#head(tag.object, keys.length)) return false
    for (const key of keys) if (key === '__proto__' || !this.#text(key) || !this.#value(value[key])) return false
    return true
  }

  /** A list with holes, or with fields of its own, is none of these. */
  #items(items: readonly unknown[]): boolean {
    const keys = Object.keys(items)
    // What is no index comes last.
    const isDense = keys.length === items.length && (items.length === 0 || keys.at(-1) === String(items.length - 1))
    return items.length <= longest && isDense && this.#all(items)
  }

  #someBytes(value: Uint8Array): boolean {
    const { length, buffer } = value
    if (length > longest || types.isSharedArrayBuffer(buffer) || buffer.detached || buffer.resizable) return false
    if (this.at + 5 + length > this.#end) return this.#wantRoom()
    // The same bytes, seen twice, are one to the other side too.
    if (this.#objects.length === mostObjects || this.#objects.includes(buffer)) return false
    this.#objects.push(buffer)
    this.#head(tag.bytes, length)
    this.#bytes.set(value, this.at)
    this.at += length
    return true
  }

  #other(value: unknown): boolean {
    const bytes = this.#others?.(value)
    if (!bytes) return false
    if (this.at + 5 + bytes.length > this.#end) return this.#wantRoom()
    this.#head(tag.other, bytes.length)
    this.#bytes.set(bytes, this.at)
    this.at += bytes.length
    return true
  }
}

/** What stands before so many bytes that `Others` wrote, where they are written by themselves. */
export function otherHead(length: number): Buffer {
  const head = Buffer.alloc(5)
  head[0] = tag.other
  head.writeUint32LE(length, 1)
  return head
}

/** Reads what a `SmallValueWriter` wrote. */
export class SmallValueReader {
  /** Where the next byte is. */
  at = 0
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #others: ((bytes: Buffer) => unknown) | undefined

  constructor(memory: ArrayBufferLike, others?: (bytes: Buffer) => unknown, offset = 0, length: number = memory.byteLength - offset) {
    this.#bytes = Buffer.from(memory as ArrayBuffer, offset, length)
    this.#view = new DataView(memory, offset, length)
    this.#others = others
  }

  read(at: number): unknown {
    this.at = at
    return this.#value()
  }

  #value(): unknown {
    const kind = this.#bytes[this.at++]
    switch (kind) {
      case tag.undefined: return undefined
      case tag.null: return null
      case tag.false: return false
      case tag.true: return true
      case tag.byte: return this.#bytes[this.at++]
      case tag.int32: return this.#view.getInt32((this.at += 4) - 4, true)
      case tag.float64: return this.#view.getFloat64((this.at += 8) - 8, true)
      case tag.latin1: return this.#latin1(this.#length())
      case tag.utf16: {
        const length = this.#length() * 2
        return this.#bytes.toString('utf16le', this.at, this.at += length)
      }
      case tag.array: {
        const items: unknown[] = []
        for (let left = this.#length(); left > 0; left--) items.push(this.#value())
        return items
      }
      case tag.object: {
        const value: Record<string, unknown> = {}
        for (let left = this.#length(); left > 0; left--) {
          const key = this.#value() as string
          value[key] = this.#value()
        }
        return value
      }
      case tag.bytes: {
        return this.#someBytes(this.#length())
      }
      default: {
        const length = this.#length()
        return this.#others!(this.#bytes.subarray(this.at, this.at += length))
      }
    }
  }

  #length(): number {
    return this.#view.getUint32((this.at += 4) - 4, true)
  }

  #someBytes(length: number): Uint8Array {
    const from = this.at
    this.at += length
    if (length > shortText) return new Uint8Array(this.#bytes.subarray(from, this.at))
    // Quicker than to make a view of what is there.
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index++) bytes[index] = this.#bytes[from + index]!
    return bytes
  }

  #latin1(length: number): string {
    if (length > 24) return this.#bytes.toString('latin1', this.at, this.at += length)
    let text = ''
    for (let left = length; left > 0; left--) text += String.fromCharCode(this.#bytes[this.at++]!)
    return text
  }
}
