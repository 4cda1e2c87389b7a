import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import type { Local } from '../../src/client/runner.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { InvalidOptionError, ProcessExitedError, ThreadExitedError, UncloneableError } from '../../src/kernel/errors.ts'
import type { Task } from '../../src/tasks/task.ts'
import { addTo, addToInProcess, changing, dressed, countUpInProcess, countUpOnThread, echoInProcess, echoOnThread, exits, exitsInProcess, marksAbort, sharedResult, step, stepInProcess, stepOf, stepOnThread, stepSoon, unsendable, waitsForFile, waitsForFileInProcess } from '../fixtures/tasks/mapped.ts'
import { same } from '../support/same.ts'
import { sharedFolder } from '../support/temporary-folder.ts'
import { sendable } from '../support/values.ts'

const folder = sharedFolder()
let here: Local
beforeAll(() => { here = local({ threads: 2, processes: 2 }) })
afterAll(() => here.close())

const boom = new RangeError('the source')

/** A source of these numbers. It may fail behind them. */
type SourceOf = (numbers: readonly number[], fails: boolean) => Iterable<number> | AsyncIterable<number>

const sources: Readonly<Record<string, SourceOf>> = {
  array: (numbers) => [...numbers],
  Int32Array: (numbers) => Int32Array.from(numbers),
  Float64Array: (numbers) => Float64Array.from(numbers),
  'shared Int32Array': (numbers) => {
    const shared = new Int32Array(new SharedArrayBuffer(4 * numbers.length + 4))
    shared.set(numbers, 1)
    return shared.subarray(1)
  },
  *generator(numbers, fails) {
    yield* numbers
    if (fails) throw boom
  },
  async *'async generator'(numbers, fails) {
    for (const n of numbers) {
      if (n % 11 === 0) await nextTurn()
      yield n
    }
    if (fails) throw boom
  }
}

interface Seen { readonly results: unknown[], readonly error: unknown }

async function seenOf(results: AsyncIterable<unknown>): Promise<Seen> {
  const seen: unknown[] = []
  try {
    for await (const result of results) seen.push(result)
    return { results: seen, error: undefined }
  } catch (error) {
    return { results: seen, error }
  }
}

function plainLoop(numbers: readonly number[], fails: boolean): Seen {
  const seen: unknown[] = []
  try {
    for (const n of numbers) seen.push(stepOf(n))
    return { results: seen, error: fails ? boom : undefined }
  } catch (error) {
    return { results: seen, error }
  }
}

const sorted = (values: readonly unknown[]): string[] => values.map((value) => JSON.stringify(value) ?? 'undefined').sort()

const items = fc.oneof({ weight: 4, arbitrary: fc.array(fc.nat(200), { maxLength: 40, size: 'max' }) }, { weight: 2, arbitrary: fc.array(fc.nat(60), { minLength: 300, maxLength: 3_000, size: 'max' }) })
const given = fc.record({ numbers: items, source: fc.constantFrom(...Object.keys(sources)), fails: fc.boolean(), badAt: fc.option(fc.nat(400), { freq: 3 }) })
  .map(({ numbers, source, fails, badAt }) => ({
    numbers: badAt === null || badAt >= numbers.length ? numbers : numbers.with(badAt, -badAt - 1),
    source, fails: fails && source.endsWith('generator')
  }))

/** What an error is to whoever catches it. */
function told(error: unknown): unknown {
  if (error === undefined || error === boom) return error
  const { name, message, item } = error as Error & { item: number }
  return [error instanceof Error, name, message, item]
}

describe.each<[string, Task<[n: number], unknown>]>([['where it belongs', step], ['on a thread', stepOnThread], ['on a thread, later', stepSoon], ['in a process', stepInProcess]])('%s', { timeout: 120_000 }, (_, mapped) => {
  test('map is what the plain loop is: its results in order, then its error', async () => {
    await fc.assert(fc.asyncProperty(given, fc.boolean(), async ({ numbers, source, fails }, awaited) => {
      const plain = plainLoop(numbers, fails)
      const results = here.map(mapped, sources[source]!(numbers, fails))
      if (!awaited) {
        const seen = await seenOf(results)
        expect({ results: seen.results, error: told(seen.error) }).toEqual({ results: plain.results, error: told(plain.error) })
      } else if (plain.error) expect(told(await results.then(() => undefined, (error: unknown) => error))).toEqual(told(plain.error))
      else expect(await results).toEqual(plain.results)
    }), { numRuns: 40, endOnFailure: true })
  })

  test('mapUnordered gives the same, in any order', async () => {
    await fc.assert(fc.asyncProperty(given, async ({ numbers, source, fails }) => {
      const plain = plainLoop(numbers, fails)
      const seen = await seenOf(here.mapUnordered(mapped, sources[source]!(numbers, fails)))
      if (!plain.error) {
        expect(sorted(seen.results)).toEqual(sorted(plain.results))
        return
      }
      // Either may come first.
      expect([told(plain.error), fails ? boom : undefined]).toContainEqual(told(seen.error))
      const all = new Set(sorted(numbers.map((n) => n < 0 ? null : stepOf(n))))
      expect(sorted(seen.results).filter((each) => !all.has(each))).toEqual([])
    }), { numRuns: 20, endOnFailure: true })
  })
})

describe.each([['threads', echoOnThread, countUpOnThread, waitsForFile, exits, ThreadExitedError], ['processes', echoInProcess, countUpInProcess, waitsForFileInProcess, exitsInProcess, ProcessExitedError]] as const)('on %s', (place, echo, countUp, waits, exits, Exited) => {
  test('values arrive, and come back, as by run', async () => {
    await fc.assert(fc.asyncProperty(fc.array(sendable, { minLength: 10, maxLength: 60, size: 'max' }), async (values) => {
      const results = await here.map(echo, values)
      expect(values.filter((value, at) => !same(value, results[at]))).toEqual([])
    }), { numRuns: 20, endOnFailure: true })
    expect(await here.map(echo, [NaN, -0, 0, Infinity, 2 ** 53])).toEqual([NaN, -0, 0, Infinity, 2 ** 53])
    expect(await here.map(echo, BigInt64Array.of(1n, -2n))).toEqual([1n, -2n])
    expect(await here.map(echo, Buffer.from('abc'))).toEqual([97, 98, 99])
    // oxlint-disable-next-line no-sparse-arrays -- as an iterator sees it
    expect(await here.map(echo, [1, , 'x'])).toEqual([1, undefined, 'x'])
    expect(await here.map(echo, 'añ😀')).toEqual(['a', 'ñ', '😀'])
    expect(await here.map(echo, new Set())).toEqual([])
  })

  test('no item is another, nor a part of one', async () => {
    const parts: number[] = []
    const one = { count: 1, parts }
    const results = await here.map(countUp, Array.from({ length: 500 }, (_, at) => at % 2 ? one : { count: at, parts }))
    expect(new Set(results)).toEqual(new Set([1]))
    expect(one).toEqual({ count: 1, parts: [] })
  })

  test('a slow item holds up no more than what travels with it', async () => {
    const file = join(folder, `waits-${place}`)
    const files = Array.from({ length: 4_000 }, (_, at) => at === 1_500 ? file : '')
    let seen = 0
    for await (const slow of here.mapUnordered(waits, files)) {
      seen++
      // Fewer would be held back by it: they would never come.
      if (seen === 3_000) writeFileSync(file, '')
      if (slow) expect(seen).toBeGreaterThan(3_000)
    }
    expect(seen).toBe(4_000)
  })

  test('what ends its thread or process is told', async () => {
    const seen = await seenOf(here.map(exits, Array.from({ length: 1_000 }, (_, at) => at)))
    expect(seen.error).toBeInstanceOf(Exited)
    expect((seen.error as Error).message).toContain(exits.name)
    expect(seen.results).toEqual(Array.from({ length: seen.results.length }, (_, at) => at))
    expect(seen.results.length).toBeLessThanOrEqual(77)
    expect(await here.map(exits, [1])).toEqual([1])
  })

  test('an item that cannot be sent is told by its place, after the results before it', async () => {
    const results = here.map(echo, Array.from({ length: 40 }, (_, at) => at === 30 ? { call: [() => {}] } : at))
    const seen = await seenOf(results)
    expect(seen.results).toEqual(Array.from({ length: 30 }, (_, at) => at))
    expect(seen.error).toBeInstanceOf(UncloneableError)
    expect((seen.error as Error).message).toContain('items[30].call[0]')
  })
})

test('results are each as they were when they were given', async () => {
  const results = await here.map(changing, Array.from({ length: 2_000 }, (_, at) => at))
  expect(results).toEqual(Array.from({ length: 2_000 }, (_, last) => ({ last })))
  expect(results[0]).not.toBe(results[1])
})

test('what a task has around its calls is around each item', async () => {
  expect(await here.map(dressed, Array.from({ length: 3_000 }, (_, at) => at))).toEqual(Array.from({ length: 3_000 }, (_, at) => (100 + at) * 10))
})

test('a list that grows meanwhile is read to its end, as by the plain loop', async () => {
  const list = [0, 1]
  for await (const result of here.map(stepOnThread, list)) if (list.length < 100) list.push(result === undefined ? 0 : list.length)
  expect(list.length).toBe(100)
})

test('a result that cannot be sent is an error after those before it', async () => {
  const seen = await seenOf(here.map(unsendable, Array.from({ length: 1_000 }, (_, at) => at)))
  expect(seen.results.length).toBe(500)
  expect(seen.error).toBeInstanceOf(UncloneableError)
  expect((seen.error as Error).message).toContain('result.done')
})

test('shared memory inside items and results stays shared on threads, and is refused in processes', async () => {
  const cells = new Int32Array(new SharedArrayBuffer(4))
  const counts = await here.map(addTo, Array.from({ length: 100 }, () => ({ cells })))
  expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at))
  expect(cells[0]).toBe(100)
  const made = await here.map(sharedResult, Array.from({ length: 50 }, (_, at) => at))
  expect(made.map(([n]) => n)).toEqual(Array.from({ length: 50 }, (_, at) => at))
  expect(made.every(({ buffer }) => buffer instanceof SharedArrayBuffer)).toBe(true)
  await expect(here.map(addToInProcess, [{ cells }])).rejects.toThrow('items[0].cells')
})

describe('the source', () => {
  test('is read no further than results are taken, however long it is', async () => {
    let taken = 0
    let closed = false
    function* naturals(): Generator<number> {
      try {
        for (;;) yield taken++
      } finally {
        closed = true
      }
    }
    let seen = 0
    for await (const result of here.map(stepOnThread, naturals())) {
      if (seen % 100 === 0) expect(result).toEqual(stepOf(seen))
      if (seen++ === 0) for (let turn = 0; turn < 500; turn++) await nextTurn()
      // Eight chunks of at most 2 ** 15 items for each thread.
      expect(taken - seen).toBeLessThan(16 * 2 ** 15)
      if (seen === 5_000) break
    }
    expect(closed).toBe(true)
    const before = taken
    await here.map(stepOnThread, [1])
    expect(taken).toBe(before)
  })

  test('is not touched before anybody asks', async () => {
    let taken = 0
    function* one(): Generator<number> {
      taken++
      yield 1
    }
    const results = here.map(stepOnThread, one())
    await nextTurn()
    expect(taken).toBe(0)
    expect(await results).toEqual([2])
    expect([await results, taken]).toEqual([[2], 1])
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  test('gives an item that has come to a thread that idles, without waiting for more', async () => {
    const asked: string[] = []
    const results = here.map(stepOnThread, (async function* () {
      for (let at = 1; at < 6; at++) {
        yield at
        // It goes on only when the result of what it gave has been seen.
        while (asked.length < at) await nextTurn()
      }
    })())
    for await (const result of results) asked.push(String(result))
    expect(asked).toEqual(['2', '4', '6', '8', '10'])
  })

  test('that cannot be iterated is refused', () => {
    expect(() => here.map(echoOnThread, 7 as never)).toThrow(InvalidOptionError)
    expect(() => here.mapUnordered(echoOnThread, undefined as never)).toThrow('mapUnordered()')
  })
})

describe('the end', () => {
  test('leaving the loop aborts what is under way, and waits for it', async () => {
    const files = [join(folder, 'begun'), join(folder, 'aborted')] as const
    for await (const _ of here.map(marksAbort, [null, null, files, null])) {
      while (!existsSync(files[0])) await nextTurn()
      break
    }
    expect(existsSync(files[1])).toBe(true)
  })

  test('a signal and a scope end it, iterated or awaited, with their reason', async () => {
    const file = join(folder, 'never')
    const abort = new AbortController()
    const files = ['', file, '']
    const waiting = [
      seenOf(here.map(marksAbort, [[join(folder, 'a'), join(folder, 'b')]], { signal: abort.signal })).then(({ error }) => error),
      here.with({ signal: abort.signal }).map(marksAbort, [[join(folder, 'c'), join(folder, 'd')]]).then(() => undefined, (error: unknown) => error)
    ]
    while (!existsSync(join(folder, 'a')) || !existsSync(join(folder, 'c'))) await nextTurn()
    const reason = new Error('enough')
    abort.abort(reason)
    for (const each of waiting) expect(await each).toBe(reason)
    await expect(here.map(waitsForFile, files, { signal: abort.signal })).rejects.toBe(reason)
    const scope = new CancelScope()
    const begun = join(folder, 'e')
    const scoped = scope.run(async () => await here.map(marksAbort, [[begun, join(folder, 'f')]]))
    while (!existsSync(begun)) await nextTurn()
    scope.cancel()
    expect([await scoped, scope.cancelledCaught, existsSync(join(folder, 'f'))]).toEqual([undefined, true, true])
  })
})
