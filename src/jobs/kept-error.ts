import { encode } from '../wire/codec.ts'
import { type NestedError, type PortableError, isNested } from '../wire/portable-error.ts'

/** About so many characters, or bytes of other values, are kept of one error: of each failed attempt one is kept. */
const errorLimit = 32_000

/** Of a message, a stack or another text no more than this many characters are kept; of a name or code, the second. */
const longestText = 10_000
const longestWord = 200

/** What a value costs besides its content, so that many empty ones end as well. */
const perValue = 32

/** A text is cut only where more is saved than it takes to say so; what was cut once is not cut again. */
const noteRoom = 50

/** Errors within errors end here, as they do on their way. */
const deepest = 8

/**
 * What is kept of an error in a job and its history: all of it, unless it is large. Then long texts are cut, and values that find no room
 * are replaced by a text that says how large they were; name, code and the beginning of the message are always kept, of causes too.
 */
export function keptError(error: PortableError): PortableError {
  return isSmall(error) ? error : new Cutter().error(error, 0)
}

/** Most errors are: a name, a message and a stack. */
function isSmall({ name, message, stack = '', code, cause, errors, fields }: PortableError): boolean {
  return cause === undefined && errors === undefined && fields === undefined && name.length <= longestWord && String(code).length <= longestWord
    && message.length <= longestText && stack.length <= longestText
}

/** An error as it is kept: one that cannot be encoded whole is told by its own words alone. */
export function errorBytes(error: PortableError): Uint8Array {
  try {
    return encode(error)
  } catch {
    // A cause or field that is no data must not keep the others of its batch from being settled.
    const { name, message, stack, code } = error
    return encode({ name, message, ...(stack === undefined ? {} : { stack }), ...(code === undefined ? {} : { code }) })
  }
}

class Cutter {
  #left = errorLimit

  error({ name, message, stack, code, own, cause, errors, fields }: PortableError, depth: number): PortableError {
    return {
      name: this.#text(name, longestWord, longestWord),
      message: this.#text(message, longestText, longestWord),
      ...(code === undefined ? {} : { code: typeof code === 'string' ? this.#text(code, longestWord, longestWord) : code }),
      ...(stack === undefined ? {} : { stack: this.#text(stack, longestText) }),
      ...(own ? { own } : {}),
      // An error's own fields before those of others.
      ...(fields === undefined ? {} : { fields: this.#record(fields, depth) }),
      ...(cause === undefined ? {} : { cause: this.#value(cause, depth) }),
      ...(errors === undefined ? {} : { errors: this.#list(errors, depth) })
    }
  }

  #value(value: unknown, depth: number): unknown {
    this.#left -= perValue
    if (typeof value === 'string') return this.#text(value, longestText)
    if (isNested(value)) return depth < deepest ? { $error: this.error(value.$error, depth + 1) } satisfies NestedError : '[an error, not kept]'
    const size = sizeOf(value)
    if (size <= this.#left) {
      this.#left -= size
      return value
    }
    return size === Infinity ? '[no data, not kept]' : `[${size} bytes, not kept]`
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    const kept: unknown[] = []
    for (const value of values) {
      if (this.#left <= 0) return [...kept, `[${values.length - kept.length} more, not kept]`]
      kept.push(this.#value(value, depth))
    }
    return kept
  }

  #record(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
    const kept: [string, unknown][] = []
    const all = Object.entries(fields)
    for (const [key, value] of all) {
      if (this.#left <= 0) {
        kept.push(['…', `[${all.length - kept.length} more, not kept]`])
        break
      }
      kept.push([this.#text(key, longestWord, longestWord), this.#value(value, depth)])
    }
    return Object.fromEntries(kept)
  }

  /** @param least so much is kept though there is no room left */
  #text(text: string, longest: number, least = 0): string {
    const room = Math.min(longest, Math.max(least, this.#left))
    const kept = text.length <= room + noteRoom ? text : `${text.slice(0, Math.max(0, room))}… [${text.length} characters, cut]`
    this.#left -= kept.length
    return kept
  }
}

function sizeOf(value: unknown): number {
  try {
    return encode(value).length
  } catch {
    return Infinity
  }
}
