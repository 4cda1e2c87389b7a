import { encode } from '../wire/codec.ts'
import { type NestedError, type PortableError, isNested } from '../wire/portable-error.ts'

/** About so many bytes are kept of one error, with all that it holds: of each failed attempt one is kept. */
const errorLimit = 2 ** 15

/** Of a message, a stack or a field's text no more than this many characters are kept; of a name or code, the second. */
const longestText = 10_000
const longestWord = 200

/** What a value costs besides its content, so that many empty ones end as well. */
const perValue = 32

/**
 * What is kept of an error in a job and its history: all of it, unless it is large. Then its texts are cut, and values that find no room
 * are replaced by a text that says how large they were.
 */
export function keptError(error: PortableError): PortableError {
  return isSmall(error) ? error : new Cutter().error(error)
}

/** Most errors are: a name, a message and a stack. */
function isSmall({ name, message, stack = '', code, cause, errors, fields }: PortableError): boolean {
  return cause === undefined && errors === undefined && fields === undefined && name.length <= longestWord && String(code).length <= longestWord
    && message.length <= longestText && stack.length <= longestText
}

class Cutter {
  #left = errorLimit

  error({ name, message, stack, code, own, cause, errors, fields }: PortableError): PortableError {
    return {
      name: this.#text(name, longestWord),
      message: this.#text(message, longestText),
      ...(code === undefined ? {} : { code: typeof code === 'string' ? this.#text(code, longestWord) : code }),
      ...(stack === undefined ? {} : { stack: this.#text(stack, longestText) }),
      ...(own ? { own } : {}),
      // An error's own fields before those of others.
      ...(fields === undefined ? {} : { fields: this.#record(fields) }),
      ...(cause === undefined ? {} : { cause: this.#value(cause) }),
      ...(errors === undefined ? {} : { errors: this.#list(errors) })
    }
  }

  #value(value: unknown): unknown {
    this.#left -= perValue
    if (typeof value === 'string') return this.#text(value, longestText)
    if (isNested(value)) return { $error: this.error(value.$error) } satisfies NestedError
    const size = sizeOf(value)
    if (size <= this.#left) {
      this.#left -= size
      return value
    }
    return size === Infinity ? '[no data, not kept]' : `[${size} bytes, not kept]`
  }

  #list(values: readonly unknown[]): unknown[] {
    const kept: unknown[] = []
    for (const value of values) {
      if (this.#left <= 0) return [...kept, `[${values.length - kept.length} more, not kept]`]
      kept.push(this.#value(value))
    }
    return kept
  }

  #record(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const kept: [string, unknown][] = []
    const all = Object.entries(fields)
    for (const [key, value] of all) {
      if (this.#left <= 0) {
        kept.push(['…', `[${all.length - kept.length} more, not kept]`])
        break
      }
      kept.push([this.#text(key, longestWord), this.#value(value)])
    }
    return Object.fromEntries(kept)
  }

  #text(text: string, longest: number): string {
    const room = Math.max(0, Math.min(longest, this.#left))
    this.#left -= Math.min(text.length, room)
    return text.length <= room ? text : `${text.slice(0, room)}… [${text.length} characters, cut]`
  }
}

function sizeOf(value: unknown): number {
  try {
    return encode(value).length
  } catch {
    return Infinity
  }
}
