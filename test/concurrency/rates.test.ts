import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AdaptiveLimiter } from '../../src/concurrency/adaptive-limiter.ts'
import { CapacityLimiter } from '../../src/concurrency/capacity-limiter.ts'
import { RateLimiter } from '../../src/concurrency/rate-limiter.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { InvalidOptionError, WouldBlockError } from '../../src/kernel/errors.ts'
import { onClock } from './support.ts'

describe('a rate limiter', () => {
  test('lets through what its bucket holds, and then so much in a time, in order', async () => {
    await onClock(async (clock) => {
      const limiter = new RateLimiter({ limit: 10, per: '1s', burst: 2 })
      const times: number[] = []
      await taskGroup((group) => {
        for (let at = 0; at < 5; at++) group.start(async () => { await limiter.acquire(); times.push(clock.elapsed()) })
      })
      expect(times).toEqual([0, 0, 100, 200, 300])
    })
  })

  test('who gives up has taken nothing, and holds up nobody', async () => {
    await onClock(async (clock) => {
      const limiter = new RateLimiter({ limit: 10, per: '1s', burst: 10 })
      limiter.acquireNow(10)
      await taskGroup(async (group) => {
        group.start(() => moveOnAfter(50, () => limiter.acquire(10)))
        const small = group.start(async () => { await limiter.acquire(1); return clock.elapsed() })
        expect(await small.result).toBe(100)
      })
      expect(limiter.statistics()).toEqual({ tokens: 0, waiting: 0 })
      expect(() => limiter.acquireNow()).toThrow(WouldBlockError)
      await expect(limiter.acquire(11)).rejects.toThrow(InvalidOptionError)
    })
  })

  test('never lets more through in any time than its burst and its rate, and loses none of it', async () => {
    const asked = fc.array(fc.record({ at: fc.integer({ min: 0, max: 2_000 }), cost: fc.integer({ min: 1, max: 5 }), patience: fc.constantFrom(10, 100, 100_000) }), { maxLength: 40 })
    await fc.assert(fc.asyncProperty(asked, async (all) => {
      await onClock(async (clock) => {
        const limiter = new RateLimiter({ limit: 20, per: '1s', burst: 5 })
        const granted: { readonly at: number, readonly cost: number }[] = []
        await taskGroup((group) => {
          for (const { at, cost, patience } of all) {
            group.start(async () => {
              await sleep(at)
              await moveOnAfter(patience, async () => {
                await limiter.acquire(cost)
                granted.push({ at: clock.elapsed(), cost })
              })
            })
          }
        })
        for (const [first, { at }] of granted.entries()) {
          let sum = 0
          for (const later of granted.slice(first)) {
            sum += later.cost
            expect(sum).toBeLessThanOrEqual(5 + (later.at - at) * 0.02 + 1e-6)
          }
        }
        expect(granted.length).toBeGreaterThanOrEqual(all.filter(({ patience }) => patience === 100_000).length)
      })
    }), { numRuns: 50 })
  })

  test.each([{ limit: 0 }, { limit: Infinity }, { limit: 1, per: 0 }, { limit: 1, burst: -1 }, { limit: 1, brust: 1 }])('refuses %j', (options) => {
    expect(() => new RateLimiter(options)).toThrow(InvalidOptionError)
  })
})

describe('an adaptive limiter', () => {
  /** A server that does so many at the same time, each in 10 ms; the rest waits in it. */
  const throughput = async (server: number, options: ConstructorParameters<typeof AdaptiveLimiter>[0]): Promise<{ limit: number, mean: number }> => onClock(async (clock) => {
    const seats = new CapacityLimiter(server)
    const limiter = new AdaptiveLimiter(options)
    let took = 0
    let ended = 0
    await taskGroup((group) => {
      for (let client = 0; client < 200; client++) {
        group.start(async () => {
          for (let call = 0; call < 40; call++) {
            await limiter.run(async () => {
              const began = clock.elapsed()
              await seats.run(() => sleep(10))
              took += clock.elapsed() - began
              ended++
            })
          }
        })
      }
    })
    return { limit: limiter.limit, mean: took / ended }
  })

  test.each([5, 20, 60])('finds about how many a server of %i seats can do, from below and from above', async (server) => {
    for (const initial of [1, 150]) {
      const { limit } = await throughput(server, { initial })
      expect(limit).toBeGreaterThanOrEqual(server * 0.8)
      expect(limit).toBeLessThanOrEqual(server * 3 + 5)
    }
  })

  test('backs off where calls fail', async () => {
    const limiter = new AdaptiveLimiter({ initial: 50 })
    for (let at = 0; at < 500; at++) await limiter.run(() => { throw new Error('too much') }).catch(() => {})
    expect(limiter.limit).toBeLessThan(25)
    expect(() => new AdaptiveLimiter({ min: 5, max: 2 })).toThrow(InvalidOptionError)
  })
})
