import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import type { Local } from '../../src/client/runner.ts'
import { double, failsHere, isHere, isHereOnThread, nameHere, objectsHere } from '../fixtures/tasks/mapped.ts'

// Work that is too small to be carried to a thread runs where it is asked for.

let here: Local
beforeAll(() => { here = local({ threads: 2 }) })
afterAll(() => here.close())

/** As many as are taken. */
function* naturals(from = 0): Generator<number> {
  for (let n = from; ; n++) yield n
}

async function until<T>(results: AsyncIterable<T>, found: (result: T) => boolean): Promise<T> {
  for await (const result of results) if (found(result)) return result
  throw new Error('it came to an end')
}

describe('work that is too small to be carried', { timeout: 120_000 }, () => {
  test('runs here, and only where the task does not say where it runs', async () => {
    expect(await until(here.map(isHere, naturals()), (isHere) => isHere)).toBe(true)
    expect((await here.map(isHereOnThread, Array.from({ length: 300_000 }, (_, at) => at))).includes(true)).toBe(false)
    // One by one there is nothing to compare it with.
    expect(await here.map(isHere, [1, 2, 3], { concurrency: 2 })).toEqual([false, false, false])
  })

  test('lets the loop turn, awaited or iterated, and gives what the plain loop does', async () => {
    const numbers = Int32Array.from({ length: 8_000_000 }, (_, at) => at)
    let turns = 0
    let counting = true
    const turn = (): void => {
      turns++
      if (counting) setImmediate(turn)
    }
    turn()
    const results = await here.map(double, numbers)
    expect(turns).toBeGreaterThan(3)
    expect([results.length, results.findIndex((result, at) => result !== at * 2)]).toEqual([numbers.length, -1])
    turns = 0
    let seen = 0
    for await (const result of here.map(double, numbers)) {
      if (result !== seen * 2) throw new Error(`the result at ${seen} is ${result}`)
      if (++seen === 2_000_000) break
    }
    expect(turns).toBeGreaterThan(3)
    counting = false
  })

  test('has the context of its call', async () => {
    expect(await until(here.map(nameHere, naturals()), (name) => name.endsWith('true'))).toBe('mapped.nameHere true')
  })

  test('throws what it would throw on a thread, after the results before it', async () => {
    let seen = 0
    const error: unknown = await (async () => {
      for await (const result of here.map(failsHere, naturals())) expect(result).toBe(seen++)
    })().catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'OddError', message: `item ${seen}`, item: seen })
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype)
  })

  test('gives objects as a thread does, each by itself', async () => {
    const found = await until(here.map(objectsHere, naturals(1)), (result) => typeof result === 'object')
    expect(found).toMatchObject({ here: true })
  })

  test('goes on threads again where an item is an object', async () => {
    const item = { valueOf: () => 1 }
    const numbers: unknown[] = Array.from({ length: 2_000_000 }, (_, at) => at)
    numbers.push({ n: 1 }, 7)
    const results = await here.map(isHere, numbers as number[])
    expect([results.length, results.at(-2)]).toEqual([2_000_002, false])
    numbers.push(item)
    await expect(here.map(isHere, numbers as number[])).rejects.toThrow('items[2000002].valueOf')
  })
})
