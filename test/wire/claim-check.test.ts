import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MalformedMessageError } from '../../src/kernel/errors.ts'
import { checkClaim, isReference, referenceTo } from '../../src/wire/claim-check.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { sendable } from '../support/values.ts'

const some = fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes))

test('a reference is to these bytes and to no others', async () => {
  await fc.assert(fc.asyncProperty(some, some, async (bytes, others) => {
    const reference = await referenceTo(bytes)
    expect(await checkClaim(reference, bytes)).toBe(true)
    expect(await checkClaim(reference, others)).toBe(Buffer.compare(bytes, others) === 0)
  }))
})

test('a reference of any other form is to nothing', async () => {
  const bytes = new Uint8Array([1, 2, 3])
  const reference = await referenceTo(bytes)
  await fc.assert(fc.asyncProperty(fc.nat(reference.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
    const changed = reference.slice()
    changed[at]! ^= change
    expect(await checkClaim(changed, bytes)).toBe(false)
    expect(await checkClaim(reference.subarray(0, at), bytes)).toBe(false)
  }))
  expect(await checkClaim(new Uint8Array([...reference, 0]), bytes)).toBe(false)
})

test('no value looks like a reference, and no reference like a value', async () => {
  fc.assert(fc.property(sendable, (value) => !isReference(encode(value))))
  expect(isReference(new Uint8Array())).toBe(false)
  const reference = await referenceTo(encode('value'))
  expect(isReference(reference)).toBe(true)
  expect(() => decode(reference)).toThrow(MalformedMessageError)
})
