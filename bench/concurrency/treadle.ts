import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { CapacityLimiter, Queue, gather, serve } from '../../src/concurrency/index.ts'
import type { Measure } from '../suite.ts'
import { loadOf, messages, numbers, perTask, wordOf } from './load.ts'

export const measure: Measure = (name) => {
  if (wordOf(name) === 'queue') return betweenThreads()
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
  const began = performance.now()
  putter.postMessage('go', [])
  for (let got = 0; got < messages; got++) await queue.get()
  return { '': (performance.now() - began) * 1_000 / messages }
}
