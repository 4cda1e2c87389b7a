import { describe, expect, test } from 'vitest'
import { fromPortable, toPortable } from '../../src/wire/portable-error.ts'

class OrderError extends TypeError {
  readonly code = 'E_ORDER'
  readonly order = { id: 7 }
}

function roundTrip(error: unknown): Error & Record<string, unknown> {
  return fromPortable(structuredClone(toPortable(error))) as Error & Record<string, unknown>
}

describe('an error as plain data', () => {
  test('keeps class name, message, stack, code and own fields', () => {
    const error = new OrderError('incomplete')
    const again = roundTrip(error)
    expect(again).toMatchObject({ name: 'OrderError', message: 'incomplete', stack: error.stack, code: 'E_ORDER', order: { id: 7 } })
    expect(again).toBeInstanceOf(Error)
  })

  test('is an instance of the built-in class that it was', () => {
    expect(roundTrip(new RangeError('far'))).toBeInstanceOf(RangeError)
    expect(roundTrip(new AggregateError([new TypeError('one'), 'two'], 'both'))).toBeInstanceOf(AggregateError)
  })

  test('never becomes an instance of a class that it only names', () => {
    for (const name of ['Function', 'Worker', '__proto__', 'constructor', 'toString']) {
      const error = fromPortable({ name, message: 'x' })
      expect(Object.getPrototypeOf(error)).toBe(Error.prototype)
      expect(error.name).toBe(name)
    }
  })

  test('keeps causes and gathered errors, as errors', () => {
    const again = roundTrip(new Error('outer', { cause: new TypeError('middle', { cause: 'root' }) }))
    expect(again.cause).toBeInstanceOf(TypeError)
    expect((again.cause as Error).cause).toBe('root')
    const [first, second] = (roundTrip(new AggregateError([new TypeError('one'), 'two'])) as unknown as AggregateError).errors as unknown[]
    expect(first).toBeInstanceOf(TypeError)
    expect(second).toBe('two')
  })

  test('ends a cycle of causes', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect(() => roundTrip(error)).not.toThrow()
  })

  test('a field named __proto__ stays a field', () => {
    const error = new Error('x')
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
    const again = fromPortable(toPortable(error))
    expect(Object.getPrototypeOf(again)).toBe(Error.prototype)
    expect('polluted' in {}).toBe(false)
  })

  test.each([['a string', 'oops'], ['undefined', undefined], ['an object', { code: 1 }], ['null', null]])('%s that is thrown becomes an error with it as the cause', (_, value) => {
    const again = roundTrip(value)
    expect(again.name).toBe('ThrownValueError')
    expect(again.cause).toEqual(value)
  })

  test('data that looks like an error on its way arrives as the data that it is', () => {
    for (const data of [{ $error: { name: 'N', message: 'm' } }, { $error: { name: 'N', message: 'm', errors: 5 } }, { $data: 1 }, { $data: { $error: 1 } }]) {
      const again = roundTrip(Object.assign(new Error('x', { cause: data }), { body: data }))
      expect([again.cause, again.body]).toEqual([data, data])
    }
  })

  test('never throws, and what cannot be read is left out', () => {
    class HttpError extends Error {
      response: { status: string } | undefined
      get code(): string { return this.response!.status }
    }
    expect(toPortable(new HttpError('no answer'))).toMatchObject({ name: 'HttpError', message: 'no answer' })
    expect(toPortable(Object.assign(new Error('many'), { errors: Object.assign([], { length: 4e9 }) })).errors).toHaveLength(1_001)
  })
})
