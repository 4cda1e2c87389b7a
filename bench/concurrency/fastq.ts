import fastq from 'fastq'
import type { Measure } from '../suite.ts'
import { loadOf, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = async (name) => {
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  const queue = fastq.promise<unknown, number, void>(run, concurrency)
  return wordOf(name) === 'limiter' ? perTask(tasks, () => Promise.all(items.map((item) => queue.push(item)))) : {}
}
