import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedMessageError } from '../../src/kernel/errors.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { openEnvelope, sealEnvelope } from '../../src/wire/envelope.ts'

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

test('JSON values arrive equal, and each message is readable alone and owns its bytes', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (first, second) => {
    encode(first)
    const bytes = encode(second)
    expect(bytes.buffer.byteLength).toBe(bytes.length)
    // Negative zero and the key __proto__ are not told apart yet.
    fc.pre(!JSON.stringify(second).includes('__proto__'))
    expect(JSON.stringify(decode(bytes))).toBe(JSON.stringify(second))
  }))
})

test('bytes that are no message are refused, never evaluated, and never crash', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decode(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError)
    }
    try {
      openEnvelope(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedMessageError)
    }
  }), { numRuns: 2_000 })
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
