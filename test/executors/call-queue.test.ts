import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallQueue } from '../../src/executors/calls/call-queue.ts'

interface One { readonly priority: number, readonly bytes: number, readonly id: number, settled: boolean }

test('whatever is pushed, taken and put back, the highest priority comes first, and within one the oldest', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: -2, max: 2 }) }) },
    { weight: 3, arbitrary: fc.constant('shift' as const) },
    { weight: 2, arbitrary: fc.record({ settle: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ takeAndPutBack: fc.integer({ min: 1, max: 5 }) }) }
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const queue = new CallQueue<One>()
    let model: One[] = []
    let id = 0
    const first = (): One | undefined => model.toSorted((a, b) => b.priority - a.priority || a.id - b.id)[0]
    for (const each of steps) {
      if (each === 'shift') {
        const wanted = first()
        expect(queue.peek()).toBe(wanted)
        expect(queue.shift()).toBe(wanted)
        model = model.filter((one) => one !== wanted)
      } else if ('push' in each) {
        const one = { priority: each.push, bytes: id % 7, id: id++, settled: false }
        queue.push(one)
        model.push(one)
      } else if ('settle' in each) {
        const one = model[each.settle % Math.max(1, model.length)]
        if (one) {
          one.settled = true
          queue.forget(one)
          model = model.filter((other) => other !== one)
        }
      } else {
        const taken = Array.from({ length: each.takeAndPutBack }, () => queue.shift()).filter((one) => one !== undefined)
        queue.putBack(taken)
      }
      expect(queue.size).toBe(model.length)
      expect(queue.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0))
    }
    expect(queue.drain()).toEqual(model.toSorted((a, b) => b.priority - a.priority || a.id - b.id))
    expect([queue.size, queue.bytes, queue.peek()]).toEqual([0, 0, undefined])
  }))
})
