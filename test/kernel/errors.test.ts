import { expect, test } from 'vitest'
import * as errors from '../../src/kernel/errors.ts'

const classes = Object.values(errors) as (typeof errors.TreadleError)[]

test('every class has a code of its own and keeps its name', () => {
  const codes = classes.map((Class) => new (Class as unknown as new (...args: unknown[]) => errors.TreadleError)('what', ['how'], 'more', 1).code)
  expect(new Set(codes).size).toBe(codes.length)
  for (const code of codes) expect(code).toMatch(/^[A-Z][A-Z_]+$/)
  for (const [name, Class] of Object.entries(errors)) expect(Class.className).toBe(name)
})

test('instanceof tells the classes apart, and works for another install of the same class', () => {
  const error = new errors.ClosedError('The client')
  expect(error).toBeInstanceOf(errors.TreadleError)
  expect(error).toBeInstanceOf(errors.ClosedError)
  expect(error).not.toBeInstanceOf(errors.UnknownJobError)
  expect(new Error('plain')).not.toBeInstanceOf(errors.TreadleError)
  const twin = Object.assign(Object.defineProperty(new Error('x'), Symbol.for('treadle.error'), { value: true }), { name: 'ClosedError' })
  expect(twin).toBeInstanceOf(errors.ClosedError)
  expect(twin).not.toBeInstanceOf(errors.UnknownJobError)
})

test('a sentence says what happened and what to do', () => {
  expect(new errors.DuplicateTaskError('a', 'x.ts', 'y.ts').message).toBe("Two tasks are named 'a': one in x.ts, one in y.ts. Give one of them another name.")
})
