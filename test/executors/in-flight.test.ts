import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { InFlight } from '../../src/executors/calls/in-flight.ts'

test('is a map by number, in the order of the numbers', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 3, arbitrary: fc.record({ remove: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ removeFirst: fc.integer({ min: 1, max: 30 }) }) },
    // Numbers that were refused are left out; thousands of them are more than the ring has places.
    { weight: 1, arbitrary: fc.record({ skip: fc.integer({ min: 1, max: 3_000 }) }) }
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const inFlight = new InFlight<{ readonly seq: number }>()
    const model = new Map<number, { readonly seq: number }>()
    let seq = 0
    const remove = (number: number): void => {
      inFlight.delete(number)
      model.delete(number)
    }
    for (const each of steps) {
      if ('add' in each) {
        for (let left = each.add; left > 0; left--) {
          const call = { seq: ++seq }
          inFlight.add(call)
          model.set(seq, call)
        }
      } else if ('remove' in each) remove(each.remove % (seq + 2))
      else if ('removeFirst' in each) for (const number of [...model.keys()].slice(0, each.removeFirst)) remove(number)
      else seq += each.skip
      expect(inFlight.size).toBe(model.size)
      expect(inFlight.head).toBe(model.values().next().value)
    }
    expect([...inFlight]).toEqual([...model.values()])
    for (let number = 0; number <= Math.min(seq + 1, 500); number++) expect(inFlight.get(number)).toBe(model.get(number))
  }))
})
