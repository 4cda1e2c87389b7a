import { expect, test } from 'vitest'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { definitionOf } from '../../src/tasks/task.ts'
import { encode } from '../../src/wire/codec.ts'
import * as tasks from '../fixtures/queue/tasks.ts'

test('a host that is slow to hear of outcomes takes back calls that wait behind none, and loses none', { timeout: 60_000 }, async () => {
  const { name, source } = definitionOf(tasks.greet, 'the test')
  const encoded = encode(['you'])
  await using threads = new ThreadExecutor({ place: 'loop', threads: 1, concurrency: 1 })
  let held = 0
  let ended = 0
  const wanted = 20_000
  const all = Promise.withResolvers<void>()
  const fill = (): void => {
    while (held < 200 && ended + held < wanted) {
      held++
      void threads.execute({ task: { name, source }, input: { encoded }, timeout: Infinity }).then(({ kind }) => {
        expect(kind).toBe('returned')
        held--
        if (++ended === wanted) all.resolve()
        if (held > 100) return
        // As a supervisor inside a transaction: it neither hears nor gives.
        const until = performance.now() + 0.8
        while (performance.now() < until) { /* busy */ }
        fill()
      })
    }
  }
  fill()
  await all.promise
  expect(ended).toBe(wanted)
})
