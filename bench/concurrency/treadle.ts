import { CapacityLimiter, gather } from '../../src/concurrency/index.ts'
import type { Measure } from '../suite.ts'
import { loadOf, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = (name) => {
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  if (wordOf(name) === 'map') return perTask(tasks, () => gather(items, run, { concurrency }))
  const limiter = new CapacityLimiter(concurrency)
  return perTask(tasks, () => Promise.all(items.map(() => limiter.run(run))))
}
