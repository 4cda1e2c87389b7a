import fc from 'fast-check'
import { expect, test } from 'vitest'
import { after, left, never } from '../../src/kernel/deadline.ts'

const moment = fc.integer({ min: 0, max: 2 ** 40 })

test('a nested deadline is never later than the one around it', () => {
  fc.assert(fc.property(moment, moment, moment, (now, inner, outer) => {
    const around = after(now, outer)
    expect(after(now, inner, around).at).toBeLessThanOrEqual(around.at)
  }))
})

test('no deadline leaves all the time there is', () => {
  expect(left(never, 5)).toBe(Infinity)
})

test('a passed deadline leaves nothing, not less', () => {
  expect(left({ at: 10 }, 25)).toBe(0)
})

test('a negative duration is refused with its value', () => {
  expect(() => after(0, -1)).toThrow('got -1')
})
