import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UncloneableError } from '../../src/kernel/errors.ts'
import { BatchWriter, partOf, piece, sizeOf, valuesOf } from '../../src/wire/value-batch.ts'
import { same } from '../support/same.ts'
import { sendable } from '../support/values.ts'

function written(values: readonly unknown[]): BatchWriter {
  const writer = new BatchWriter(values.length, (index) => [`Value ${index}`, `values[${index}]`])
  for (const value of values) writer.add(value)
  return writer
}

const someNumbers = fc.array(fc.double(), { maxLength: 20 })
const lists = fc.oneof(someNumbers, fc.array(fc.oneof(fc.string(), fc.double(), fc.constant(undefined), fc.bigInt())), fc.tuple(someNumbers, fc.array(sendable)).map(([first, then]) => [...first, ...then]))

test('values are read as they were written, all of them or a part', () => {
  fc.assert(fc.property(lists, fc.nat(30), fc.nat(30), (values, a, b) => {
    const { batch, count } = written(values)
    expect([count, sizeOf(batch)]).toEqual([values.length, values.length])
    expect(values.filter((value, at) => !same(value, valuesOf(batch)[at]))).toEqual([])
    // As it is after a way as a clone.
    const [from, to] = [Math.min(a, b, count), Math.min(Math.max(a, b), count)]
    const part = valuesOf(structuredClone(partOf(batch, from, to)))
    expect(part.length).toBe(to - from)
    expect(values.slice(from, to).filter((value, at) => !same(value, part[at]))).toEqual([])
  }))
})

test('numbers are an array of such, and primitives a list', () => {
  expect(written([1, -0, NaN]).batch).toEqual(Float64Array.of(1, -0, NaN))
  expect(written([1, 'a', 2n, null]).batch).toEqual([1, 'a', 2n, null])
})

test('what is added is written at once, and shares nothing', () => {
  const value = { n: 1, part: { n: 1 } }
  const writer = new BatchWriter(3, () => ['', ''])
  writer.add(value)
  value.n = value.part.n = 2
  writer.add(value)
  writer.add({ part: value.part })
  const values = valuesOf(writer.batch) as (typeof value)[]
  expect(values).toEqual([{ n: 1, part: { n: 1 } }, { n: 2, part: { n: 2 } }, { part: { n: 2 } }])
  expect(values[1]!.part).not.toBe(values[2]!.part)
})

test('what cannot be written is refused by its name, and the batch is as before', () => {
  for (const bad of [() => {}, Symbol('s'), { a: [new SharedArrayBuffer(1)] }]) {
    for (const before of [[], [1], ['a'], [{ n: 1 }]]) {
      const writer = written([...before, ...before])
      expect(() => writer.add(bad)).toThrow(UncloneableError)
      expect(() => writer.add(bad)).toThrow(`values[${2 * before.length}]`)
      writer.add(7)
      expect(Array.from(valuesOf(writer.batch))).toEqual([...before, ...before, 7])
    }
  }
})

test('it is full before it holds much', () => {
  const text = written(['x'.repeat(2 ** 19)])
  const bytes = written([new Uint8Array(2 ** 21), 1])
  expect([text.full, bytes.full, written([1, 'a', {}]).full]).toEqual([true, true, false])
  expect(valuesOf(bytes.batch)[0]).toEqual(new Uint8Array(2 ** 21))
})

test('a piece of a typed array is a copy, save where memory is shared and may be', () => {
  const own = Int16Array.of(1, 2, 3, 4).subarray(1)
  expect(piece(own, 1, 3, true)).toEqual(Int16Array.of(3, 4))
  expect(piece(own, 1, 3, true).buffer.byteLength).toBe(4)
  const shared = new Float64Array(new SharedArrayBuffer(32)).subarray(1)
  expect(piece(shared, 1, 3, true).buffer).toBe(shared.buffer)
  expect(piece(shared, 1, 3, true).byteOffset).toBe(16)
  expect(piece(shared, 1, 3, false).buffer).toBeInstanceOf(ArrayBuffer)
  expect(piece(Buffer.from('abc'), 0, 2, true)).toEqual(Uint8Array.of(97, 98))
})
