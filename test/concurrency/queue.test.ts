import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LifoQueue } from '../../src/concurrency/lifo-queue.ts'
import { PriorityQueue } from '../../src/concurrency/priority-queue.ts'
import { Queue, type QueueOptions } from '../../src/concurrency/queue.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { DeadlineExceededError, InvalidOptionError, QueueEmptyError, QueueFullError, QueueShutDownError } from '../../src/kernel/errors.ts'
import { collect, onClock } from './support.ts'

const kinds = [
  ['Queue', (options?: QueueOptions<number>) => new Queue<number>(options), (items: number[]) => items],
  ['LifoQueue', (options?: QueueOptions<number>) => new LifoQueue<number>(options), (items: number[]) => items.toReversed()],
  ['PriorityQueue', (options?: QueueOptions<number>) => new PriorityQueue<number>(options), (items: number[]) => items.toSorted((a, b) => a - b)]
] as const

describe.each(kinds)('%s', (_, make, order) => {
  test('gives its items in its order', () => {
    const queue = make()
    const items = [5, 3, 9, 1, 3]
    for (const item of items) queue.putNow(item)
    expect(queue.size).toBe(5)
    expect(Array.from({ length: 5 }, () => queue.getNow())).toEqual(order(items))
    expect(() => queue.getNow()).toThrow(QueueEmptyError)
  })

  test('who puts waits while it is full, and is served in turn', async () => {
    await onClock(async (clock) => {
      const queue = make({ maxSize: 1 })
      const put: number[] = []
      await taskGroup((group) => {
        for (let item = 0; item < 3; item++) group.start(async () => { await queue.put(item); put.push(item) })
        group.start(async () => {
          for (let item = 0; item < 3; item++) {
            await sleep(1)
            expect(await queue.get()).toBe(item)
          }
        })
      })
      expect([put, clock.elapsed()]).toEqual([[0, 1, 2], 3])
      queue.putNow(1)
      expect(() => queue.putNow(2)).toThrow(QueueFullError)
    })
  })

  test('who gets waits while it is empty, and is served in turn', async () => {
    await onClock(async () => {
      const queue = make()
      const got: [number, number][] = []
      await taskGroup(async (group) => {
        for (let at = 0; at < 3; at++) group.start(async () => { got.push([at, await queue.get()]) })
        await sleep(1)
        for (const item of [7, 8, 9]) queue.putNow(item)
      })
      expect(got).toEqual([[0, 7], [1, 8], [2, 9]])
    })
  })

  test('who gives up has neither put nor taken anything', async () => {
    await onClock(async () => {
      const queue = make({ maxSize: 1 })
      await expect(queue.get({ timeout: 5 })).rejects.toThrow(DeadlineExceededError)
      await expect(queue.get({ signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
      await queue.put(1)
      expect(await moveOnAfter(5, () => queue.put(2))).toBeUndefined()
      await queue.put(3, { timeout: 5 }).catch(() => {})
      expect(queue.statistics()).toEqual({ size: 1, bytes: 0, putting: 0, getting: 0, unfinished: 1 })
      expect(await queue.get()).toBe(1)
      expect(() => queue.getNow()).toThrow(QueueEmptyError)
    })
  })

  test('an item that was given to who was cancelled in the same turn is not lost', async () => {
    await onClock(async () => {
      const queue = make()
      let got: number | undefined
      await taskGroup(async (group) => {
        const getter = group.start(async () => { got = await queue.get(); await sleep(1) })
        await sleep(1)
        queue.putNow(7)
        getter.cancel()
      })
      expect([got, queue.size]).toEqual([7, 0])
    })
  })

  test('join waits until all is done', async () => {
    await onClock(async (clock) => {
      const queue = make()
      await queue.join()
      for (const item of [1, 2, 3]) queue.putNow(item)
      await taskGroup(async (group) => {
        group.start(async () => {
          for (let at = 0; at < 3; at++) {
            await queue.get()
            await sleep(2)
            queue.taskDone()
          }
        })
        await queue.join()
        expect(clock.elapsed()).toBe(6)
      })
      expect(() => queue.taskDone()).toThrow(InvalidOptionError)
    })
  })

  test('shut down: what it holds is still got, and then nothing', async () => {
    await onClock(async () => {
      const queue = make({ maxSize: 1 })
      await queue.put(1)
      await taskGroup(async (group) => {
        group.start(() => expect(queue.put(2)).rejects.toThrow(QueueShutDownError))
        await sleep(1)
        queue.shutdown()
        await expect(queue.put(3)).rejects.toThrow(QueueShutDownError)
        expect(() => queue.putNow(3)).toThrow(QueueShutDownError)
        expect(await queue.get()).toBe(1)
        await expect(queue.get()).rejects.toThrow(QueueShutDownError)
        expect(() => queue.getNow()).toThrow(QueueShutDownError)
      })
    })
  })

  test('shut down at once: nothing more is got, and nobody waits', async () => {
    await onClock(async () => {
      const [full, empty] = [make(), make()]
      full.putNow(1)
      await taskGroup(async (group) => {
        group.start(() => full.join())
        group.start(() => expect(empty.get()).rejects.toThrow(QueueShutDownError))
        await sleep(1)
        full.shutdown({ immediate: true })
        empty.shutdown()
        await expect(full.get()).rejects.toThrow(QueueShutDownError)
      })
    })
  })

  test('several take its items with `for await`, which says that each is done', async () => {
    await onClock(async () => {
      const queue = make({ maxSize: 2 })
      const got: number[] = []
      await taskGroup(async (group) => {
        for (let at = 0; at < 3; at++) group.start(async () => { for await (const item of queue) { got.push(item); await sleep(item % 3) } })
        for (let item = 0; item < 20; item++) await queue.put(item)
        await queue.join()
        queue.shutdown()
      })
      expect(got.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, item) => item))
    })
  })

  test('whatever is done in whatever order, it is as a list of items would be', () => {
    const steps = fc.array(fc.oneof(fc.integer().map((item) => ({ put: item })), fc.constant('get' as const)), { maxLength: 100 })
    fc.assert(fc.property(steps, fc.integer({ min: 1, max: 5 }), (all, maxSize) => {
      const queue = make({ maxSize })
      let list: number[] = []
      for (const step of all) {
        if (step === 'get') {
          const [wanted] = order(list)
          if (wanted === undefined) expect(() => queue.getNow()).toThrow(QueueEmptyError)
          else {
            expect(queue.getNow()).toBe(wanted)
            const at = order(list) === list ? list.indexOf(wanted) : list.lastIndexOf(wanted)
            list = list.toSpliced(at, 1)
          }
        } else if (list.length === maxSize) expect(() => queue.putNow(step.put)).toThrow(QueueFullError)
        else {
          queue.putNow(step.put)
          list.push(step.put)
        }
        expect(queue.size).toBe(list.length)
      }
    }))
  })

  test('many who put, get and give up: nothing is lost or doubled, and the order of each putter is kept', async () => {
    const plan = fc.record({ putters: fc.integer({ min: 1, max: 4 }), getters: fc.integer({ min: 1, max: 4 }), maxSize: fc.integer({ min: 1, max: 3 }), pauses: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 10, maxLength: 40 }) })
    await fc.assert(fc.asyncProperty(plan, async ({ putters, getters, maxSize, pauses }) => {
      await onClock(async () => {
        const queue = make({ maxSize })
        const [put, got]: [number[], number[]] = [[], []]
        await taskGroup(async (group) => {
          for (let getter = 0; getter < getters; getter++) {
            group.start(async () => {
              for (let turn = 0; ; turn++) {
                // An item that was taken is kept, however the wait ends.
                const done = await moveOnAfter(1 + pauses[turn % pauses.length]!, async () => {
                  try {
                    got.push(await queue.get())
                  } catch (error) {
                    if (error instanceof QueueShutDownError) return 'over'
                    throw error
                  }
                })
                if (done) return
              }
            })
          }
          await taskGroup((puttersGroup) => {
            for (let putter = 0; putter < putters; putter++) {
              puttersGroup.start(async () => {
                for (const [turn, pause] of pauses.entries()) {
                  await moveOnAfter(2, async () => {
                    await queue.put(turn * putters + putter)
                    put.push(turn * putters + putter)
                  })
                  await sleep(pause)
                }
              })
            }
          })
          queue.shutdown()
        })
        expect(got.toSorted((a, b) => a - b)).toEqual(put.toSorted((a, b) => a - b))
        if (order([1, 2]).at(0) === 1 && getters === 1 && queue.constructor === Queue) {
          for (let putter = 0; putter < putters; putter++) {
            const own = got.filter((item) => item % putters === putter)
            expect(own).toEqual(own.toSorted((a, b) => a - b))
          }
        }
      })
    }), { numRuns: 30 })
  })
})

describe('bounds in bytes', () => {
  test('who puts waits for room; a small one does not overtake a large one, until that gives up', async () => {
    await onClock(async () => {
      const queue = new Queue<Uint8Array | string>({ maxBytes: 10 })
      await queue.put(new Uint8Array(8))
      const put: string[] = []
      await taskGroup(async (group) => {
        group.start(() => moveOnAfter(5, () => queue.put(new Uint8Array(9))))
        group.start(async () => { await queue.put('é'); put.push('é') })
        await sleep(1)
        expect(put).toEqual([])
        await sleep(10)
        expect([put, queue.statistics()]).toEqual([['é'], { size: 2, bytes: 10, putting: 0, getting: 0, unfinished: 2 }])
        await queue.get()
        expect(queue.statistics().bytes).toBe(2)
      })
      await expect(queue.put(new Uint8Array(11))).rejects.toThrow(InvalidOptionError)
      await expect(new Queue<object>({ maxBytes: 10 }).put({})).rejects.toThrow(InvalidOptionError)
      new Queue<object>({ maxBytes: 10, sizeOf: () => 3 }).putNow({})
    })
  })
})

test('a priority queue takes an order of one\'s own, and keeps that of putting among equals', () => {
  const queue = new PriorityQueue<{ readonly urgency: number, readonly name: string }>({ compare: (a, b) => b.urgency - a.urgency })
  for (const [name, urgency] of [['a', 1], ['b', 5], ['c', 1], ['d', 5]] as const) queue.putNow({ name, urgency })
  expect(Array.from({ length: 4 }, () => queue.getNow().name)).toEqual(['b', 'd', 'a', 'c'])
})

test('a comparison that throws leaves the queue as it was', () => {
  const queue = new PriorityQueue<number>({ compare: (a, b) => { if (a === 7 || b === 7) throw new TypeError('seven'); return a - b } })
  for (const item of [5, 3, 4, 2]) queue.putNow(item)
  expect(() => queue.putNow(7)).toThrow('seven')
  expect(queue.statistics()).toMatchObject({ size: 4, unfinished: 4 })
  expect(Array.from({ length: 4 }, () => queue.getNow())).toEqual([2, 3, 4, 5])
})

test('items of those who gave up to put them are not held behind one who still waits', async () => {
  const queue = new Queue<WeakKey>({ maxSize: 1 })
  queue.putNow({})
  void queue.put({})
  const gone: WeakRef<object>[] = []
  for (let at = 0; at < 500; at++) {
    const item = {}
    gone.push(new WeakRef(item))
    await queue.put(item, { signal: AbortSignal.timeout(0) }).catch(() => {})
  }
  collect()
  await sleep(1)
  collect()
  expect(gone.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(150)
})

test.each([{ maxSize: 0 }, { maxSize: 1.5 }, { maxBytes: 0 }, { maxsize: 5 }, { compare: () => 0 }])('a queue refuses %j', (options) => {
  expect(() => new Queue(options)).toThrow(InvalidOptionError)
})
