import fc from 'fast-check'
import { expect, test } from 'vitest'
import { idMaker } from '../../src/kernel/id.ts'

test('ids of one maker strictly rise, whatever the clock does', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.double({ min: 0, max: 3, noNaN: true })), { minLength: 2 }), (times) => {
    let now = 0
    const nextId = idMaker({ now: () => now })
    const ids = times.map((time) => {
      now = time
      return nextId()
    })
    for (let i = 1; i < ids.length; i++) expect(ids[i]! > ids[i - 1]!).toBe(true)
  }))
})

test('ids of different makers sort by time and do not collide', () => {
  const early = idMaker({ now: () => 1_000 })
  const late = idMaker({ now: () => 1_001 })
  const others = Array.from({ length: 1_000 }, () => idMaker({ now: () => 1_000 })())
  expect(new Set(others).size).toBe(1_000)
  for (const id of others) expect(id < late()).toBe(true)
  expect(early()).toMatch(/^[0-9A-Z]{24}$/)
})

test('more ids in a millisecond than the counter holds still rise', () => {
  const nextId = idMaker({ now: () => 5 })
  let last = nextId()
  for (let i = 0; i < 32 ** 4 + 10; i++) {
    const id = nextId()
    if (id <= last) throw new Error(`${id} after ${last}`)
    last = id
  }
})
