import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as nodeSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { CancelScope, type CancelScopeOptions, currentScope, currentSignal, timeLeft } from '../../src/concurrency/cancel-scope.ts'
import { map } from '../../src/concurrency/map.ts'
import { checkpoint, sleep } from '../../src/concurrency/sleep.ts'
import { moveOnAfter, shield, withDeadline, withTimeout } from '../../src/concurrency/timeouts.ts'
import { CancelledError, ClosedError, DeadlineExceededError, InvalidOptionError } from '../../src/kernel/errors.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

/** Runs on a clock that jumps. */
async function onClock<T>(fn: (clock: VirtualClock) => Promise<T>): Promise<T> {
  const clock = new VirtualClock(0)
  return clock.runUntil(new CancelScope({ clock }).run(() => fn(clock))) as Promise<T>
}

const outcome = async (work: Promise<unknown>): Promise<string> => work.then((value) => String(value), (error: unknown) => (error as { code?: string, message: string }).code ?? (error as Error).message)

// What happens in every order of two of these: the body finishes or fails at 10 or 20, its scope is cancelled or its deadline comes at 10 or 20,
// and it may be shielded from a scope around it that is cancelled at 15.
describe('every order of finish, fail, cancel, deadline and shield', () => {
  interface Case { readonly body: 'finish' | 'fail', readonly bodyAt: number, readonly own: 'none' | 'cancel' | 'deadline', readonly ownAt: number, readonly outer: boolean, readonly shielded: boolean }
  const cases: Case[] = (['finish', 'fail'] as const).flatMap((body) => [10, 20].flatMap((bodyAt) =>
    (['none', 'cancel', 'deadline'] as const).flatMap((own) => (own === 'none' ? [0] : [5, 12, 17, 25]).flatMap((ownAt) =>
      [false, true].flatMap((outer) => [false, true].map((shielded) => ({ body, bodyAt, own, ownAt, outer, shielded })))))))

  test.each(cases)('$body at $bodyAt, $own at $ownAt, outer cancel at 15: $outer, shielded: $shielded', async ({ body, bodyAt, own, ownAt, outer, shielded }) => {
    const seen = await onClock(async (clock) => {
      const around = new CancelScope()
      const options: CancelScopeOptions = { shield: shielded, ...own === 'deadline' ? { timeout: ownAt } : {} }
      const scope = new CancelScope(options)
      if (outer) clock.after(15, () => around.cancel())
      if (own === 'cancel') clock.after(ownAt, () => scope.cancel())
      let inner = 'never ran'
      const whole = await outcome(around.run(async () => {
        inner = await outcome(scope.run(async () => {
          await sleep(bodyAt)
          if (body === 'fail') throw new Error('failed')
          return 'finished'
        }))
        await checkpoint() // what comes next hears of the scope around it
        return 'went on'
      }))
      return { inner, whole, ownCaught: scope.cancelledCaught, outerCaught: around.cancelledCaught, took: clock.elapsed() }
    })
    const outerAt = outer ? 15 : Infinity
    const stopsAt = Math.min(own === 'none' ? Infinity : ownAt, shielded ? Infinity : outerAt)
    const bodyEnds = bodyAt < stopsAt
    const stoppedByOwn = !bodyEnds && own !== 'none' && ownAt === stopsAt
    const took = bodyEnds ? bodyAt : stopsAt
    const outerCame = outerAt <= took
    expect(seen).toEqual({
      inner: bodyEnds ? body === 'finish' ? 'finished' : 'failed' : stoppedByOwn ? 'undefined' : 'CANCELLED',
      // Where the inner failure was passed on it would come out here; `outcome` has taken it.
      whole: outerCame ? 'undefined' : 'went on',
      ownCaught: stoppedByOwn,
      outerCaught: outerCame,
      took
    })
  })
})

describe('a scope', () => {
  test('is found by a callee, and not afterwards', async () => {
    expect(currentScope()).toBeUndefined()
    await new CancelScope().run(async (scope) => {
      await sleep(1)
      expect(currentScope()).toBe(scope)
      await new CancelScope().run((inner) => expect(currentScope()).toBe(inner))
      expect(currentScope()).toBe(scope)
    })
    expect(currentScope()).toBeUndefined()
    expect(currentSignal().aborted).toBe(false)
  })

  test('cancels what Node and fetch wait for, with no glue', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const scope = new CancelScope()
    setImmediate(() => scope.cancel())
    expect(await scope.run(() => fetch(url, { signal: currentSignal() }))).toBeUndefined()
    const other = new CancelScope({ timeout: 1 })
    expect(await other.run(() => nodeSleep(60_000, 'slept', { signal: currentSignal() }))).toBeUndefined()
    expect(other.cancelledCaught).toBe(true)
    server.closeAllConnections()
    server.close()
  })

  test('knows whether it was its own cancellation', async () => {
    const [outer, inner] = [new CancelScope(), new CancelScope()]
    await outer.run(() => inner.run(async () => {
      outer.cancel()
      await sleep(1)
    }))
    expect([outer.cancelCalled, outer.cancelledCaught, inner.cancelCalled, inner.cancelledCaught, inner.cancelled]).toEqual([true, true, false, false, true])
  })

  test('leaves its cancellation to the outermost that is cancelled too, also where it was first', async () => {
    const [outer, inner] = [new CancelScope(), new CancelScope()]
    let after = 'nothing'
    await outer.run(async () => {
      await inner.run(async () => {
        inner.cancel()
        outer.cancel()
        await sleep(1)
      })
      after = 'went on'
    })
    expect([after, inner.cancelledCaught, outer.cancelledCaught]).toEqual(['nothing', false, true])
  })

  test('never swallows a real error, nor the cancellation of a scope that is not around it', async () => {
    const scope = new CancelScope()
    await expect(scope.run(async () => {
      scope.cancel()
      await sleep(1).catch(() => { throw new RangeError('while it cleaned up') })
    })).rejects.toThrow(RangeError)
    let elsewhere: unknown
    const foreign = new CancelScope()
    await foreign.run(async () => {
      foreign.cancel()
      await sleep(1).catch((error: unknown) => { elsewhere = error })
    })
    const own = new CancelScope()
    await expect(own.run(() => {
      own.cancel()
      throw elsewhere
    })).rejects.toBe(elsewhere)
    expect(own.cancelledCaught).toBe(false)
  })

  test('takes its own cancellation out of what else was thrown', async () => {
    const scope = new CancelScope()
    const error = await scope.run(async () => {
      scope.cancel()
      const [first] = await Promise.allSettled([sleep(1)])
      throw new AggregateError([(first as PromiseRejectedResult).reason, new TypeError('real')])
    }).catch((thrown: unknown) => thrown)
    expect((error as AggregateError).errors).toEqual([new TypeError('real')])
  })

  test('gives what its body gives, where that ends by itself', async () => {
    const scope = new CancelScope()
    expect(await scope.run(() => { scope.cancel(); return 7 })).toBe(7)
    expect(scope.cancelledCaught).toBe(false)
  })

  test('that was cancelled before it runs ends at its first wait', async () => {
    const scope = new CancelScope()
    scope.cancel('early')
    let ran = false
    await scope.run(async () => { ran = true; await sleep(1) })
    expect([ran, scope.cancelledCaught]).toEqual([true, true])
    await expect(scope.run(() => 1)).rejects.toThrow(ClosedError)
  })

  test('is cancelled by a signal, with its reason as the cause', async () => {
    for (const signal of [AbortSignal.abort(new Error('why')), AbortSignal.timeout(1)]) {
      const scope = new CancelScope({ signal })
      let seen: unknown
      await scope.run(() => sleep('1h').catch((error: unknown) => { seen = error; throw error }))
      expect(seen).toBeInstanceOf(CancelledError)
      expect((seen as Error).cause).toBe(signal.reason)
      expect(scope.cancelledCaught).toBe(true)
    }
  })

  test('leaves nothing behind: no timer, no listener', async () => {
    const held = { timers: 0, listeners: 0 }
    const clock = new VirtualClock()
    const after = clock.after.bind(clock)
    clock.after = (ms, callback) => {
      held.timers++
      let set = true
      const gone = (): void => {
        if (set) held.timers--
        set = false
      }
      const timer = after(ms, () => { gone(); callback() })
      return { [Symbol.dispose]: () => { gone(); timer[Symbol.dispose]() } }
    }
    const { signal } = new AbortController()
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>) => { held.listeners++; add(...args) }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => { held.listeners--; remove(...args) }
    const around = new CancelScope({ clock })
    await clock.runUntil(around.run(async () => {
      for (const ends of [() => sleep(1), () => Promise.reject<void>(new Error('fails')), () => sleep('2h'), async () => {}]) {
        await new CancelScope({ timeout: '1h', signal }).run(ends).catch(() => {})
      }
    }))
    expect(held).toEqual({ timers: 0, listeners: 0 })
  })

  test('refuses what it does not take', () => {
    expect(() => new CancelScope({ timeout: -1 })).toThrow(InvalidOptionError)
    expect(() => new CancelScope({ timeot: 1 } as CancelScopeOptions)).toThrow(InvalidOptionError)
  })
})

test('what goes on in a scope that has ended is in the one around it', async () => {
  await onClock(async (clock) => {
    let later: Promise<unknown> = Promise.resolve()
    const outer = new CancelScope({ timeout: 10 })
    await outer.run(async () => {
      await new CancelScope().run(() => {
        later = sleep('1h')
        later.catch(() => {})
      })
      await later
    })
    expect([clock.elapsed(), outer.cancelledCaught]).toEqual([10, true])
    let signal: AbortSignal | undefined
    const third = new CancelScope()
    await third.run(async (scope) => {
      await new CancelScope().run(() => new CancelScope().run((inner) => { ({ signal } = inner) }))
      scope.cancel()
    })
    expect(signal?.aborted).toBe(true)
    const generator = map([1, 2], (ms) => sleep(ms === 1 ? 1 : '1h'), { concurrency: 1 })
    const around = new CancelScope({ timeout: 20 })
    await around.run(async () => {
      await new CancelScope({ timeout: '1h' }).run(() => generator.next())
      await generator.next()
    })
    expect([clock.elapsed(), around.cancelledCaught]).toEqual([30, true])
  })
})

describe('deadlines', () => {
  test('the nearest counts, and a shield hides those outside', async () => {
    await onClock(async () => {
      expect(timeLeft()).toBe(Infinity)
      await withTimeout(100, async () => {
        expect(timeLeft()).toBe(100)
        await withTimeout(500, () => expect(timeLeft()).toBe(100))
        await withTimeout(50, () => expect(timeLeft()).toBe(50))
        await shield(() => expect(timeLeft()).toBe(Infinity))
        await shield(() => expect(timeLeft()).toBe(7), { timeout: 7 })
        await sleep(30)
        expect(timeLeft()).toBe(70)
      })
    })
  })

  test('each scope counts by its own clock', async () => {
    const clock = new VirtualClock(0)
    await withTimeout('1h', () => clock.runUntil(new CancelScope({ clock, timeout: 100 }).run(async () => {
      await sleep(30)
      expect(timeLeft()).toBe(70)
      await shield(() => expect(timeLeft()).toBe(Infinity))
    })))
    await new CancelScope({ clock, timeout: '2h' }).run(() => withTimeout('1h', () => expect(timeLeft()).toBe(3_600_000)))
  })

  test('a deadline can be moved while the scope runs', async () => {
    await onClock(async (clock) => {
      const scope = new CancelScope({ timeout: 10 })
      await scope.run(async () => {
        scope.deadline = clock.elapsed() + 100
        await sleep(50)
        scope.deadline = clock.elapsed() + 5
        await sleep(50)
      })
      expect([clock.elapsed(), scope.cancelledCaught]).toEqual([55, true])
    })
  })

  test('moveOnAfter moves on, withTimeout and withDeadline throw; all wait until the body has ended', async () => {
    await onClock(async (clock) => {
      let cleaned = 0
      const slow = async (): Promise<string> => {
        try {
          await sleep('1h')
          return 'never'
        } finally {
          await shield(() => sleep(5))
          cleaned++
        }
      }
      expect(await moveOnAfter(10, slow)).toBeUndefined()
      expect(clock.elapsed()).toBe(15)
      await expect(withTimeout(10, slow)).rejects.toThrow(DeadlineExceededError)
      await expect(withDeadline(new Date(clock.now() + 10), slow)).rejects.toThrow(DeadlineExceededError)
      expect([cleaned, clock.elapsed()]).toEqual([3, 45])
      expect(await moveOnAfter(10, () => 'in time')).toBe('in time')
      expect(await withDeadline(clock.now() - 1, () => 'needs no time')).toBe('needs no time')
    })
  })

  test('an error of the body, and the end of an outer scope, pass through', async () => {
    await onClock(async () => {
      await expect(withTimeout(10, () => { throw new RangeError('own') })).rejects.toThrow(RangeError)
      expect(await moveOnAfter(5, () => withTimeout(10, () => sleep('1h')))).toBeUndefined()
      await expect(withTimeout(5, () => moveOnAfter(10, () => sleep('1h')))).rejects.toThrow(DeadlineExceededError)
    })
  })
})

test('a wait that could not begin rejects, and the scope knows nothing of it', async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): void => { unhandled.push(error) }
  process.on('unhandledRejection', note)
  const scope = new CancelScope()
  await scope.run(async () => {
    await expect(sleep(-1)).rejects.toThrow(InvalidOptionError)
    scope.cancel()
  })
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

describe('a checkpoint', () => {
  test('ends a loop that computes, and lets timers have their turn', async () => {
    let rounds = 0
    const scope = new CancelScope()
    await scope.run(async () => {
      for (;;) {
        await checkpoint()
        if (rounds++ === 0) systemClock.after(10, () => scope.cancel())
      }
    })
    expect(scope.cancelledCaught).toBe(true)
    expect(rounds).toBeGreaterThan(0)
  })

  test('outside of all scopes does no more than let the loop turn', async () => {
    await checkpoint()
  })
})
