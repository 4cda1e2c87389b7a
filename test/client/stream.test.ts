import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { local } from '../../src/client/local.ts'
import { ClosedError, InvalidOptionError, NotAGeneratorError, ProcessExitedError, ThreadExitedError, UncloneableError } from '../../src/kernel/errors.ts'
import { hangsInProcess, hangsOnBlocking, hangsOnThread, inProcess, negatesInProcess, negatesOnBlocking, negatesOnLoop, negatesOnThread, onBlocking, onLoop, onThread, squares, where } from '../fixtures/tasks/streams.ts'

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
      if (own) expect(Atomics.load(own, 0)).toBeLessThanOrEqual(taken + 16 + 1)
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
    await expect(Array.fromAsync(here.stream(streamed, 'exits', 1))).rejects.toThrow(`'streamed-${place}'`)
  })

  test.skipIf(place === 'loop')('gives nothing of what comes after an item that cannot be sent', async () => {
    await using here = local()
    const got: unknown[] = []
    await expect((async () => { for await (const item of here.stream(streamed, 'wrong', 40)) got.push(item) })()).rejects.toThrow(UncloneableError)
    expect(got).toEqual([0, 1])
  })

  test('takes the place of no call that it waits for, nor of another stream', async () => {
    await using here = local({ threads: 1, processes: 1, loopConcurrency: 1 })
    const negates = { loop: negatesOnLoop, thread: negatesOnThread, blocking: negatesOnBlocking, process: negatesInProcess }[place]!
    const streams = Array.from({ length: 3 }, () => here.pipeline(here.stream(streamed, 'plain', 40)).through(negates)[Symbol.asyncIterator]())
    for (let at = 0; at < 40; at++) for (const each of streams) expect(await each.next()).toEqual({ done: false, value: -at })
  })

  test('is left at once while its next item is waited for, which is then none', async () => {
    await using here = local()
    const own = cells()
    const items = here.stream(streamed, 'waits', 1, own)
    await items.next()
    const next = items.next()
    await items.return()
    expect(await next).toEqual({ done: true, value: undefined })
    if (own) expect([own[1], own[2]]).toEqual([1, 1])
  })

  test('ends with the pipeline that it is the source of, once that is left', async () => {
    await using here = local()
    const own = new Int32Array(new SharedArrayBuffer(12))
    for await (const item of here.pipeline(here.stream(streamed, 'waits', 3, place === 'process' ? undefined : own)).through(negatesOnLoop, { concurrency: 2 })) if (item === -2) break
    if (place !== 'process') while (own[1] === 0) await sleep(1)
  })

  test('tells what goes wrong in the end of a generator that is left, and waits for one that takes its time', async () => {
    await using here = local()
    await expect((async () => { for await (const _ of here.stream(streamed, 'closes badly', 100)) break })()).rejects.toThrow('not closed')
    const own = cells()
    for await (const _ of here.stream(streamed, 'closes slowly', 100, own)) break
    if (own) expect([own[1], own[2]]).toEqual([1, 1])
  })
})

test.each([['thread', hangsOnThread], ['blocking', hangsOnBlocking], ['process', hangsInProcess]] as const)('an item of a generator that computes is there when it is yielded: %s', { timeout: 60_000 }, async (_, hangs) => {
  await using here = local()
  for await (const item of here.stream(hangs)) {
    expect(item).toBe(1)
    break
  }
})

test('streams that begin after a close are refused, and leave nothing; what was begun before is taken to its end', async () => {
  const here = local()
  const before = process.listenerCount('exit')
  const begun = here.stream(onLoop, 'plain', 3)
  const first = begun.next()
  const closing = here.close()
  expect((await first).value).toBe(0)
  expect(await Array.fromAsync(begun)).toEqual([1, 2])
  await closing
  for (const streamed of Object.values(places)) await expect(here.stream(streamed, 'plain', 3).next()).rejects.toThrow(ClosedError)
  expect(process.listenerCount('exit')).toBe(before)
})

test('a close that is refused closes nothing', async () => {
  await using here = local()
  await expect(here.close({ deadlin: 1 } as object)).rejects.toThrow(InvalidOptionError)
  expect(await Array.fromAsync(here.stream(onLoop, 'plain', 1))).toEqual([0])
})

test('a generator that is run and not streamed is refused with a word on how it is', async () => {
  await using here = local()
  await expect(here.run(squares, 3)).rejects.toThrow('Iterate it with local().stream()')
})

test('streams stand beside each other, and beside other calls', { timeout: 60_000 }, async () => {
  await using here = local({ threads: 2, processes: 1 })
  const all = await Promise.all([10, 20, 30].map((to) => Array.fromAsync(here.stream(squares, to))))
  expect(all.map((each) => each.length)).toEqual([10, 20, 30])
  const [[thread, pid, task]] = await Array.fromAsync(here.stream(where)) as [[number, number, string]]
  expect([thread, pid === process.pid, task]).toEqual([0, false, 'where'])
})
