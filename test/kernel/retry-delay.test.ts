import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RetryPolicy, retryDelay } from '../../src/kernel/retry-options.ts'

const policy: fc.Arbitrary<RetryPolicy> = fc.record({
  limit: fc.nat(2_000),
  initial: fc.oneof(fc.constant(0), fc.nat(10_000)),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  max: fc.nat(1_000_000),
  jitter: fc.constantFrom('full' as const, 'none' as const)
})
const attempt = fc.integer({ min: 1, max: 2_000 })
const random = fc.double({ min: 0, max: 1, noNaN: true })

test('there are as many retries as the limit says', () => {
  fc.assert(fc.property(policy, attempt, random, (policy, attempt, random) => {
    expect(retryDelay(policy, attempt, random) === undefined).toBe(attempt > policy.limit)
  }))
})

test('no wait is longer than the longest, or shorter than nothing', () => {
  fc.assert(fc.property(policy, attempt, random, (policy, attempt, random) => {
    const wait = retryDelay(policy, attempt, random) ?? 0
    expect(wait).toBeGreaterThanOrEqual(0)
    expect(wait).toBeLessThanOrEqual(policy.max)
  }))
})

test('with jitter it is never longer than without, and is spread from nothing to that', () => {
  fc.assert(fc.property(policy, attempt, random, (given, attempt, random) => {
    const policy = { ...given, limit: attempt }
    const whole = retryDelay({ ...policy, jitter: 'none' }, attempt, random)!
    const jittered = (at: number): number => retryDelay({ ...policy, jitter: 'full' }, attempt, at)!
    expect(jittered(random)).toBeLessThanOrEqual(whole)
    expect([jittered(0), jittered(1)]).toEqual([0, whole])
  }))
})

test('without jitter each wait is at least as long as the one before', () => {
  fc.assert(fc.property(policy, attempt, (given, attempt) => {
    const policy = { ...given, limit: attempt + 1, jitter: 'none' as const }
    expect(retryDelay(policy, attempt + 1, 0)!).toBeGreaterThanOrEqual(retryDelay(policy, attempt, 0)!)
  }))
})

test('it doubles from the first', () => {
  const policy: RetryPolicy = { limit: 5, initial: 1_000, factor: 2, max: 5_000, jitter: 'none' }
  expect([1, 2, 3, 4, 5, 6].map((attempt) => retryDelay(policy, attempt, 0))).toEqual([1_000, 2_000, 4_000, 5_000, 5_000, undefined])
})
