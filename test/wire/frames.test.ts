import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader, FrameWriter } from '../../src/wire/frames.ts'

const value = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(undefined), fc.date({ noInvalidDate: true }), fc.uint8Array({ maxLength: 200 }), fc.string({ minLength: 5_000, maxLength: 6_000 }), fc.array(fc.record({ a: fc.integer() })))
const message = fc.array(value, { maxLength: 5 })

test('what is written arrives in order, however the bytes are cut', () => {
  fc.assert(fc.property(fc.array(fc.tuple(message, fc.boolean()), { maxLength: 30 }), fc.array(fc.integer({ min: 1, max: 3_000 })), (messages, cuts) => {
    const sent: Buffer[] = []
    const writer = new FrameWriter((bytes) => sent.push(bytes))
    for (const [each, flushes] of messages) {
      writer.post(each)
      if (flushes) writer.flush()
    }
    writer.flush()
    const bytes = Buffer.concat(sent)
    const reader = new FrameReader<unknown[]>()
    const read: unknown[][] = []
    let at = 0
    for (const length of [...cuts, Math.max(1, bytes.length)]) {
      const piece = bytes.subarray(at, at += length)
      if (piece.length > 0) read.push(...reader.push(piece))
    }
    expect(read).toEqual(messages.map(([each]) => each))
  }), { numRuns: 60 })
})

test('what a getter of a message says while that is written comes after it, whole', () => {
  const sent: Buffer[] = []
  const writer = new FrameWriter((bytes) => sent.push(bytes))
  let said = 0
  writer.post([{ get loud() { writer.post([`within ${++said}`]); writer.flush(); return 'read' } }])
  writer.post(['after'])
  writer.flush()
  const read = new FrameReader<unknown[]>().push(Buffer.concat(sent))
  expect(read.flat()).toEqual([{ loud: 'read' }, 'within 1', 'after'])
})
