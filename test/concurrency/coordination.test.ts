import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CancelScope, currentScope } from '../../src/concurrency/cancel-scope.ts'
import { CapacityLimiter } from '../../src/concurrency/capacity-limiter.ts'
import { Condition } from '../../src/concurrency/condition.ts'
import { Barrier, Event } from '../../src/concurrency/event.ts'
import { Queue } from '../../src/concurrency/queue.ts'
import { RateLimiter } from '../../src/concurrency/rate-limiter.ts'
import { retry } from '../../src/concurrency/retry.ts'
import { Lock, Semaphore } from '../../src/concurrency/semaphore.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter, shield } from '../../src/concurrency/timeouts.ts'
import { BorrowerError, DeadlineExceededError, InvalidOptionError, WouldBlockError } from '../../src/kernel/errors.ts'
import { onClock } from './support.ts'

describe.each([
  ['Semaphore', (value: number) => new Semaphore(value)],
  ['CapacityLimiter', (value: number) => new CapacityLimiter(value)]
])('%s', (_, make) => {
  test('lets so many through at once, the others first come first served', async () => {
    await onClock(async (clock) => {
      const limiter = make(2)
      const began: [number, number][] = []
      await taskGroup((group) => {
        for (let at = 0; at < 5; at++) group.start(() => limiter.run(async () => { began.push([at, clock.elapsed()]); await sleep(10) }))
      })
      expect(began).toEqual([[0, 0], [1, 0], [2, 10], [3, 10], [4, 20]])
    })
  })

  test('gives a place back once, whatever its holder does', async () => {
    const limiter = make(1)
    const permit = await limiter.acquire()
    expect(() => limiter.acquireNow()).toThrow(WouldBlockError)
    permit.release()
    permit.release()
    { using _held = limiter.acquireNow() }
    await expect(limiter.run(() => { throw new TypeError('fails') })).rejects.toThrow(TypeError)
    expect(limiter.statistics()).toMatchObject({ waiting: 0 })
    using _last = limiter.acquireNow()
    expect(() => limiter.acquireNow()).toThrow(WouldBlockError)
  })

  test('takes who gives up out of the line, by a cancel, a signal or a timeout', async () => {
    await onClock(async (clock) => {
      const limiter = make(1)
      const held = await limiter.acquire()
      const controller = new AbortController()
      clock.after(3, () => controller.abort(new RangeError('enough')))
      await taskGroup(async (group) => {
        group.start(() => moveOnAfter(1, () => limiter.acquire()))
        group.start(() => expect(limiter.acquire({ timeout: 2 })).rejects.toThrow(DeadlineExceededError))
        group.start(() => expect(limiter.acquire({ signal: controller.signal })).rejects.toThrow('enough'))
        const last = group.start(() => limiter.run(() => clock.elapsed()))
        await sleep(5)
        expect(limiter.statistics().waiting).toBe(1)
        held.release()
        expect(await last.result).toBe(5)
      })
    })
  })

  test('who asks with a timeout or a signal that is none is refused, and not left in the line', async () => {
    const limiter = make(1)
    using _held = limiter.acquireNow()
    await expect(limiter.acquire({ timeout: 'soon' as '1s' })).rejects.toThrow(InvalidOptionError)
    await expect(limiter.acquire({ timeout: -1 })).rejects.toThrow(InvalidOptionError)
    await expect(limiter.acquire({ signal: new AbortController() as never })).rejects.toThrow(InvalidOptionError)
    expect(limiter.statistics().waiting).toBe(0)
  })

  test('who was let through and then cancelled loses no place', async () => {
    await onClock(async () => {
      const limiter = make(1)
      const held = await limiter.acquire()
      await taskGroup(async (group) => {
        const waiter = group.start(() => limiter.run(() => sleep(1)))
        await sleep(1)
        held.release()
        waiter.cancel() // in the same turn
      })
      using _free = limiter.acquireNow()
    })
  })

  test('under random holding, giving up and releasing never lets more through, loses no place, and serves in order', async () => {
    const step = fc.record({ arrives: fc.integer({ min: 0, max: 50 }), holds: fc.integer({ min: 0, max: 20 }), patience: fc.integer({ min: 1, max: 40 }) })
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 30 }), async (value, steps) => {
      await onClock(async () => {
        const limiter = make(value)
        let inside = 0
        let most = 0
        await taskGroup((group) => {
          for (const { arrives, holds, patience } of steps) {
            group.start(async () => {
              await sleep(arrives)
              await moveOnAfter(patience, () => limiter.run(async () => {
                most = Math.max(most, ++inside)
                try {
                  await sleep(holds)
                } finally {
                  inside--
                }
              }))
            })
          }
        })
        expect(most).toBeLessThanOrEqual(value)
        const permits = Array.from({ length: value }, () => limiter.acquireNow())
        expect(() => limiter.acquireNow()).toThrow(WouldBlockError)
        expect(permits).toHaveLength(value)
      })
    }), { numRuns: 50 })
  })
})

describe('CapacityLimiter', () => {
  test('each borrower has one place at most', async () => {
    const limiter = new CapacityLimiter(3)
    const held = await limiter.acquire({ borrower: 'a' })
    await expect(limiter.acquire({ borrower: 'a' })).rejects.toThrow(BorrowerError)
    expect(() => limiter.acquireNow({ borrower: 'a' })).toThrow(BorrowerError)
    expect(limiter.statistics()).toEqual({ total: 3, borrowed: 1, waiting: 0, borrowers: ['a'] })
    held.release()
    using _again = limiter.acquireNow({ borrower: 'a' })
  })

  test('a borrower that waits is one as well, until it gives up', async () => {
    await onClock(async () => {
      const limiter = new CapacityLimiter(1)
      const held = limiter.acquireNow()
      await taskGroup(async (group) => {
        group.start(() => moveOnAfter(5, () => limiter.acquire({ borrower: 'b' })))
        await sleep(1)
        await expect(limiter.acquire({ borrower: 'b' })).rejects.toThrow(BorrowerError)
        await sleep(10)
        const again = group.start(() => limiter.run(() => limiter.statistics().borrowers, { borrower: 'b' }))
        await sleep(1)
        held.release()
        expect(await again.result).toEqual(['b'])
      })
      expect(limiter.borrowed).toBe(0)
    })
  })

  test('its total may be changed while it is in use', async () => {
    await onClock(async () => {
      const limiter = new CapacityLimiter(1)
      const running = new Set<number>()
      await taskGroup(async (group) => {
        for (let at = 0; at < 6; at++) group.start(() => limiter.run(async () => { running.add(at); await sleep(10); running.delete(at) }))
        await sleep(1)
        expect(running.size).toBe(1)
        limiter.total = 4
        await sleep(1)
        expect(running.size).toBe(4)
        limiter.total = 1
        await sleep(5)
        expect(running.size).toBe(4)
        await sleep(3.5)
        expect([...running]).toEqual([1, 2, 3])
        await sleep(1)
        expect([...running]).toEqual([4])
        limiter.total = Infinity
      })
    })
    expect(() => new CapacityLimiter(0)).toThrow(InvalidOptionError)
  })
})

describe.each([
  ['Semaphore', () => new Semaphore(1)],
  ['CapacityLimiter', () => new CapacityLimiter(1)],
  ['Lock', () => new Lock()]
] as const)('run of %s, whose turn comes later,', (_, make) => {
  const around = new AsyncLocalStorage<string>()

  test('runs in what it was asked in: its scope, and what the caller stores', async () => {
    const one = make()
    const held = one.acquireNow()
    const scope = new CancelScope()
    const running = scope.run(() => around.run('asked', () => one.run(async () => {
      scope.cancel()
      expect([around.getStore(), currentScope()?.cancelled]).toEqual(['asked', true])
      await sleep('1h')
    })))
    const after = one.run(() => around.getStore())
    around.run('released', () => held.release())
    await running
    expect([scope.cancelledCaught, await after]).toEqual([true, undefined])
  })

  test('runs nothing within the release of another, nor deep within each other', async () => {
    const one = make()
    const held = one.acquireNow()
    let ran = 0
    const all = Array.from({ length: 20_000 }, (_, at) => one.run(() => {
      ran++
      if (at % 2 === 0) throw new RangeError('no')
      return at
    }))
    held.release()
    expect(ran).toBe(0)
    const outcomes = await Promise.allSettled(all)
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBe(10_000)
    expect(one.statistics().waiting).toBe(0)
    one.acquireNow().release()
  })

  test('one that gives up in line runs nothing, and gives nothing back', async () => {
    const one = make()
    const held = one.acquireNow()
    let ran = 0
    await expect(one.run(() => ran++, { timeout: 1 })).rejects.toThrow(DeadlineExceededError)
    await expect(one.run(() => ran++, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
    expect(() => one.acquireNow()).toThrow(WouldBlockError)
    held.release()
    expect(await one.run(() => ran)).toBe(0)
  })
})

test('a lock is for one at a time', async () => {
  await onClock(async () => {
    const lock = new Lock()
    let inside = 0
    await taskGroup((group) => {
      for (let at = 0; at < 3; at++) group.start(() => lock.run(async () => { expect(++inside).toBe(1); await sleep(1); inside-- }))
    })
    expect(() => lock.release()).toThrow(InvalidOptionError)
    using _held = lock.acquireNow()
    expect([lock.locked, lock.statistics()]).toEqual([true, { locked: true, waiting: 0 }])
    expect(() => lock.acquireNow()).toThrow(WouldBlockError)
  })
})

describe('a condition', () => {
  test('lets those go on that wait, first come first, each with the lock', async () => {
    await onClock(async (clock) => {
      const condition = new Condition()
      const woken: [number, number][] = []
      await taskGroup(async (group) => {
        for (let at = 0; at < 3; at++) {
          group.start(() => condition.run(async () => {
            await condition.wait()
            woken.push([at, clock.elapsed()])
            await sleep(2)
          }))
        }
        await sleep(10)
        await condition.run(() => condition.notify(2))
        await sleep(10)
        await condition.run(() => condition.notifyAll())
      })
      expect(woken).toEqual([[0, 10], [1, 12], [2, 20]])
    })
  })

  test('holds the lock again where the wait was cancelled', async () => {
    await onClock(async (clock) => {
      const condition = new Condition()
      await taskGroup(async (group) => {
        group.start(() => condition.run(() => moveOnAfter(5, async () => {
          try {
            await condition.wait()
          } finally {
            expect([condition.statistics().locked, clock.elapsed()]).toEqual([true, 8])
          }
        })))
        await sleep(1)
        await condition.run(() => shield(() => sleep(7)))
      })
      expect(condition.statistics()).toEqual({ locked: false, waiting: 0, lockWaiting: 0 })
      await expect(condition.wait()).rejects.toThrow(InvalidOptionError)
      expect(condition.statistics().waiting).toBe(0)
    })
  })
})

test('an event lets all go on, and nobody waits any more', async () => {
  await onClock(async (clock) => {
    const event = new Event()
    const went: number[] = []
    await taskGroup(async (group) => {
      for (let at = 0; at < 2; at++) group.start(async () => { await event.wait(); went.push(clock.elapsed()) })
      await sleep(5)
      expect([event.isSet, event.statistics()]).toEqual([false, { waiting: 2 }])
      event.set()
      event.set()
      await event.wait()
    })
    expect([event.isSet, went]).toEqual([true, [5, 5]])
  })
})

test('a barrier opens when all have come, again and again; who gives up is not counted', async () => {
  await onClock(async (clock) => {
    const barrier = new Barrier(3)
    const passed: number[] = []
    await taskGroup((group) => {
      group.start(() => moveOnAfter(1, () => barrier.wait()))
      for (const ms of [2, 3, 4, 10, 11, 12]) group.start(async () => { await sleep(ms); await barrier.wait(); passed.push(clock.elapsed()) })
    })
    expect(passed).toEqual([4, 4, 4, 12, 12, 12])
  })
})

test('a barrier gives each index once, also where one gave up', async () => {
  await onClock(async () => {
    const barrier = new Barrier(3)
    const indexes: number[] = []
    await taskGroup((group) => {
      group.start(() => moveOnAfter(1, () => barrier.wait()))
      for (const ms of [0, 2, 3]) group.start(async () => { await sleep(ms); indexes.push(await barrier.wait()) })
    })
    expect(indexes.toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })
})

test('who comes with a signal that has aborted gets nothing, also where nothing is waited for', async () => {
  const options = { signal: AbortSignal.abort(new RangeError('enough')) }
  const event = new Event()
  event.set()
  for (const wait of [() => new RateLimiter({ limit: 5 }).acquire(1, options), () => event.wait(options), () => new Barrier(1).wait(options), () => new Queue().join(options)]) {
    await expect(wait()).rejects.toThrow('enough')
  }
})

describe('retry', () => {
  test('tries again as the policy says', async () => {
    await onClock(async (clock) => {
      const policy = { limit: 3, initial: 10, jitter: 'none' } as const
      const times: number[] = []
      await expect(retry(() => { times.push(clock.elapsed()); throw new TypeError('always') }, policy)).rejects.toThrow(TypeError)
      expect(times).toEqual([0, 10, 30, 70])
      expect(await retry(async (attempt) => { if (attempt < 3) throw new Error('not yet'); return attempt }, policy)).toBe(3)
      await expect(retry((attempt) => { throw Object.assign(new Error(`attempt ${attempt}`), { code: 'E_FINAL' }) }, { ...policy, giveUpOn: ['E_FINAL'] })).rejects.toThrow('attempt 1')
    })
  })

  test('never tries a cancellation again, and does not wait on', async () => {
    await onClock(async (clock) => {
      let attempts = 0
      await moveOnAfter(15, () => retry(() => { attempts++; throw new Error('always') }, { limit: 100, initial: 10, jitter: 'none' }))
      await moveOnAfter(5, () => retry(() => { attempts++; return sleep('1h') }, { limit: 100, initial: 10, jitter: 'none' }))
      expect([attempts, clock.elapsed()]).toEqual([3, 20])
      const cleanup = (): Promise<void> => sleep('1h').catch(() => { throw new TypeError('cleanup') })
      await expect(moveOnAfter(5, () => retry(cleanup, { limit: 3 }))).rejects.toThrow('cleanup')
    })
  })
})
