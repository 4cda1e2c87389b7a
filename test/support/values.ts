import fc from 'fast-check'

const numbers = fc.oneof(
  fc.double(), fc.integer(), fc.maxSafeInteger(),
  fc.constantFrom(-0, 0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1, 2 ** 53, 127, 128, 255, 256, -32, -33, -128, -129, 65_535, 65_536)
)

const bigints = fc.oneof(
  fc.bigInt(),
  fc.constantFrom(0n, -1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), 10n ** 300n, -(10n ** 300n))
)

const texts = fc.oneof(
  fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 30, maxLength: 40, unit: 'grapheme' }),
  fc.constantFrom('', '\0', 'a\0b', '\ud800', 'x\udc00y', '\udc00\ud800', 'é'.repeat(130), 'x'.repeat(300), 'ü'.repeat(40_000), 'x\ud800'.repeat(100))
)

const keys = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', '', '0', '7', '-1', '1.5', '\ud800', 'é', 'length', '$error'))

const buffers = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes).buffer)

interface ViewClass {
  new(buffer: ArrayBuffer, from: number, length: number): ArrayBufferView
  readonly BYTES_PER_ELEMENT?: number
}

/** Views of all kinds, of a whole buffer or a part of it. */
const views = fc.tuple(buffers, fc.constantFrom(0, 8), fc.constantFrom<ViewClass>(
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
  (globalThis as unknown as { Float16Array: ViewClass }).Float16Array
)).map(([buffer, offset, View]) => {
  const from = Math.min(offset, buffer.byteLength & ~7)
  const size = View.BYTES_PER_ELEMENT ?? 1
  return new View(buffer, from, Math.floor((buffer.byteLength - from) / size))
})

const leaves = fc.oneof(
  numbers, bigints, texts, fc.boolean(), fc.constantFrom(null, undefined), fc.date({ noInvalidDate: false }),
  fc.constantFrom(/a+/, /[/]\n/giu, /(?<year>\d{4})/dy, /(?:)/), buffers, views
)

class OrderError extends Error {}

const errorClasses = [Error, TypeError, RangeError, SyntaxError, OrderError] as const

/** Anything that can be sent, with shared parts and cycles. */
export const sendable: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4, depthSize: 'small', withCrossShrink: true }, leaves, tie('array'), tie('sparse'), tie('fields'), tie('object'), tie('map'), tie('set'), tie('error'), tie('shared'), tie('cycle')),
  array: fc.array(tie('value'), { maxLength: 5 }),
  sparse: fc.sparseArray(tie('value'), { maxLength: 300, maxNumElements: 4 }),
  fields: fc.tuple(fc.array(tie('value'), { maxLength: 100 }), fc.array(fc.tuple(keys.filter((key) => key !== 'length'), tie('value')), { maxLength: 3 })).map(([array, fields]) => withFields(array, fields)),
  object: fc.array(fc.tuple(keys, tie('value')), { maxLength: 5 }).map(objectOf),
  map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
  set: fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
  error: fc.tuple(fc.constantFrom(...errorClasses), fc.string(), tie('value'), tie('object'), fc.constantFrom(undefined, 'E_CODE', 7)).map(([Class, message, cause, fields, code]) => {
    const error = new Class(message, ...(cause === 0 ? [] : [{ cause }]))
    if (Class === OrderError) error.name = 'OrderError'
    for (const [key, value] of Object.entries(fields as object)) Object.defineProperty(error, `own ${key}`, { value, enumerable: true, writable: true, configurable: true })
    return code === undefined ? error : Object.assign(error, { code })
  }),
  shared: fc.tuple(tie('value'), tie('value')).map(([once, twice]) => [twice, once, { again: twice }, new Set([twice])]),
  cycle: fc.tuple(tie('value'), fc.constantFrom('object', 'array', 'map', 'set', 'error')).map(([value, kind]) => cycleOf(value, kind))
})).value

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  return withFields({}, entries)
}

function withFields(object: object, entries: readonly (readonly [string, unknown])[]): object {
  for (const [key, value] of entries) Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  return object
}

function cycleOf(value: unknown, kind: string): unknown {
  switch (kind) {
    case 'array': {
      const array: unknown[] = [value]
      array.push(array)
      return array
    }
    case 'map': {
      const map = new Map<unknown, unknown>([['value', value]])
      return map.set(map, [map])
    }
    case 'set': {
      const set = new Set<unknown>([value])
      return set.add([set]).add(set)
    }
    case 'error': {
      const error = Object.assign(new Error('cyclic'), { value, self: {} })
      error.self = error
      error.cause = { inside: error }
      return error
    }
    default: {
      const object: Record<string, unknown> = { value }
      object['self'] = object
      return object
    }
  }
}
