import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openChannel } from '../../src/concurrency/channel.ts'
import { currentScope } from '../../src/concurrency/cancel-scope.ts'
import { gather } from '../../src/concurrency/gather.ts'
import { asCompleted, map, mapUnordered } from '../../src/concurrency/map.ts'
import { Queue } from '../../src/concurrency/queue.ts'
import { connectQueue } from '../../src/concurrency/remote/connect.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { race } from '../../src/concurrency/race.ts'
import { errorLeaves } from '../../src/concurrency/error-tree.ts'
import { checkpoint, sleep } from '../../src/concurrency/sleep.ts'
import { TaskGroupError } from '../../src/concurrency/task-group-error.ts'
import { moveOnAfter, shield } from '../../src/concurrency/timeouts.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'
import { onClock } from './support.ts'

const bySize = (a: number, b: number): number => a - b

type Run = <I, R>(items: Iterable<I> | AsyncIterable<I>, fn: (item: I) => Promise<R>, options?: { concurrency?: number, signal?: AbortSignal }) => Promise<Awaited<R>[]>

const forms: Readonly<Record<string, Run>> = {
  map: (items, fn, options) => Array.fromAsync(map(items, fn, options)) as never,
  mapUnordered: (items, fn, options) => Array.fromAsync(mapUnordered(items, fn, options)) as never,
  gather: (items, fn, options) => gather(items, fn, options) as never
}

describe.each(Object.entries(forms))('%s', (name, run) => {
  const inOrder = name !== 'mapUnordered'

  test.each(['sync', 'async'])('works on no more than so many items at a time, of a source that is %s', async (kind) => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), async (waits, concurrency) => {
      await onClock(async (clock) => {
        let running = 0
        let most = 0
        async function* slowly(): AsyncGenerator<number> { for (const wait of waits) { await sleep(1); yield wait } }
        const results = await run(kind === 'sync' ? waits : slowly(), async (wait) => {
          most = Math.max(most, ++running)
          await sleep(wait)
          running--
          return [wait, clock.elapsed()]
        }, { concurrency })
        expect(most).toBeLessThanOrEqual(concurrency)
        expect(results.map(([wait]) => wait!).toSorted(bySize)).toEqual(waits.toSorted(bySize))
        if (inOrder) expect(results.map(([wait]) => wait)).toEqual(waits)
        else expect(results.map(([, at]) => at)).toEqual(results.map(([, at]) => at).toSorted((a, b) => a! - b!))
      })
    }), { numRuns: 30 })
  })

  test('the first failure ends it, and cancels and waits for what is under way', async () => {
    await onClock(async (clock) => {
      let cleaned = 0
      let taken = 0
      let closed = false
      function* endless(): Generator<number> { try { for (;;) yield taken++ } finally { closed = true } }
      const failing = run(endless(), async (item) => {
        if (item === 0) { await sleep(5); throw new TypeError('zero') }
        try {
          await sleep('1h')
        } finally {
          await shield(() => sleep(3))
          cleaned++
        }
      }, { concurrency: 4 })
      await expect(failing).rejects.toThrow('zero')
      expect([clock.elapsed(), cleaned]).toEqual([8, 3])
      expect([taken <= 6, closed]).toEqual([true, true])
    })
  })

  test('a source that fails is a failure, after the results before it', async () => {
    function* failing(): Generator<number> { yield 1; throw new RangeError('source') }
    async function* failingLater(): AsyncGenerator<number> { yield 1; throw new RangeError('source') }
    await expect(run(failing(), async (n) => n)).rejects.toThrow('source')
    await expect(run(failingLater(), async (n) => n)).rejects.toThrow('source')
  })

  test('is cancelled by the scope around it', async () => {
    await onClock(async (clock) => {
      expect(await moveOnAfter(5, () => run([1, 2], () => sleep('1h')))).toBeUndefined()
      expect(clock.elapsed()).toBe(5)
    })
  })

  test('a source that never answers holds up neither a failure nor a cancel', async () => {
    await onClock(async (clock) => {
      const silent = (): AsyncIterable<number> => ({ [Symbol.asyncIterator]: () => { let asked = 0; return { next: () => asked++ === 0 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {}) } } })
      await expect(run(silent(), async () => { throw new TypeError('fn') })).rejects.toThrow('fn')
      expect(await moveOnAfter(5, () => run(silent(), async (n) => n))).toBeUndefined()
      expect(clock.elapsed()).toBe(5)
    })
  })

  test('a real error while it is cancelled is not lost, nor hidden by what the source does when it is closed', async () => {
    await onClock(async () => {
      const cleanup = (): Promise<void> => sleep('1h').catch(() => { throw new TypeError('cleanup') })
      const error: unknown = await moveOnAfter(5, () => run([1], cleanup)).catch((thrown: unknown) => thrown)
      expect([...errorLeaves(error)].map(String)).toContain('TypeError: cleanup')
      const closing: Iterable<number> = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }), return: () => { throw new RangeError('return') } }) }
      await expect(run(closing, async () => { throw new TypeError('fn') }, { concurrency: 1 })).rejects.toThrow('fn')
    })
  })

  test('ends with the reason of its signal, when what is under way has ended', async () => {
    await onClock(async (clock) => {
      const controller = new AbortController()
      let ended = 0
      clock.after(5, () => controller.abort(new RangeError('enough')))
      await expect(run([1, 2], () => sleep('1h').finally(() => { ended++ }), { signal: controller.signal })).rejects.toThrow('enough')
      expect([ended, clock.elapsed()]).toEqual([2, 5])
      await expect(run([1], async (n) => n, { signal: controller.signal })).rejects.toThrow('enough')
    })
  })

  test('refuses what it does not take', async () => {
    await expect(run([1], async (n) => n, { concurrency: 0 })).rejects.toThrow(InvalidOptionError)
    await expect(run([1], async (n) => n, { concurency: 1 } as object)).rejects.toThrow(InvalidOptionError)
    expect(await run([], async (n) => n)).toEqual([])
    expect((await run([1, 2, 3], async (n) => n, { concurrency: Infinity })).toSorted(bySize)).toEqual([1, 2, 3])
  })
})

describe.each([['map', map], ['mapUnordered', mapUnordered]] as const)('%s, as a loop', (_, iterate) => {
  test('reads its source only as fast as its results are taken', async () => {
    let taken = 0
    function* endless(): Generator<number> { for (;;) yield taken++ }
    let seen = 0
    for await (const result of iterate(endless(), async (n) => n, { concurrency: 3 })) {
      expect(result).toBe(seen++)
      await checkpoint()
      expect(taken).toBeLessThanOrEqual(seen + 3)
      if (seen === 10) break
    }
  })

  test('that is left cancels what is under way, and ends when that has', async () => {
    await onClock(async (clock) => {
      const ended: number[] = []
      for await (const first of iterate([0, 1, 2], async (item) => {
        if (item === 0) return item
        try {
          await sleep('1h')
        } finally {
          await shield(() => sleep(item))
          ended.push(item)
        }
        return item
      })) {
        expect(first).toBe(0)
        break
      }
      expect([ended, clock.elapsed()]).toEqual([[1, 2], 2])
    })
  })
})

test('asCompleted gives each when it is there, of promises and functions', async () => {
  await onClock(async () => {
    const later = async (ms: number): Promise<number> => { await sleep(ms); return ms }
    expect(await Array.fromAsync(asCompleted([later(30), () => later(10), later(20), async () => 0]))).toEqual([0, 10, 20, 30])
    expect(await Array.fromAsync(asCompleted([]))).toEqual([])
    await expect(Array.fromAsync(asCompleted([later(10), Promise.reject(new TypeError('no')), Promise.reject(new TypeError('neither'))]))).rejects.toThrow('no')
  })
})

describe('race', () => {
  test('gives what the first gives, and cancels and waits for the others', async () => {
    await onClock(async (clock) => {
      let loser = 'runs'
      expect(await race([
        async () => { await sleep(5); return 'first' },
        async () => {
          try {
            await sleep('1h')
          } finally {
            await shield(() => sleep(2))
            loser = currentScope() ? 'ended' : 'lost'
          }
        }
      ])).toBe('first')
      expect([loser, clock.elapsed()]).toEqual(['ended', 7])
    })
  })

  test('throws what the first throws, and all where others fail too', async () => {
    await onClock(async () => {
      await expect(race([() => sleep('1h'), async () => { await sleep(1); throw new TypeError('first') }])).rejects.toThrow(TypeError)
      await expect(race([
        () => sleep('1h').catch(() => { throw new RangeError('while it cleaned up') }),
        async () => { throw new TypeError('first') }
      ])).rejects.toThrow(TaskGroupError)
      expect(await moveOnAfter(1, () => race([() => sleep('1h')]))).toBeUndefined()
      expect(await moveOnAfter(1, () => race([]))).toBeUndefined()
      await expect(race([async () => { throw new AggregateError([new TypeError('x')]) }])).rejects.toThrow(AggregateError)
    })
  })
})

describe.each(Object.entries(forms))('%s and a source that does as it should not', (name, run) => {
  test.each(['sync', 'async'])('throws once what the source throws, as it is: %s', async (kind) => {
    const failure = new RangeError('source')
    let asked = 0
    const next = (): IteratorResult<number> => {
      if (asked++ === 3) throw failure
      return { done: false, value: asked }
    }
    const items = kind === 'sync' ? { [Symbol.iterator]: () => ({ next }) } : { [Symbol.asyncIterator]: () => ({ next: async () => next() }) }
    await expect(run(items as Iterable<number>, async (n) => n, { concurrency: 50 })).rejects.toBe(failure)
    expect(asked).toBe(4)
  })

  test('is refused where it is no source, or nothing is to be called', async () => {
    await expect(run(null as never, async (n) => n)).rejects.toThrow(InvalidOptionError)
    await expect(run(5 as never, async (n) => n)).rejects.toThrow(InvalidOptionError)
    await expect(run([1], 5 as never)).rejects.toThrow(InvalidOptionError)
    expect(await run('ab', async (letter) => letter)).toEqual(['a', 'b'])
  })

  test('ends where it gives no result at all', async () => {
    const items = { [Symbol.asyncIterator]: () => ({ next: async () => null as never }) }
    await expect(run(items as AsyncIterable<number>, async (n) => n)).rejects.toThrow(TypeError)
    expect(name).toBeDefined()
  })
})

describe.each(Object.entries({ map, mapUnordered }))('%s that is left while it waits', (_, form) => {
  test('ends at once: its calls are cancelled, its source is closed, the item that was waited for is none', async () => {
    let [cancelled, closed] = [0, 0]
    async function* source(): AsyncGenerator<number> {
      try {
        yield 1
        yield 2
        await sleep('1h')
      } finally {
        closed++
      }
    }
    const results = form(form(source(), async (n) => n), async (n) => {
      if (n === 2) await sleep('1h').finally(() => cancelled++)
      return n
    })
    expect(await results.next()).toEqual({ done: false, value: 1 })
    const waiting = results.next()
    await checkpoint()
    await results.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(cancelled).toBe(1)
    expect(closed).toBe(0) // It sleeps, and hears of its end when it wakes, as every generator.
  })

  test('calls nothing for an item that comes later', async () => {
    const called: unknown[] = []
    const later = Promise.withResolvers<IteratorResult<string>>()
    const results = [Promise.resolve({ done: false, value: 'first' }), later.promise]
    const items = { [Symbol.asyncIterator]: () => ({ next: () => results.shift() ?? Promise.resolve({ done: true, value: undefined }) }) } as AsyncIterable<string>
    for await (const _ of form(items, async (item) => called.push(item))) break
    later.resolve({ done: false, value: 'second' })
    await checkpoint()
    expect(called).toEqual(['first'])
  })
})

test('asCompleted that is left waits for no promise that it was given', async () => {
  const never = new Promise<string>(() => {})
  for await (const result of asCompleted([never, Promise.resolve('here')])) {
    expect(result).toBe('here')
    break
  }
  await expect(Array.fromAsync(asCompleted([never, Promise.reject(new RangeError('no'))]))).rejects.toThrow('no')
})

test('gather tells what goes wrong in the end of what it cancels', async () => {
  await expect(gather([1, 2], async (n) => {
    if (n === 1) throw new RangeError('first')
    try {
      await sleep('1h')
    } finally {
      throw new RangeError('late') // eslint-disable-line no-unsafe-finally
    }
  })).rejects.toMatchObject({ errors: [{ message: 'first' }, { message: 'late' }] })
})

test.each(['queue', 'channel', 'queue of another thread'])('a mapping of a %s that is left takes no item with it that it gave to nobody', async (kind) => {
  let lost = 0
  for (let round = 0; round < 50; round++) {
    const seen = new Set<number>()
    const queue = new Queue<number>()
    const [send, receive] = openChannel<number>(20)
    using remote = connectQueue<number>(serve(queue))
    const source = { queue, channel: receive, 'queue of another thread': remote }[kind]!
    const put = (async () => {
      for (let item = 0; item < 20; item++) {
        if (kind === 'channel') await send.send(item)
        else queue.putNow(item)
        if (item % 3 === 0) await checkpoint()
      }
    })()
    for await (const item of map(source, async (each) => { seen.add(each); return each }, { concurrency: 4 })) if (item >= 5 + round % 5) break
    await put
    // What was on its way comes back.
    for (let left = kind === 'channel' ? 0 : 500; left > 0 && seen.size + queue.size < 20; left--) await sleep(1)
    while (queue.hasNext) seen.add(queue.getNow())
    if (kind === 'channel') while (receive.statistics().size > 0) seen.add(receive.receiveNow())
    lost += 20 - seen.size
  }
  // From elsewhere one may be, in the very moment in which it is handed over: without care, one in each round was.
  expect(lost).toBeLessThanOrEqual(kind === 'queue of another thread' ? 10 : 0)
})

test('who leaves a queue or a channel takes nothing more', async () => {
  const queue = new Queue<number>()
  const [send, receive] = openChannel<number>(1)
  for (const items of [queue[Symbol.asyncIterator](), receive[Symbol.asyncIterator]()]) {
    const next = items.next()
    await items.return(undefined)
    expect((await next).done).toBe(true)
  }
  queue.putNow(1)
  send.sendNow(2)
  expect([queue.getNow(), receive.receiveNow()]).toEqual([1, 2])
})
