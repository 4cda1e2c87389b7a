import { Effect } from 'effect'
import type { Measure } from '../suite.ts'
import { loadOf, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = async (name) => {
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  const each = Effect.promise(run)
  // Its way to limit is the concurrency of forEach; a semaphore around each run of its own is none that anybody would go.
  return wordOf(name) === 'map' ? perTask(tasks, () => Effect.runPromise(Effect.forEach(items, () => each, { concurrency }))) : {}
}
