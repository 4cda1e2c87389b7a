import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keptError } from '../../src/jobs/kept-error.ts'
import { encode } from '../../src/wire/codec.ts'
import { fromPortable, toPortable } from '../../src/wire/portable-error.ts'

const large = 'x'.repeat(5_000_000)

test('an error of the usual size is kept whole', () => {
  const error = toPortable(Object.assign(new TypeError('no', { cause: new AggregateError([new Error('one'), 'two']) }), { code: 'E_NO', order: { id: 7, lines: [1, 2] } }))
  expect(keptError(error)).toEqual(error)
})

test('what is large in an error is cut, and says so', () => {
  const cause = new Error(large)
  const kept = fromPortable(keptError(toPortable(Object.assign(new RangeError(large, { cause }), { code: large, body: new Uint8Array(5_000_000), response: { body: large }, status: 500 }))))
  expect(kept).toBeInstanceOf(RangeError)
  expect(kept.message).toMatch(/^x{10000}… \[5000000 characters, cut\]$/)
  expect(kept).toMatchObject({ code: expect.stringMatching(/^x{200}… /), body: expect.stringMatching(/^\[5000\d\d\d bytes, not kept\]$/), response: expect.stringMatching(/not kept\]$/), status: 500 })
  expect(kept.cause).toBeInstanceOf(Error)
})

test('of many gathered errors, fields and causes those are kept that find room', () => {
  const many = keptError(toPortable(new AggregateError(Array.from({ length: 10_000 }, (_, at) => new Error(`number ${at}`)))))
  expect(many.errors![0]).toMatchObject({ $error: { message: 'number 0' } })
  expect(many.errors!.at(-1)).toMatch(/^\[\d+ more, not kept\]$/)
  const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`field${at}`, at]))
  expect(keptError(toPortable(Object.assign(new Error('no'), fields))).fields).toMatchObject({ field0: 0, '…': expect.stringMatching(/more, not kept/) })
})

test('what is small in causes is kept, whatever finds no room', () => {
  const fields = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`field${at}`, 'x'.repeat(5_000)]))
  const cause = Object.assign(new TypeError('the real reason', { cause: new RangeError('the very first') }), { code: 'E_REAL' })
  const kept = fromPortable(keptError(toPortable(Object.assign(new Error('no', { cause }), fields))))
  expect(kept.cause).toMatchObject({ name: 'TypeError', message: 'the real reason', code: 'E_REAL', cause: { name: 'RangeError', message: 'the very first' } })
})

test('what was cut is not cut again', () => {
  const once = keptError(toPortable(Object.assign(new RangeError(large, { cause: new Error(large) }), { code: large, body: large })))
  expect(keptError(once)).toEqual(once)
})

const cycle: Record<string, unknown> = {}
cycle['$error'] = Object.assign(cycle, { name: 'Cycle', message: 'round', cause: cycle })
const lookAlikes = [
  { $error: null }, { $error: { name: 5, message: 'm' } }, { $error: { name: 'n', message: 'm', stack: 5 } }, { $error: { name: 'n', message: 'm', errors: 5 } },
  { $error: { name: 'n', message: 'm', fields: null } }, { $error: { name: 'n', message: 'm', code: {} } }, { $error: { name: 'Looks', message: 'like one' } }, cycle
]

test.each(lookAlikes.map((value) => [value]))('a field that looks like an error within an error does no harm: %o', (value) => {
  const kept = keptError(toPortable(Object.assign(new Error('x', { cause: value }), { detail: value })))
  expect(fromPortable(kept)).toMatchObject({ message: 'x' })
})

test.each([['of nothing', new Error('')], ['of what finds no room', new Uint8Array(100_000)]])('a list %s ends as well', (_, item) => {
  const kept = keptError(toPortable(new AggregateError(Array.from({ length: 100_000 }, () => item))))
  expect(encode(kept).length).toBeLessThan(100_000)
})

test('whatever is thrown, what is kept is an error of bounded size', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom(large.slice(0, 100_000), '💥'.repeat(20_000)))
  const thrown = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, text, fc.anything(), fc.constantFrom(...lookAlikes), tie('error'), fc.array(tie('error'), { maxLength: 10 })),
    error: fc.record({ name: text, message: fc.oneof(text, fc.anything()), stack: fc.oneof(text, fc.constant(undefined)), code: fc.oneof(text, fc.integer()), cause: tie('value'), errors: tie('value'), field: tie('value') })
      .map(({ name, message, stack, code, cause, errors, field }) => Object.assign(new Error(name), { name, message, stack, code, cause, errors, field }))
  })).error
  fc.assert(fc.property(thrown, (error) => {
    const kept = keptError(toPortable(error))
    expect(fromPortable(kept)).toBeInstanceOf(Error)
    // At three bytes a character, with what says that something was cut.
    expect(encode(kept).length).toBeLessThan(150_000)
  }), { numRuns: 50 })
})
