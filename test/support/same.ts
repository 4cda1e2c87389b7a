import { types } from 'node:util'

/**
 * Whether two values are the same to a program that holds either: kinds, prototypes, elements, holes, -0 and the order of keys and entries;
 * and whatever was one object in one of them is one object in the other, so that cycles are too.
 */
export function same(a: unknown, b: unknown): boolean {
  return new Comparison().same(a, b)
}

type Failure = Error & Record<string, unknown>

const builtIns = [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError]

class Comparison {
  readonly #there = new Map<object, object>()
  readonly #back = new Map<object, object>()

  same(a: unknown, b: unknown): boolean {
    if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return Object.is(a, b)
    if (this.#there.has(a) || this.#back.has(b)) return this.#there.get(a) === b && this.#back.get(b) === a
    this.#there.set(a, b)
    this.#back.set(b, a)
    if (a instanceof Error) return b instanceof Error && this.#sameErrors(a as Failure, b as Failure)
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
    if (Array.isArray(a)) return a.length === (b as unknown[]).length && this.#sameKeys(a, b)
    if (types.isMap(a)) return this.#sameList([...a].flat(1), [...b as Map<unknown, unknown>].flat(1))
    if (types.isSet(a)) return this.#sameList([...a], [...b as Set<unknown>])
    if (types.isDate(a)) return Object.is(a.getTime(), (b as Date).getTime())
    if (types.isRegExp(a)) return a.source === (b as RegExp).source && a.flags === (b as RegExp).flags
    if (ArrayBuffer.isView(a)) return this.#sameBytes(bytesOf(a), bytesOf(b as ArrayBufferView))
    if (types.isAnyArrayBuffer(a)) return this.#sameBytes(new Uint8Array(a), new Uint8Array(b as ArrayBuffer))
    return this.#sameKeys(a, b)
  }

  /** The class of an error stays where it was made; its name, and which of the language's own it is, do not. */
  #sameErrors(a: Failure, b: Failure): boolean {
    return a.name === b.name && a.message === b.message && a.stack === b.stack && this.same(a['code'], b['code'])
      && builtIns.every((Class) => a instanceof Class === b instanceof Class)
      && ['cause', 'errors'].every((key) => Object.hasOwn(a, key) === Object.hasOwn(b, key) && this.same(a[key], b[key]))
      && this.#sameKeys(a, b, (key) => !['name', 'cause', 'errors'].includes(key))
  }

  #sameKeys(a: object, b: object, counts = (_key: string): boolean => true): boolean {
    const keys = Object.keys(a).filter(counts)
    return this.#sameList(keys, Object.keys(b).filter(counts))
      && keys.every((key) => this.same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  }

  #sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
    return a.length === b.length && a.every((item, index) => this.same(item, b[index]))
  }

  #sameBytes(a: Uint8Array, b: Uint8Array): boolean {
    return Buffer.compare(a, b) === 0
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
