import type { Outcome } from '../../executors/executor.ts'
import { type Bench, type Cases, callOf } from './bench.ts'
import { areOne, giveKept, raise } from './aliasing-tasks.ts'

// Calls that are made in the same tick travel together, and share nothing all the same.

const valueOf = (outcome: Outcome): unknown => outcome.kind === 'returned' ? outcome.value : outcome

/** Calls of one tick, on one thread or process, each with what it is given: each raises its own numbers, and sees what no other did. */
async function apart({ open, expect }: Bench, given: readonly unknown[]): Promise<void> {
  const executor = open({ concurrency: 1 })
  // Short calls so far, so that the next ones are sent together.
  await Promise.all(Array.from({ length: 50 }, () => executor.execute(callOf(raise, [{ count: 0 }]))))
  const before = structuredClone(given)
  const alone: unknown[] = []
  for (const value of given) alone.push(valueOf(await executor.execute(callOf(raise, [value]))))
  const together = await Promise.all(given.map((value) => executor.execute(callOf(raise, [value]))))
  expect(together.map(valueOf)).toEqual(alone)
  expect(given).toEqual(before)
}

const shared = { count: 1 }
const nested = { list: [{ inner: shared }] }
const floats = new Float64Array(2 ** 17).fill(1)

export const aliasingCases: Cases = {
  'calls of one tick with the same object each have their own': (bench) => apart(bench, [shared, shared, shared]),
  'calls of one tick whose objects share a part each have their own': (bench) => apart(bench, [{ a: 1, shared }, { b: 2, shared }, [shared]]),
  'calls of one tick with an object, and with what it holds, each have their own': (bench) => apart(bench, [nested, shared, nested.list]),
  'calls of one tick with the same Map each have their own': (bench) => {
    const map = new Map<string, unknown>([['count', 1], ['inner', shared]])
    return apart(bench, [map, map])
  },
  'calls of one tick with the same array of a few floats each have their own': (bench) => {
    const few = new Float64Array([1, 2, 3])
    return apart(bench, [few, few, few])
  },
  'calls of one tick with the same array of 1 MB each have their own': (bench) => apart(bench, [floats, floats]),
  'calls of one tick with views of one buffer each have their own': (bench) => apart(bench, [floats.subarray(0, 4), floats.subarray(2, 6), { floats: floats.subarray(0, 8) }]),

  async 'what is one object within a call stays one'({ open, expect }) {
    const executor = open({ concurrency: 1 })
    const own = { count: 1 }
    const outcomes = await Promise.all(Array.from({ length: 3 }, () => executor.execute(callOf(areOne, [{ own }, { own }]))))
    expect(outcomes.map(valueOf)).toEqual([true, true, true])
  },

  async 'results of one tick that were the same object are the caller\'s, each its own'({ open, expect }) {
    const executor = open({ concurrency: 1 })
    const many = (): Promise<Outcome[]> => Promise.all(Array.from({ length: 50 }, () => executor.execute(callOf(giveKept, []))))
    await many()
    const results = (await many()).map(valueOf) as { count: number, floats: Float64Array }[]
    for (const result of results) {
      expect(result).toEqual({ count: 0, floats: new Float64Array(4) })
      result.count = 7
      result.floats[0] = 7
    }
  }
}
