import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { FreshJobs } from '../../src/backends/redis/fresh-jobs.ts'

test('of those that were published, and not heard of since, the latest 5,000 are known, and never one that was heard of', () => {
  const change = fc.oneof({ weight: 8, arbitrary: fc.record({ adds: fc.integer({ min: 1, max: 4_000 }) }) }, fc.record({ deletes: fc.nat(40_000) }), fc.constant('clear' as const))
  fc.assert(fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
    const fresh = new FreshJobs()
    const left = new Set<string>()
    let made = 0
    for (const one of changes) {
      if (one === 'clear') {
        fresh.clear()
        left.clear()
      } else if ('adds' in one) {
        for (let end = made + one.adds; made < end; made++) {
          fresh.add(String(made))
          left.add(String(made))
        }
      } else {
        fresh.delete(String(one.deletes))
        left.delete(String(one.deletes))
      }
    }
    const known = Array.from({ length: made }, (_, at) => String(at)).filter((job) => fresh.has(job))
    expect(known.every((job) => left.has(job))).toBe(true)
    expect(known.length).toBeLessThanOrEqual(10_000)
    const latest = [...left].slice(-5_000)
    expect(latest.every((job) => fresh.has(job))).toBe(true)
  }), { numRuns: 50 })
})
