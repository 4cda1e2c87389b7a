import pLimit from 'p-limit'
import type { Measure } from '../suite.ts'
import { loadOf, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = async (name) => {
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  const limit = pLimit(concurrency)
  return wordOf(name) === 'limiter' ? perTask(tasks, () => Promise.all(items.map(() => limit(run)))) : {}
}
