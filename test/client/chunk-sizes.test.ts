import { expect, test } from 'vitest'
import { ChunkSizes, chunkLimit, chunkTime } from '../../src/client/chunk-sizes.ts'

/** Sizes of chunks of items that each take so long, until the source is used up. */
function run(sizes: ChunkSizes, items: number, ms: number): number[] {
  const all: number[] = []
  for (let left = items; left > 0;) {
    const next = Math.min(left, sizes.next(left))
    all.push(next)
    sizes.learn(next, next * ms, next)
    left -= next
  }
  return all
}

test('one item comes first, then more and more, up to about the time of a chunk', () => {
  const sizes = run(new ChunkSizes(2), 100_000, 0.001)
  expect(sizes.slice(0, 3)).toEqual([1, 16, 256])
  expect(Math.max(...sizes) * 0.001).toBeLessThan(chunkLimit)
  expect(Math.max(...sizes) * 0.001).toBeGreaterThan(chunkTime / 2)
})

test('near the end they are smaller', () => {
  const sizes = run(new ChunkSizes(2), 20_000, 0.001)
  expect(sizes.at(-1)).toBeLessThan(Math.max(...sizes) / 8)
  expect(sizes.indexOf(Math.max(...sizes))).toBeLessThan(sizes.length - 4)
})

test('slow items go one by one', () => {
  expect(run(new ChunkSizes(2), 10, 5)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
})

test('one slow item says little, many say much', () => {
  const sizes = new ChunkSizes(2)
  run(sizes, 100_000, 0.001)
  const usual = sizes.next()
  sizes.learn(usual, 1_000, usual)
  expect(sizes.next()).toBeGreaterThan(usual / 2)
  for (let chunk = 0; chunk < 5; chunk++) sizes.learn(1, chunkTime, sizes.next())
  expect(sizes.next()).toBeLessThan(10)
})

test('what an item takes is not said before enough were seen', () => {
  const sizes = new ChunkSizes(2)
  sizes.learn(1, 0.001, 1)
  expect(sizes.each).toBeUndefined()
  sizes.learn(16, 0.016, 16)
  expect(sizes.each).toBeCloseTo(0.001)
})
