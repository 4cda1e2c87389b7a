import type { Measure } from '../suite.ts'
import { quantile } from '../suite.ts'
import * as work from './work.ts'

export type Work = keyof typeof work

/** A pool of a contender. What it cannot do it does not have. */
export interface Pool {
  call(work: Work, argument?: unknown): Promise<unknown>
  /** As `call`, where a buffer of the argument is moved there, and that of the result back. */
  move?(work: Work, argument: Uint8Array): Promise<unknown>
  map?(work: Work, items: Iterable<number>): Promise<unknown>
  close(): Promise<unknown>
}

/** Pools of so many threads, or processes. */
export interface Pools {
  readonly threads?: (count: number) => Pool
  readonly processes?: (count: number) => Pool
}

export const workers = 2
export const items = 1_000_000

/** 1 call in 100 takes 100 times as long, in microseconds: 37 ms of work for each of two workers. */
export const skewed: readonly number[] = Array.from({ length: 1_000 }, (_, at) => at % 100 === 50 ? 3_700 : 37)

export const inversions = 64

export function measuring(pools: Pools): Measure {
  return async (name) => {
    const open = name === 'processes' ? pools.processes : pools.threads
    const measure = measures[name]
    if (!open || !measure) return {}
    return await measure((count = workers) => open(count))
  }
}

type Measured = Readonly<Record<string, number>>
type Open = (count?: number) => Pool

const measures: Readonly<Record<string, (open: Open) => Promise<Measured>>> = {
  burst: async (open) => ({ '': await withPool(open(), (pool) => burst(10_000, () => pool.call('noop'))) }),
  'outstanding-64': async (open) => ({ '': await withPool(open(), (pool) => outstanding(pool, 64, 20_000)) }),
  'outstanding-1': async (open) => await withPool(open(), async (pool) => ({
    '': await outstanding(pool, 1, 3_000),
    '-64b': await outstanding(pool, 1, 3_000, () => pool.call('echo', new Uint8Array(64)))
  })),
  'array-64b': async (open) => ({ '': await withPool(open(), (pool) => burst(10_000, () => pool.call('echo', new Uint8Array(64)))) }),
  'map-plain': (open) => mapped(open, 'small', () => Array.from({ length: items }, (_, at) => at)),
  'map-typed': (open) => mapped(open, 'small', () => Int32Array.from({ length: items }, (_, at) => at)),
  'map-tiny': (open) => mapped(open, 'tiny', () => Array.from({ length: items }, (_, at) => at)),
  skewed: async (open) => ({ '': await withPool(open(), (pool) => repeated(5, () => Promise.all(skewed.map((us) => pool.call('spin', us))))) }),
  inversions: async (open) => ({ '': await withPool(open(), (pool) => repeated(3, () => Promise.all(Array.from({ length: inversions }, (_, at) => pool.call('invert', at))))) }),
  'move-1mb': async (open) => await withPool(open(), async (pool): Promise<Measured> => pool.move ? { '': await one(200, () => pool.move!('echo', new Uint8Array(2 ** 20))) } : {}),
  'share-32mb': async (open) => await withPool(open(), async (pool) => {
    const shared = new Uint8Array(new SharedArrayBuffer(2 ** 25))
    return { '': await one(200, () => pool.call('echo', shared)) }
  }),
  processes: async (open) => ({ '': await withPool(open(), (pool) => burst(4_000, () => pool.call('echo', 'x'.repeat(64)))) }),
  'first-result': async (open) => {
    const began = performance.now()
    return await withPool(open(), async (pool) => {
      await pool.call('noop')
      return { '': performance.now() - began }
    })
  },
  'idle-memory': async (open) => {
    const before = process.memoryUsage.rss()
    return await withPool(open(8), async (pool) => {
      await Promise.all(Array.from({ length: 64 }, () => pool.call('spin', 20_000)))
      return { '': (process.memoryUsage.rss() - before) / 8 / 2 ** 20 }
    })
  },
  oversubscribed: async (open) => {
    const timeOf = (count: number): Promise<number> => withPool(open(count), async (pool) => {
      const round = (): Promise<unknown> => Promise.all(Array.from({ length: 2_000 }, (_, at) => pool.call('fixed', at)))
      // Until all threads have started: what is asked is what they do together, not what starting them costs.
      for (let warm = 0; warm < 10; warm++) await round()
      return await repeated(9, round)
    })
    const two = await timeOf(workers)
    const each: Record<string, number> = {}
    for (const count of [4, 8, 16]) each[`-${count}`] = await timeOf(count) / two
    return each
  }
}

async function withPool<T>(pool: Pool, use: (pool: Pool) => Promise<T>): Promise<T> {
  const used = await use(pool)
  await pool.close()
  return used
}

/** So many calls come before any is measured: all pools are compiled by then. */
const warmUp = 150_000

/** Microseconds each, many at once: the median of some times. */
async function burst(count: number, call: () => Promise<unknown>): Promise<number> {
  const round = (): Promise<unknown> => Promise.all(Array.from({ length: count }, call))
  for (let calls = 0; calls < warmUp; calls += count) await round()
  return await repeated(15, round) * 1_000 / count
}

/** Microseconds each, so many at a time. */
async function outstanding(pool: Pool, at: number, count: number, call: () => Promise<unknown> = () => pool.call('noop')): Promise<number> {
  const lanes = (calls: number): Promise<unknown> => {
    let left = calls
    return Promise.all(Array.from({ length: at }, async () => { while (left-- > 0) await call() }))
  }
  await lanes(at === 1 ? count : warmUp)
  return await repeated(3, () => lanes(count)) * 1_000 / count
}

async function mapped(open: Open, work: Work, source: () => Iterable<number>): Promise<Measured> {
  return await withPool(open(), async (pool): Promise<Measured> => {
    if (!pool.map) return {}
    const numbers = source()
    await pool.map(work, Array.from({ length: 1_000 }, (_, at) => at))
    return { '': await repeated(1, () => pool.map!(work, numbers)) }
  })
}

/** Milliseconds of one, one at a time. */
async function one(times: number, call: () => Promise<unknown>): Promise<number> {
  for (let warm = 0; warm < 10; warm++) await call()
  return await repeated(times, call)
}

/** The median of so many times, in milliseconds. */
export async function repeated(times: number, run: () => unknown): Promise<number> {
  const all: number[] = []
  for (let time = 0; time < times; time++) {
    const began = performance.now()
    await run()
    all.push(performance.now() - began)
  }
  return quantile(all, 0.5)
}
