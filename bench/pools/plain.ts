import type { Measure } from '../suite.ts'
import { inversions, items, repeated, skewed, workers } from './load.ts'
import { invert, small, tiny } from './work.ts'

const looped = (work: (item: number) => number, source: Iterable<number>): unknown[] => {
  const results: number[] = []
  for (const item of source) results.push(work(item))
  return results
}

/** Without a pool: the plain loop, one after another, or the ideal. */
const measures: Readonly<Record<string, () => Promise<number> | number>> = {
  'map-plain': () => repeated(3, () => looped(small, Array.from({ length: items }, (_, at) => at))),
  'map-typed': () => repeated(3, () => looped(small, Int32Array.from({ length: items }, (_, at) => at))),
  'map-tiny': () => repeated(5, () => looped(tiny, Array.from({ length: items }, (_, at) => at))),
  inversions: () => repeated(3, () => { for (let at = 0; at < inversions; at++) invert(at) }),
  skewed: () => skewed.reduce((all, us) => all + us, 0) / workers / 1_000
}

export const measure: Measure = async (name) => {
  if (name === 'oversubscribed') return Object.fromEntries(['-4', '-8', '-16'].map((threads) => [threads, 1]))
  const one = measures[name]
  return one ? { '': await one() } : {}
}
