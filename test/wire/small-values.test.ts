import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SmallValueReader, SmallValueWriter } from '../../src/wire/small-values.ts'

const memory = new SharedArrayBuffer(16_384)
const writer = new SmallValueWriter(memory)
const reader = new SmallValueReader(memory)

/** What arrives; `refused` where it goes another way. */
const refused = Symbol('refused')
function sent(value: unknown): unknown {
  return writer.write(value, 8, memory.byteLength) ? reader.read(8) : refused
}

function argumentsOf(): unknown {
  return arguments // eslint-disable-line prefer-rest-params
}

const small = fc.anything({ withTypedArray: false, withBigInt: false, withDate: false, withMap: false, withSet: false, withNullPrototype: false, withSparseArray: false, key: fc.string({ unit: 'binary' }), maxDepth: 3 })

test('what it writes arrives as a clone would', () => {
  fc.assert(fc.property(small, (value) => {
    const got = sent(value)
    if (got !== refused) expect(got).toStrictEqual(structuredClone(value))
  }), { numRuns: 2_000 })
})

test.each([
  [0], [-0], [255], [256], [-1], [2 ** 31], [-(2 ** 31)], [0.1], [Number.NaN], [Infinity], [2 ** 53],
  [''], ['a'], ['ÿ'], ['Ā'], ['\ud800'], ['x'.repeat(64)], ['x'.repeat(65)], ['ü'.repeat(4_000)],
  [undefined], [null], [true], [false], [[]], [[1, [2, { three: 'three' }]]], [{ a: undefined }], [new Uint8Array([1, 2, 3])]
])('%j is written, and arrives equal', (value) => {
  expect(sent(value)).toStrictEqual(value)
})

describe('another way goes', () => {
  const twice = {}
  const bytes = new Uint8Array(4)
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  test.each([
    ['what is there twice', [twice, twice]],
    ['what holds itself', circle],
    ['two views of the same bytes', [bytes, bytes.subarray(1)]],
    ['a list with a hole', [1, , 2]], // eslint-disable-line no-sparse-arrays
    ['a list with a hole and a field', Object.assign([1, , 3], { own: 2 })], // eslint-disable-line no-sparse-arrays
    ['an object with nothing', {}],
    ['a map with the prototype of an object', Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype)],
    ['a list with a field', Object.assign([1], { own: 2 })],
    ['a class', new (class Own { x = 1 })()],
    ['no prototype', Object.create(null)],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['an error', new Error('no')],
    ['a proxy', new Proxy({}, {})],
    ['arguments', argumentsOf()],
    ['a field named __proto__', JSON.parse('{"__proto__": {"x": 1}}')],
    ['shared memory', new Uint8Array(new SharedArrayBuffer(4))],
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['much', 'x'.repeat(4_097)],
    ['many bytes', new Uint8Array(4_097)],
    ['what has the prototype of something else', Object.create(Uint8Array.prototype)],
    ['a list with the prototype of an object', Object.setPrototypeOf([1], Object.prototype)],
    ['an object with that of a list', Object.create(Array.prototype)],
    ['a date with that of an object', Object.setPrototypeOf(new Date(0), Object.prototype)],
    ['an error with that of an object', Object.setPrototypeOf(new Error('no'), Object.prototype)],
    ['a proxy whose traps throw', new Proxy({}, { getPrototypeOf() { throw new Error('trapped') } })],
    ['many objects', Array.from({ length: 16 }, () => ({}))],
    ['what is deep', JSON.parse('['.repeat(40) + ']'.repeat(40))]
  ])('%s', (_, value) => {
    expect(sent(value)).toBe(refused)
  })
})

test('nothing is written beyond the end', () => {
  fc.assert(fc.property(small, fc.nat({ max: 60 }), (value, room) => {
    new Uint8Array(memory).fill(0xee, 0, 200)
    writer.write(value, 8, 8 + room)
    expect(new Uint8Array(memory).subarray(8 + room, 200).every((byte) => byte === 0xee)).toBe(true)
  }), { numRuns: 1_000 })
})
