import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { local } from '../../src/client/local.ts'
import { NotAGeneratorError, ProcessExitedError, ThreadExitedError, UncloneableError } from '../../src/kernel/errors.ts'
import { inProcess, onBlocking, onLoop, onThread, squares, where } from '../fixtures/tasks/streams.ts'

const places = { loop: onLoop, thread: onThread, blocking: onBlocking, process: inProcess }

describe.each(Object.entries(places))('a stream from a generator: %s', { timeout: 60_000 }, (place, streamed) => {
  const cells = (): Int32Array | undefined => place === 'process' ? undefined : new Int32Array(new SharedArrayBuffer(12))

  test('gives all items in order, however many', async () => {
    await using here = local({ threads: 1, processes: 1 })
    expect(await Array.fromAsync(here.stream(streamed, 'plain', 3_000))).toEqual(Array.from({ length: 3_000 }, (_, at) => at))
    expect(await Array.fromAsync(here.stream(streamed, 'plain', 0))).toEqual([])
  })

  test('is never far ahead of who takes, and ends when that leaves, with its last words said', async () => {
    await using here = local({ threads: 1, processes: 1 })
    const own = cells()
    const given = own ? [own] as const : [] as const
    let taken = 0
    for await (const item of here.stream(streamed, 'plain', 100_000, ...given)) {
      expect(item).toBe(taken++)
      if (own) expect(Atomics.load(own, 0)).toBeLessThanOrEqual(taken + 2 * 16 + 2)
      if (taken === 200) break
    }
    if (own) expect([own[1], own[2]]).toEqual([1, 1])
    // The place is free again.
    expect(await Array.fromAsync(here.stream(streamed, 'plain', 2))).toEqual([0, 1])
  })

  test('tells an error after the items before it', async () => {
    await using here = local({ threads: 1, processes: 1 })
    const got: unknown[] = []
    const taking = (async () => { for await (const item of here.stream(streamed, 'throws', 40)) got.push(item) })()
    await expect(taking).rejects.toMatchObject({ name: 'RangeError', message: 'in the end', own: 7 })
    expect(got.length).toBe(40)
  })

  test('is cancelled with the scope around it', async () => {
    await using here = local({ threads: 1, processes: 1 })
    const own = cells()
    const given = own ? [own] as const : [] as const
    const scope = new CancelScope()
    let got = 0
    await scope.run(async () => {
      for await (const _ of here.stream(streamed, 'waits', 3, ...given)) if (++got === 3) scope.cancel()
    })
    expect([got, scope.cancelledCaught]).toEqual([3, true])
    if (own) expect([own[1], own[2]]).toEqual([1, 1])
  })

  test('has its resources, and refuses what is no generator', async () => {
    await using here = local({ threads: 1, processes: 1 })
    expect(await Array.fromAsync(here.stream(streamed, 'opened', 2))).toEqual([100, 101])
    await expect(Array.fromAsync(here.stream(streamed, 'nothing', 2))).rejects.toThrow(NotAGeneratorError)
  })

  test.skipIf(place === 'loop')('refuses what cannot be sent, and tells of a death', async () => {
    await using here = local({ threads: 1, processes: 1 })
    await expect(Array.fromAsync(here.stream(streamed, 'unsendable', 2))).rejects.toThrow(UncloneableError)
    const got: unknown[] = []
    const taking = (async () => { for await (const item of here.stream(streamed, 'exits', 40)) got.push(item) })()
    await expect(taking).rejects.toThrow(place === 'process' ? ProcessExitedError : ThreadExitedError)
    expect(got).toEqual(Array.from({ length: got.length }, (_, at) => at))
    expect(got.length).toBeGreaterThanOrEqual(40 - 16)
  })
})

test('streams stand beside each other, and beside other calls', { timeout: 60_000 }, async () => {
  await using here = local({ threads: 2, processes: 1 })
  const all = await Promise.all([10, 20, 30].map((to) => Array.fromAsync(here.stream(squares, to))))
  expect(all.map((each) => each.length)).toEqual([10, 20, 30])
  const [[thread, pid, task]] = await Array.fromAsync(here.stream(where)) as [[number, number, string]]
  expect([thread, pid === process.pid, task]).toEqual([0, false, 'where'])
})
