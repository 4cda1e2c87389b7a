import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../src/kernel/histogram.ts'

test('a quantile is never below the true one, nor more than a sixteenth above it', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 1e-5, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
    const histogram = new Histogram()
    for (const value of values) histogram.record(value)
    const sorted = values.toSorted((a, b) => a - b)
    const { count, mean, p50, p90, p99, max } = histogram.distribution
    expect(count).toBe(values.length)
    expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 5)
    expect(max).toBe(sorted.at(-1))
    for (const [share, told] of [[0.5, p50], [0.9, p90], [0.99, p99]] as const) {
      const exact = sorted[Math.ceil(share * values.length) - 1]!
      expect(told).toBeGreaterThanOrEqual(exact)
      expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 16))
    }
  }))
})

test('nothing is nothing; what is below and above all classes is counted too', () => {
  expect(new Histogram().distribution).toEqual({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 })
  const histogram = new Histogram()
  for (const value of [0, 1e-9, 1e12]) histogram.record(value)
  expect(histogram.distribution).toMatchObject({ count: 3, max: 1e12 })
})
