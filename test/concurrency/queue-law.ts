import fc from 'fast-check'
import { describe, expect, test as vitestTest } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import type { QueueLike, QueueOptions, QueueStatistics } from '../../src/concurrency/queue.ts'
import { checkpoint, sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { DeadlineExceededError, QueueShutDownError } from '../../src/kernel/errors.ts'

interface Reach extends AsyncDisposable {
  /** What is used. */
  readonly queue: QueueLike<unknown>
  /** The queue itself, or as somebody else sees it. */
  readonly own: OwnQueue
}

interface OwnQueue extends QueueLike<unknown> {
  putNow(item: unknown): void | Promise<void>
  statistics(): Statistics | Promise<Statistics>
}

type Statistics = Pick<QueueStatistics, 'size' | 'putting' | 'getting'>

export type OpenReach = (options?: QueueOptions<unknown>) => Reach | Promise<Reach>

/** What structured clones keep as it is. */
function isSendable(value: unknown): boolean {
  try {
    expect(structuredClone(value)).toStrictEqual(value)
    return true
  } catch {
    return false
  }
}

/** The law of all reaches. */
export function queueLaw(name: string, open: OpenReach, test: typeof vitestTest = vitestTest): void {
  describe(`a queue ${name}`, () => {
    test('gives what was put, in order', async () => {
      await using reach = await open()
      const items = [1, 'two', { three: [3n] }, new Map([[4, new Date(4)]]), new Uint8Array([5]), undefined, null]
      await Promise.all(items.map((item) => reach.queue.put(item)))
      for (const item of items) expect(await reach.queue.get()).toEqual(item)
    })

    test('gives what is small and what is large, of every kind, equal and in order, however many are on the way', async () => {
      const any = fc.oneof(
        { weight: 6, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, maxDepth: 2 }).filter(isSendable) },
        fc.nat({ max: 9_000 }).map((length) => 'ü'.repeat(length)),
        fc.nat({ max: 9_000 }).map((length) => new Uint8Array(length).fill(length % 251))
      )
      await fc.assert(fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (items, times) => {
        await using reach = await open()
        const all = Array.from({ length: times }, () => items).flat()
        const putting = all.map((item) => reach.queue.put(item))
        const got = await Promise.all(all.map(() => reach.queue.get()))
        await Promise.all(putting)
        expect(got).toStrictEqual(all.map((item) => reach.queue === reach.own ? item : structuredClone(item)))
      }), { numRuns: 40 })
    })

    test('what holds the same thing does not hold the same when it arrives', async () => {
      await using reach = await open()
      const shared = { of: [new Date(1)] }
      await Promise.all([reach.queue.put(shared), reach.queue.put(shared), reach.queue.put([shared, shared])])
      const [one, two, both] = [await reach.queue.get(), await reach.queue.get(), await reach.queue.get() as unknown[]]
      expect(both[0]).toBe(both[1])
      if (reach.queue !== reach.own) expect(one).not.toBe(two)
    })

    test('who puts waits while it is full, who gets while it is empty, each in turn', async () => {
      await using reach = await open({ maxSize: 1 })
      const put: number[] = []
      await taskGroup(async (group) => {
        for (let item = 0; item < 3; item++) group.start(async () => { await reach.queue.put(item); put.push(item) })
        while ((await reach.own.statistics()).putting < 2) await checkpoint()
        expect((await reach.own.statistics()).size).toBe(1)
        expect([await reach.queue.get(), await reach.queue.get(), await reach.queue.get()]).toEqual([0, 1, 2])
        const getting = [group.start(() => reach.queue.get()), group.start(() => reach.queue.get())]
        while ((await reach.own.statistics()).getting < 2) await checkpoint()
        await reach.queue.put('a')
        await reach.queue.put('b')
        expect([await getting[0]!.result, await getting[1]!.result]).toEqual(['a', 'b'])
      })
      expect(put).toEqual([0, 1, 2])
    })

    test('who gives up has neither put nor taken anything', async () => {
      await using reach = await open({ maxSize: 1 })
      await expect(reach.queue.get({ timeout: 1 })).rejects.toThrow(DeadlineExceededError)
      await expect(reach.queue.get({ signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
      await reach.queue.put(1)
      const scope = new CancelScope()
      const putting = scope.run(() => reach.queue.put(2))
      while ((await reach.own.statistics()).putting < 1) await checkpoint()
      scope.cancel()
      expect([await putting, scope.cancelledCaught]).toEqual([undefined, true])
      expect(await reach.own.statistics()).toMatchObject({ size: 1, putting: 0, getting: 0 })
      const cancelled = new CancelScope()
      cancelled.cancel()
      await cancelled.run(() => reach.queue.get())
      expect((await reach.own.statistics()).size).toBe(1)
    })

    test('a cancel that comes too late finds it done: nothing is lost', async () => {
      await using reach = await open()
      for (let round = 0; round < 50; round++) {
        const scope = new CancelScope()
        const getting = scope.run(() => reach.queue.get())
        for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
        await reach.own.putNow(round)
        scope.cancel()
        const got = await getting
        expect(got ?? await reach.own.get()).toBe(round)
      }
    })

    test('join waits until all is done; shut down, it gives what it holds, and then nothing', async () => {
      await using reach = await open()
      for (const item of [1, 2]) await reach.queue.put(item)
      await taskGroup(async (group) => {
        group.start(async () => { for await (const _item of reach.queue) await sleep(1) })
        await reach.queue.join()
        await reach.queue.put(3)
        await reach.queue.shutdown()
      })
      await expect(reach.queue.get()).rejects.toThrow(QueueShutDownError)
      await expect(reach.queue.put(4)).rejects.toThrow(QueueShutDownError)
    })

    test('shut down at once, it drops what it holds', async () => {
      await using reach = await open()
      await reach.queue.put(1)
      await reach.queue.shutdown({ immediate: true })
      await expect(reach.queue.get()).rejects.toThrow(QueueShutDownError)
      await reach.queue.join()
    })
  })
}
