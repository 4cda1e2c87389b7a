import { expect, test } from 'vitest'
import { soak } from './soak.ts'

// `npm run soak` does the same with ten million calls.

test('of many calls, some of which do their worst, each comes once to a possible outcome, and nothing is left', { timeout: 120_000 }, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  console.log(`seed ${seed}`)
  const calls = 20_000
  const { tenths, left } = await soak({ calls, seed })
  const [first, last] = [tenths[0]!, tenths.at(-1)!]
  expect(Object.values(last.outcomes).reduce((sum, count) => sum + count)).toBe(calls)
  expect(left).toEqual([])
  expect(last.heap - first.heap, 'bytes of heap beyond those after the first tenth').toBeLessThan(4 * 2 ** 20)
  expect(last.rss - first.rss, 'bytes beyond those after the first tenth').toBeLessThan(96 * 2 ** 20)
})
