import pMap from 'p-map'
import type { Measure } from '../suite.ts'
import { loadOf, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = async (name) => {
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  return wordOf(name) === 'map' ? perTask(tasks, () => pMap(items, run, { concurrency })) : {}
}
