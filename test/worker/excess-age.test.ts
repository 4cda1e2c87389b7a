import { expect, test } from 'vitest'
import type { Holding, Store } from '../../src/backends/store.ts'
import { excessAge } from '../../src/worker/maintenance/excess-age.ts'

const hour = 3_600_000
const now = 1_700_000_000_000

class Ended implements Pick<Store, 'weigh'> {
  /** How often all of them were looked at. */
  looks = 0
  #held: readonly Holding[]

  constructor(held: readonly Holding[]) {
    this.#held = held
  }

  async weigh(from = '0'): Promise<{ now: number, ended: readonly Holding[], next?: string }> {
    const start = Number(from)
    if (start === 0) this.looks++
    const end = start + 700
    return { now, ended: this.#held.slice(start, end), ...(end < this.#held.length ? { next: String(end) } : {}) }
  }

  /** What is left once the age beyond which there is too much is removed, in bytes. */
  async removeExcess(most: number): Promise<number> {
    const excess = await excessAge(this, most, new AbortController().signal)
    if (excess) this.#held = this.#held.filter(({ finishedAt }) => finishedAt > excess.asOf - excess.olderThan)
    return this.#held.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

const burst = (jobs: number, ago: number, within: number): Holding[] =>
  Array.from({ length: jobs }, (_, at) => ({ finishedAt: now - ago + Math.floor(at * within / jobs), bytes: 100 }))

test.each([
  ['that ended in ten minutes a day ago', burst(2_000, 24 * hour, hour / 6), 199_000],
  ['that ended in a second a year ago', burst(2_000, 365 * 24 * hour, 1_000), 100_000],
  ['that ended over a month', burst(5_000, 30 * 24 * hour, 30 * 24 * hour), 123_400],
  ['that ended over a second, just now', burst(1_000, 1_000, 1_000), 50_000],
  ['of two bursts, the later of which is more than may stay', [...burst(1_000, 48 * hour, 60_000), ...burst(1_000, hour, 1_000)], 40_000]
])('of those %s about a hundredth more goes than need be', async (_, held, most) => {
  const ended = new Ended(held)
  const left = await ended.removeExcess(most)
  expect(left).toBeLessThanOrEqual(most)
  expect(left).toBeGreaterThanOrEqual(0.985 * most)
  expect(ended.looks).toBeLessThanOrEqual(4)
  // Who looks later, or goes on, finds nothing that is too much.
  expect(await ended.removeExcess(most)).toBe(left)
})

test('what ended in one millisecond goes together', async () => {
  const ended = new Ended([...burst(10, hour, 10), ...burst(1_000, hour / 2, 1), ...burst(10, 1_000, 10)])
  expect(await ended.removeExcess(50_000)).toBe(1_000)
})

test('where others remove while one looks closer, no more goes for it', async () => {
  const many = burst(2_000, 24 * hour, hour / 6)
  const looks = [new Ended(many), new Ended(many.slice(1_000))]
  let look = 0
  const store: Pick<Store, 'weigh'> = { weigh: (from) => looks[from === undefined ? Math.min(look++, 1) : Math.min(look - 1, 1)]!.weigh(from) }
  expect(await excessAge(store, 150_000, new AbortController().signal)).toBe(undefined)
})
