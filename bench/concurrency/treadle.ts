import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { CapacityLimiter, Queue, gather, listen, serve } from 'treadle/concurrency'
import type { Measure } from '../suite.ts'
import { loadOf, messages, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = (name) => {
  if (name === 'queue-threads') return betweenThreads()
  if (name === 'queue-processes') return betweenProcesses()
  const { tasks, concurrency, run } = loadOf(name)
  const items = numbers(tasks)
  if (wordOf(name) === 'map') return perTask(tasks, () => gather(items, run, { concurrency }))
  const limiter = new CapacityLimiter(concurrency)
  return perTask(tasks, () => Promise.all(items.map(() => limiter.run(run))))
}

async function betweenThreads(): Promise<Record<string, number>> {
  const queue = new Queue<number>({ maxSize: 10_000 })
  const end = serve(queue)
  const putter = new Worker(new URL('putter.ts', import.meta.url), { workerData: { end }, transferList: [end.port] })
  await once(putter, 'message')
  return { '': await taken(queue, () => putter.postMessage('go', [])) }
}

async function betweenProcesses(): Promise<Record<string, number>> {
  const queue = new Queue<number>({ maxSize: 10_000 })
  await using listener = await listen(queue)
  const putter = fork(fileURLToPath(new URL('putter.ts', import.meta.url)), [listener.address])
  await once(putter, 'message')
  return { '': await taken(queue, () => putter.send('go')) }
}

/** Microseconds each, from the word to begin until all are here. */
async function taken(queue: Queue<number>, begin: () => void): Promise<number> {
  const began = performance.now()
  begin()
  for (let got = 0; got < messages; got++) await queue.get()
  return (performance.now() - began) * 1_000 / messages
}
