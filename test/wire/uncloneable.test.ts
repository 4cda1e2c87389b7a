import { describe, expect, test } from 'vitest'
import { toPortable } from '../../src/wire/portable-error.ts'
import { encode } from '../../src/wire/codec.ts'
import { cloneFailure } from '../../src/wire/sendable.ts'
import { cloneableError, cloning, findUncloneable } from '../../src/wire/uncloneable.ts'

describe('findUncloneable', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['a function', () => {}, 'args'],
    ['a symbol in an array', [1, Symbol('s')], 'args[1]'],
    ['a promise in an object', [{ result: Promise.resolve() }], 'args[0].result'],
    ['a key that is no identifier', [{ 'on-done': () => {} }], 'args[0]["on-done"]'],
    ['a WeakMap', { cache: new WeakMap() }, 'args.cache'],
    ['a WeakRef', { target: new WeakRef({}) }, 'args.target'],
    ['a value of a Map', { byName: new Map([['ada', { greet() {} }]]) }, "args.byName('ada').greet"],
    ['an item of a Set', new Set([1, () => {}]), 'args(1)'],
    ['the cause of an error', new Error('x', { cause: { retry() {} } }), 'args.cause.retry'],
    ['a generator', [(function* () { yield 1 })()], 'args[0]'],
    ['a proxy', { proxy: new Proxy({}, {}) }, 'args.proxy'],
    ['the first of several', [{ a: 1, b: () => {} }, () => {}], 'args[0].b']
  ]

  test.each(cases)('finds %s', (_, value, path) => {
    expect(findUncloneable(value, 'args')?.path).toBe(path)
    expect(() => structuredClone(value)).toThrow('could not be cloned')
  })

  test('finds nothing in what can be cloned', () => {
    const cyclic: Record<string, unknown> = { list: [1, 'a', null, undefined, 1n], map: new Map([[{}, new Set()]]) }
    cyclic['self'] = cyclic
    const value = [cyclic, new Date(), /x/, new Error('e', { cause: 'c' }), new Uint8Array(3), new ArrayBuffer(1), new SharedArrayBuffer(1)]
    expect(findUncloneable(value, 'args', cloning)).toBeUndefined()
    expect(findUncloneable(value, 'args')?.path).toBe('args[6]')
  })

  test('a structure as deep as one likes does not exhaust the stack', () => {
    let value: unknown = Symbol('deep inside')
    for (let depth = 0; depth < 50_000; depth++) value = [value]
    expect(findUncloneable(value, 'x')).toBeDefined()
  })
})

test('encode says what, where, and what to send instead', () => {
  expect(() => encode([{ callback() {} }], "The arguments of 'area'", 'args'))
    .toThrow("The arguments of 'area' cannot be sent: args[0].callback is [Function: callback].")
})

test('a getter that throws is why a value cannot be sent', () => {
  const value = { get broken(): number { throw new Error('no') } }
  expect(() => encode(value, 'The result', 'result')).toThrow('The result cannot be sent: result.broken is a getter that throws')
  expect(cloneFailure(value, 'The result', 'result', cloning)?.message).toContain('The result cannot be sent: result.broken is')
  expect(cloneFailure({ fine: 1 }, 'The result', 'result', cloning)).toBeUndefined()
})

test('of an error, only what cannot be cloned is replaced by its text', () => {
  const inner = Object.assign(new Error('inner', { cause: () => {} }), { order: 7 })
  const error = Object.assign(new Error('outer', { cause: inner }), { handler() {}, count: 3 })
  const portable = cloneableError(toPortable(error))
  expect(structuredClone(portable)).toMatchObject({
    message: 'outer',
    fields: { handler: '[Function: handler]', count: 3 },
    cause: { $error: { message: 'inner', cause: expect.stringContaining('Function') as string, fields: { order: 7 } } }
  })
})
