import { describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { move, share } from '../../src/wire/moving.ts'
import { block } from '../fixtures/tasks/cells.ts'
import { dieOnThread } from '../fixtures/tasks/die.ts'
import { addOne, addOneHere, addOneInChild, giveAway, leftOfMade } from '../fixtures/tasks/pools.ts'
import { cells, letGo, reaches } from '../executors/support.ts'

describe('move', () => {
  test.each([2, 8, 64, 100_000])('an argument of %d numbers is empty here afterwards; so is a result there', async (length) => {
    await using here = local({ threads: 1 })
    const numbers = new Float64Array(length).fill(1)
    const result = await here.run(addOne, move(numbers), true)
    expect(numbers.length).toBe(0)
    expect([result.length, result[0], result.at(-1)]).toEqual([length, 2, 2])
    expect(await here.run(giveAway)).toEqual(new Float64Array(4))
    expect(await here.run(leftOfMade)).toBe(0)
  })

  test('holds for one time: what is passed again is copied', async () => {
    await using here = local({ threads: 1 })
    const result = await here.run(addOne, move(new Float64Array(3)), true)
    expect(await here.run(addOne, result, false)).toEqual(Float64Array.of(2, 2, 2))
    expect(result).toEqual(Float64Array.of(1, 1, 1))
  })

  test('what two arguments share is moved once, and a list or object of arrays with all of them', async () => {
    await using here = local({ threads: 1 })
    const buffer = new ArrayBuffer(32)
    const parts = [new Float64Array(buffer, 0, 2), new Float64Array(buffer, 16, 2)]
    expect(await here.run(addOne, move(move(parts)[0]!), false)).toEqual(Float64Array.of(1, 1))
    expect(buffer.byteLength).toBe(0)
  })

  test('on the loop it is passed as it is, and a child process gets a copy', async () => {
    await using here = local({ processes: 1 })
    const numbers = new Float64Array(100_000)
    expect(await here.run(addOneHere, move(numbers), true)).toBe(numbers)
    const result = await here.run(addOneInChild, move(numbers), true)
    expect([numbers.length, numbers[0], result[0]]).toEqual([100_000, 1, 2])
  })

  test('many at once, among others, each arrive', async () => {
    await using here = local({ threads: 2 })
    const results = await Promise.all(Array.from({ length: 300 }, async (_, index) => {
      const numbers = new Float64Array(1_000).fill(index)
      return (await here.run(addOne, index % 3 === 0 ? move(numbers) : numbers, index % 2 === 0))[999]
    }))
    expect(results).toEqual(results.map((_, index) => index + 1))
  })

  test('a call that is cancelled before it begins, and one whose thread dies before that, end', async () => {
    await using here = local({ threads: 1 })
    const own = cells()
    const long = here.run(block, own)
    await reaches(own, 1)
    const abort = new AbortController()
    const cancelled = here.with({ signal: abort.signal }).run(addOne, move(new Float64Array(100_000)), true)
    abort.abort(new Error('not wanted'))
    await expect(cancelled).rejects.toThrow('not wanted')
    letGo(own)
    await long
    const dying = here.run(dieOnThread, 3)
    const behind = here.run(addOne, move(new Float64Array(1)), true)
    await expect(dying).rejects.toMatchObject({ code: 'THREAD_EXITED' })
    expect(await behind).toEqual(Float64Array.of(1))
  })

  test.each([{}, [], new Float64Array(new SharedArrayBuffer(8)), [1], Buffer.from('of the pool')])('where there is nothing to move it says so: %o', (value) => {
    expect(() => move(value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('share', () => {
  test('gives the same numbers, in memory that calls see and write', async () => {
    await using here = local({ threads: 1 })
    const shared = share(Float64Array.of(1, 2, 3))
    await here.run(addOne, shared, false)
    expect(shared).toEqual(Float64Array.of(2, 3, 4))
    expect(share(shared)).toBe(shared)
  })

  test('a child process refuses it', async () => {
    await using here = local({ processes: 1 })
    await expect(here.run(addOneInChild, share(new Float64Array(1)), false)).rejects.toMatchObject({ code: 'UNCLONEABLE' })
  })
})
