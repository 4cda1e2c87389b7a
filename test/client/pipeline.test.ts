import { describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { type Task, task } from '../../src/tasks/task.ts'
import { double } from '../fixtures/tasks/arithmetic.ts'

const addOne: Task<[n: number], Promise<number>> = task({ name: 'addOne' }, async (n: number) => n + 1)
const show: Task<[n: number], Promise<string>> = task({ name: 'show' }, async (n: number) => `<${n}>`)
const failAtFive: Task<[n: number], Promise<number>> = task({ name: 'failAtFive' }, async (n: number) => {
  if (n === 5) throw new RangeError('five')
  return n
})

/** Numbers, and how many were taken, and whether it was closed. */
function source(): { items: AsyncGenerator<number>, seen: { taken: number, closed: boolean } } {
  const seen = { taken: 0, closed: false }
  async function* numbers(): AsyncGenerator<number> {
    try {
      for (;;) yield seen.taken++
    } finally {
      seen.closed = true
    }
  }
  return { items: numbers(), seen }
}

describe('a pipeline', { timeout: 30_000 }, () => {
  test('takes items through its stages, in order, each in its place', async () => {
    await using here = local({ threads: 2 })
    const out = await Array.fromAsync(here.pipeline([1, 2, 3, 4]).through(addOne).through(double, { concurrency: 2 }).through(show))
    expect(out).toEqual(['<4>', '<6>', '<8>', '<10>'])
  })

  test('reads its source no further than its stages hold', async () => {
    await using here = local()
    const { items, seen } = source()
    let got = 0
    for await (const _ of here.pipeline(items).through(addOne, { concurrency: 2 }).through(show, { concurrency: 3 })) {
      if (++got === 10) break
      expect(seen.taken).toBeLessThanOrEqual(got + 2 + 3 + 2)
    }
    expect(seen.closed).toBe(true)
  })

  test('ends with the first error of any stage, and closes its source', async () => {
    await using here = local()
    const { items, seen } = source()
    const out: string[] = []
    await expect((async () => {
      for await (const each of here.pipeline(items).through(failAtFive, { concurrency: 2 }).through(show, { concurrency: 2 })) out.push(each)
    })()).rejects.toThrow('five')
    expect(out).toEqual(['<0>', '<1>', '<2>', '<3>', '<4>'])
    expect(seen.closed).toBe(true)
  })

  test('is the same again where its source is, and may be built upon', async () => {
    await using here = local()
    const once = here.pipeline([1, 2]).through(addOne)
    const twice = once.through(addOne)
    expect([await Array.fromAsync(once), await Array.fromAsync(twice), await Array.fromAsync(once)]).toEqual([[2, 3], [3, 4], [2, 3]])
    expect(await Array.fromAsync(here.pipeline([7]))).toEqual([7])
  })
})
