// What the examples in docstrings may take for granted: the public surface, a few tasks, a queue with a worker on it.
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import * as concurrency from '../../src/concurrency/index.ts'
import { directoryPayloads } from '../../src/backends/payloads/directory-payloads.ts'
import * as treadle from '../../src/index.ts'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as testing from '../../src/testing/index.ts'
import { definitionOf } from '../../src/tasks/task.ts'
import * as tasks from './tasks.ts'

const backend = memory({ clock: systemClock })
const queue = await treadle.connect(backend, { tasks })
await treadle.startWorker(backend, { tasks })

/** Fails where `text`, the comment behind an expression, does not begin with its value. */
function shows(value: unknown, text: string): void {
  const shown = inspect(value)
  const next = text[shown.length]
  if (!text.startsWith(shown) || (next !== undefined && /[\w.]/.test(next))) throw new Error(`the example says "${text}", and the value is ${shown}`)
  checked++
}

let checked = 0
process.on('exit', () => console.log(`checked ${checked}`))

// A test runner in which every test is passed over: the suites are run by the drivers' own tests.
const nothing: () => unknown = new Proxy(() => nothing, { get: () => nothing })
const runner = { describe: (_name: string, suite: () => void) => suite(), test: nothing, expect: nothing }

Object.assign(globalThis, concurrency, treadle, testing, tasks, runner, { DatabaseSync, Worker, memory, directoryPayloads, ThreadExecutor, definitionOf, tasks, queue, backend, wait, shows, systemClock, here: treadle.local(), job: await queue.enqueue(tasks.area, 2, 3), url: 'data:text/plain,hello' })
