import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedMessageError } from '../../src/kernel/errors.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { openEnvelope, sealEnvelope } from '../../src/wire/envelope.ts'
import { findUncloneable } from '../../src/wire/uncloneable.ts'
import { same } from '../support/same.ts'
import { sendable } from '../support/values.ts'

test.each([
  ['a Date', new Date(5)],
  ['a Map with keys that are no text', new Map<unknown, unknown>([[1, { a: 1 }], [{ k: 1 }, 2]])],
  ['a Map beside an object', { map: new Map([['a', 1]]), object: { a: 1 } }],
  ['a Set', new Set([1, 'a'])],
  ['a small BigInt', 5n],
  ['a large BigInt', 2n ** 90n],
  ['undefined in an object', { a: undefined }],
  ['typed arrays', [new Float64Array([1.5, Number.NaN]), new Int32Array([7]), new Uint8Array([1])]],
  ['NaN and infinity', [Number.NaN, Infinity, -Infinity]],
  ['an empty object', {}]
])('%s arrives equal', (_, value) => {
  expect(decode(encode(value))).toEqual(value)
})

test('a cycle arrives as a cycle', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  const arrived = decode(encode(cycle)) as { self: unknown }
  expect(arrived.self).toBe(arrived)
})

test('whatever can be sent arrives the same, and each message is readable alone and owns its bytes', () => {
  fc.assert(fc.property(sendable, sendable, (first, second) => {
    encode(first)
    const bytes = encode(second)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
    expect(same(second, decode(bytes))).toBe(true)
  }), { numRuns: 500 })
})

test('a walk for a culprit finds none in what can be sent', () => {
  fc.assert(fc.property(sendable, (value) => {
    expect(findUncloneable(value, 'value')).toBeUndefined()
  }))
})

test('a message that is written while another is: both are whole', () => {
  const inner: Uint8Array[] = []
  const outer = encode([1, { get late() { return inner.push(encode('inner')) } }, 'end'])
  expect(decode(outer)).toEqual([1, { late: 1 }, 'end'])
  expect(decode(inner[0]!)).toBe('inner')
})

test('arrays that begin with holes at every level are written once', () => {
  let value: unknown = 1
  for (let level = 0; level < 900; level++) value = Object.assign([], { 1: value, length: 3 })
  expect(same(decode(encode(value)), value)).toBe(true)
})

test('whole numbers of eight bytes, as others write them, are numbers where a double holds them', () => {
  expect(decode(new Uint8Array([0xcf, 0, 0, 1, 0, 0, 0, 0, 0]))).toBe(2 ** 40)
  expect(decode(new Uint8Array([0xd3, 255, 255, 255, 255, 255, 255, 255, 255]))).toBe(-1)
  expect(decode(new Uint8Array([0xcf, 255, 255, 255, 255, 255, 255, 255, 255]))).toBe(2n ** 64n - 1n)
})

function refusedOrRead(bytes: Uint8Array): void {
  for (const read of [decode, openEnvelope]) {
    try {
      read(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError)
    }
  }
}

test('bytes that are no message are refused, never evaluated, and never crash', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), refusedOrRead), { numRuns: 2_000 })
})

test('nor do messages that were damaged', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0xc7, 0xc9, 0xd6, 0xdc, 0xdd, 0xdf)), fc.constantFrom('set', 'insert', 'remove', 'cut')), { minLength: 1, maxLength: 6 })
  const before = Reflect.ownKeys(Object.prototype)
  fc.assert(fc.property(sendable, damage, (value, changes) => {
    let bytes = Array.from(encode(value).subarray(0, 4_000))
    for (const [where, byte, what] of changes) {
      const at = where % (bytes.length + 1)
      if (what === 'cut') bytes = bytes.slice(0, at)
      else bytes.splice(at, what === 'insert' ? 0 : 1, ...(what === 'remove' ? [] : [byte]))
    }
    refusedOrRead(new Uint8Array(bytes))
  }), { numRuns: 1_000 })
  expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
})

const long = [0xff, 0xff, 0xff, 0xff] as const

test.each([
  ['an array', [0xdd, ...long, 1]],
  ['an object', [0xdf, ...long, 0xa1, 97, 1]],
  ['text', [0xdb, ...long, 97]],
  ['bytes', [0xc6, ...long, 1]],
  ['an extension', [0xc9, ...long, 9, 1]],
  ['a Map in arrays', Array.from({ length: 20_000 }, () => [0xdc, 0xff, 0xff]).flat()],
  ['text that is missing', []],
  ['two values', [1, 2]],
  ['a reference to nothing', [0xd6, 1, 0, 0, 0, 9]],
  ['an array with a field that is an element', [0xc7, 4, 8, 1, 0xa1, 48, 1]],
  ['an array with a field that is its length', [0xc7, 9, 8, 1, 0xa6, ...Buffer.from('length'), 5]],
  ['an array of more than there can be', [0xc7, 10, 8, 0xcb, 0x41, 0xf0, 0, 0, 0, 0, 0, 0, 1]]
])('%s of a length that is not there is refused at once', (_, bytes) => {
  expect(() => decode(new Uint8Array(bytes))).toThrow(MalformedMessageError)
})

test('a small message sets no large memory aside', () => {
  for (const length of [20_000_000, 2 ** 32 - 2]) {
    const bytes = encode(Object.assign([], { length }))
    expect(bytes.length).toBeLessThan(20)
    const before = process.memoryUsage().heapUsed
    const array = decode(bytes) as unknown[]
    expect(array.length).toBe(length)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 25)
  }
})

test('nesting ends somewhere, for whoever reads and whoever writes', () => {
  expect(() => decode(new Uint8Array(100_000).fill(0x91))).toThrow(MalformedMessageError)
  let deep: unknown = 1
  for (let level = 0; level < 100_000; level++) deep = [deep]
  expect(() => encode(deep, 'The arguments', 'args')).toThrow('nested more than 1000 levels deep')
})

test('an error is never made an instance of what its name names', () => {
  for (const name of ['Function', 'Worker', '__proto__', 'constructor', 'URL']) {
    const error = Object.defineProperty(new Error('x'), 'name', { value: name })
    const arrived = decode(encode(error)) as Error
    expect(Object.getPrototypeOf(arrived)).toBe(Error.prototype)
    expect(arrived.name).toBe(name)
  }
})

test('an envelope keeps its header and its arguments apart', () => {
  const args = encode([1, 'two'])
  const { header, args: opened } = openEnvelope(sealEnvelope({ timeout: 500 }, args))
  expect(header).toEqual({ timeout: 500 })
  expect(decode(opened)).toEqual([1, 'two'])
  expect(openEnvelope(sealEnvelope({}, args)).header).toEqual({})
  expect(openEnvelope(sealEnvelope({ version: 2 }, args)).header).toEqual({ version: 2 })
})

test.each([0, 1.5, '2', null])('an envelope whose task has the version %s is refused', (version) => {
  expect(() => openEnvelope(sealEnvelope({ version: version as number }, encode([])))).toThrow(MalformedMessageError)
})

test('an envelope of a newer version is refused', () => {
  const bytes = sealEnvelope({}, encode([]))
  bytes[0] = 2
  expect(() => openEnvelope(bytes)).toThrow(MalformedMessageError)
})
