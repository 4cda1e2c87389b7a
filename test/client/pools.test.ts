import { tmpdir } from 'node:os'
import { realpathSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import type { Progress } from '../../src/tasks/progress.ts'
import { VirtualClock } from '../../src/testing/index.ts'
import { block } from '../fixtures/tasks/cells.ts'
import { add, addSoon, double } from '../fixtures/tasks/arithmetic.ts'
import { fieldOf, keep, keepInChild, longInChild, note, noteOf, weigh, weighInChild, whereAmI, whoRuns, whoRunsInChild } from '../fixtures/tasks/pools.ts'
import { cells, letGo, reaches } from '../executors/support.ts'

test('calls of a higher priority begin first, and those of one as they came', async () => {
  await using here = local({ threads: 1 })
  const own = cells()
  const long = here.run(block, own)
  await reaches(own, 1)
  const noted = new Int32Array(new SharedArrayBuffer(4 * 8))
  const calls = [0, 5, -5, 5, 0, 100].map((priority, index) => here.run(note.with({ priority }), noted, index))
  letGo(own)
  await Promise.all([long, ...calls])
  expect([...noted].slice(1, 7)).toEqual([5, 1, 3, 0, 4, 2])
})

describe('maxQueue', () => {
  test('one call more than may wait is refused, and ready() tells when there is room', async () => {
    await using here = local({ threads: 1, maxQueue: 2 })
    const own = cells()
    const long = here.run(block, own)
    await reaches(own, 1)
    const waiting = [here.run(add, 1, 1), here.run(add, 2, 2)]
    await expect(here.run(add, 3, 3)).rejects.toMatchObject({ code: 'POOL_FULL' })
    const room = here.ready(add)
    letGo(own)
    await room
    expect(await here.run(add, 4, 4)).toBe(8)
    expect(await Promise.all(waiting)).toEqual([2, 4])
    await long
  })

  test('so is one whose arguments are more than may wait, unless nothing else does', async () => {
    await using here = local({ threads: 1, maxQueueBytes: 1_000 })
    const own = cells()
    const long = here.run(block, own)
    await reaches(own, 1)
    const waiting = here.run(note, new Int32Array(1_000), 1)
    await expect(here.run(add, 3, 3)).rejects.toMatchObject({ code: 'POOL_FULL' })
    letGo(own)
    await Promise.all([long, waiting])
    expect(await here.run(add, 4, 4)).toBe(8)
  })

  test('a thread that idles, or has yet to start, has room beside that; and so has who waits no more', async () => {
    await using here = local({ threads: 2, maxQueue: 1 })
    expect(await Promise.all([1, 2, 3].map((n) => here.run(add, n, n)))).toEqual([2, 4, 6])
    const own = [cells(), cells()]
    const long = own.map((each) => here.run(block, each))
    for (const each of own) await reaches(each, 1)
    const abort = new AbortController()
    const waiting = here.with({ signal: abort.signal }).run(add, 1, 1)
    await expect(here.run(add, 2, 2)).rejects.toMatchObject({ code: 'POOL_FULL' })
    const room = here.ready(add)
    abort.abort(new Error('not wanted'))
    await expect(waiting).rejects.toThrow('not wanted')
    await room
    const last = here.run(add, 3, 3)
    for (const each of own) letGo(each)
    expect(await last).toBe(6)
    await Promise.all(long)
  })

  test('map is bounded by itself, and never refused', async () => {
    await using here = local({ threads: 1, maxQueue: 1 })
    expect(await here.map(double, Array.from({ length: 5_000 }, (_, at) => at))).toHaveLength(5_000)
    expect(await Array.fromAsync(here.map(double, [1, 2, 3, 4, 5, 6], { concurrency: 6 }))).toEqual([2, 4, 6, 8, 10, 12])
  })

  test('a close ends the waiting for room', async () => {
    const here = local({ threads: 1, maxQueue: 1 })
    const own = cells()
    const long = here.run(block, own)
    await reaches(own, 1)
    const waiting = here.run(add, 1, 1)
    const room = here.ready(add)
    const closing = here.close({ deadline: 0 })
    await expect(long).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    await closing
    await room
  })
})

describe('warm and broadcast', () => {
  test.each([['threads', whoRuns], ['child processes', whoRunsInChild]] as const)('a broadcast runs once on each of the %s', async (_, task) => {
    await using here = local({ threads: 3, processes: 3 })
    await here.warm(task)
    const ids = await here.broadcast(task)
    expect(new Set(ids).size).toBe(3)
    expect(new Set(await here.broadcast(task))).toEqual(new Set(ids))
  })

  test('a broadcast waits behind what runs, and what is sent behind it is its thread\'s alone', async () => {
    await using here = local({ threads: 2 })
    await here.warm(block, whoRuns)
    const own = cells()
    const long = here.run(block, own)
    await reaches(own, 1)
    const others = Array.from({ length: 50 }, () => here.run(whoRuns))
    const everywhere = here.broadcast(whoRuns)
    await Promise.all(others)
    letGo(own)
    expect(new Set(await everywhere).size).toBe(2)
    await long
  })

  test('what is no task is refused', async () => {
    await using here = local({ threads: 1 })
    await expect(here.warm(undefined as never)).rejects.toMatchObject({ code: 'NOT_A_TASK' })
  })

  test('on the loop a broadcast is one call', async () => {
    await using here = local()
    expect(await here.broadcast(addSoon, 2, 3)).toEqual([5])
  })
})

test('a broadcast to one that is busy is said once, however long that takes', async () => {
  await using here = local({ processes: 1 })
  await here.warm(whoRunsInChild, longInChild)
  const long = here.run(longInChild, 300)
  const everywhere = here.broadcast(whoRunsInChild)
  await long
  expect(await everywhere).toHaveLength(1)
  const [worker] = here.statistics().process!.workers
  expect(worker!.calls).toBe(2)
})

test('what a getter of an argument asks for is a call as any other, and each runs once', async () => {
  await using here = local({ threads: 1 })
  const counted = new Int32Array(new SharedArrayBuffer(4 * 4_000))
  const inner: Promise<void>[] = []
  const calls = Array.from({ length: 600 }, (_, index) => here.run(noteOf, counted, { get number() { inner.push(here.run(note, counted, index)); return index } }))
  await Promise.all(calls)
  await Promise.all(inner)
  expect(counted[0]).toBe(600 + inner.length)
  expect(inner.length).toBeGreaterThanOrEqual(600)
})

test('a getter of an argument that cancels another call harms no other', async () => {
  await using here = local({ threads: 1 })
  await here.warm(note)
  const counted = new Int32Array(new SharedArrayBuffer(4 * 100))
  const abort = new AbortController()
  const first = here.with({ signal: abort.signal }).run(note, counted, 1)
  const others = Array.from({ length: 20 }, (_, index) => here.run(noteOf, counted, { get number() { if (index === 3) abort.abort(new Error('not wanted')); return index } }))
  await Promise.allSettled([first])
  await Promise.all(others)
  expect([20, 21]).toContain(counted[0])
})

test.each([['threads', weigh], ['child processes', weighInChild]] as const)('large plain objects go to busy %s, each once, however long they take to arrive', async (_, task) => {
  await using here = local({ threads: 2, processes: 2 })
  const list = Array.from({ length: 20_000 }, (_, at) => `text ${at}`)
  expect(await Promise.all(Array.from({ length: 60 }, () => here.run(task, list)))).toEqual(Array.from({ length: 60 }, () => 20_000))
  const { workers } = Object.values(here.statistics())[0]!
  const all = (field: 'sent' | 'calls'): number => workers.reduce((sum, worker) => sum + worker[field], 0)
  expect([all('sent'), all('calls')]).toEqual([0, 60])
})

test('map and streams go by the priority of their task', async () => {
  await using here = local({ threads: 1 })
  const own = cells()
  const long = here.run(block, own)
  await reaches(own, 1)
  const order: string[] = []
  const run = here.run(double.with({ priority: 5 }), 1).then(() => order.push('run'))
  const mapped = here.map(double.with({ priority: 9 }), [1]).then(() => order.push('map'))
  letGo(own)
  await Promise.all([long, run, mapped])
  expect(order).toEqual(['map', 'run'])
})

test.each([
  ['an array', Array.from({ length: 3_000 }, (_, at) => at), {}, 3_000], ['a typed array', new Int32Array(3_000), {}, 3_000],
  ['what has no length', { *[Symbol.iterator]() { for (let at = 0; at < 3_000; at++) yield at } }, {}, undefined],
  ['items that go alone', Array.from({ length: 50 }, (_, at) => at), { concurrency: 4 }, 50]
] as const)('map tells how far it has come: %s', async (_, items: Iterable<number>, options, total) => {
  await using here = local({ threads: 2 })
  const heard: Progress[] = []
  const results = await here.map(double, items, { ...options, onProgress: (progress) => heard.push(progress) })
  expect(heard.at(-1)).toEqual(total === undefined ? { done: 3_000 } : { done: results.length, total })
  expect(heard.map(({ done }) => done)).toEqual(heard.map(({ done }) => done).toSorted((a, b) => a - b))
})

test('a broadcast within a scope that is cancelled begins nothing', async () => {
  await using here = local({ threads: 1 })
  await here.warm(whoRuns)
  const scope = new CancelScope()
  await scope.run(async () => {
    scope.cancel()
    await expect(here.broadcast(whoRuns)).rejects.toThrow()
  })
  expect(here.statistics().thread!.tasks.whoRuns).toBeUndefined()
})

test('an argument with a field that is called byteLength is as any other', async () => {
  await using here = local({ threads: 1 })
  expect(await here.run(fieldOf, { byteLength: Number.NaN })).toBeNaN()
  await expect(here.run(fieldOf, { get byteLength(): number { throw new RangeError('no') } })).rejects.toMatchObject({ code: 'UNCLONEABLE' })
  expect(await here.run(add, 1, 1)).toBe(2)
})

test('threads that idle end, all but so many as are kept', async () => {
  const clock = new VirtualClock()
  await using here = local({ threads: 3, idleAfter: '1m', keepIdle: 1, clock })
  await here.warm(whoRuns)
  const before = new Set(await here.broadcast(whoRuns))
  await clock.advance(61_000)
  const left = await Promise.all(Array.from({ length: 3 }, () => here.run(whoRuns)))
  expect(before.size).toBe(3)
  expect(before.has(left[0]!)).toBe(true)
  await here.warm(whoRuns)
  expect(new Set(await here.broadcast(whoRuns)).size).toBe(3)
})

describe('recycle', () => {
  test.each([['threads', keep], ['child processes', keepInChild]] as const)('%s are replaced after so many calls, and none is lost', async (_, task) => {
    await using here = local({ threads: 2, processes: 2, recycle: { calls: 50 } })
    const ids = await Promise.all(Array.from({ length: 500 }, () => here.run(task, 0, 'heap')))
    const more: number[] = []
    for (let left = 200; left > 0; left--) more.push(await here.run(task, 0, 'heap'))
    expect(ids.length + more.length).toBe(700)
    expect(new Set([...ids, ...more]).size).toBeGreaterThanOrEqual(5)
  })

  test.each([['threads', keep], ['child processes', keepInChild]] as const)('%s are replaced where they hold too much, in the heap or outside', async (_, task) => {
    for (const where of ['heap', 'external'] as const) {
      await using here = local({ threads: 1, processes: 1, recycle: { [where]: 96 * 2 ** 20 } })
      const first = await here.run(task, 0, where)
      expect(await here.run(task, 128 * 2 ** 20, where)).toBe(first)
      let now = first
      while (now === first) now = await here.run(task, 0, where)
      expect(now).not.toBe(first)
    }
  })
})

test('child processes have the folder, environment and flags that they are given', async () => {
  await using here = local({ child: { cwd: tmpdir(), env: { ...process.env, POOLS_TEST: 'yes' }, execArgv: ['--max-old-space-size=99'] } })
  expect(await here.run(whereAmI)).toEqual([realpathSync(tmpdir()), 'yes', ['--max-old-space-size=99']])
})

test.each([{ child: { pwd: '/' } }, { recycle: { calls: 0 } }, { recycle: { rss: 1 } }, { recycle: { heap: -1 } }, { maxQueue: 0 }, { keepIdle: -1 }, { idleAfter: 'soon' }])('%o is refused', (options) => {
  expect(() => local(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})
