import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { awaited, backlog, bulk, bulkTotal, concurrent, concurrentTotal, drained, pause, payload, probes, sharedNow } from '../queue/load.ts'
import { type Measure, percentiles, perSecond } from '../suite.ts'
import { freshServer } from './server.ts'

const connectionOf = (url: string): { host: string, port: number, maxRetriesPerRequest: null } => ({ host: '127.0.0.1', port: Number(new URL(url).port), maxRetriesPerRequest: null })

export const measure: Measure = async (name) => {
  await using server = await freshServer()
  const connection = connectionOf(server.url)
  const queue = new Queue('bench', { connection })
  const addBulk = async (total: number, opts = {}): Promise<void> => {
    for (let i = 0; i < total; i += bulk) await queue.addBulk(Array.from({ length: bulk }, () => ({ name: 'noop', data: payload, opts })))
  }
  try {
    const [kind, size] = name.split('-')
    switch (kind) {
      case 'enqueue': {
        await queue.add('noop', payload)
        const start = performance.now()
        if (size === 'bulk') {
          await addBulk(bulkTotal)
          return { '': perSecond(bulkTotal, start) }
        }
        if (size === '1') {
          for (let i = 0; i < awaited; i++) await queue.add('noop', payload)
          return { '': perSecond(awaited, start) }
        }
        for (let i = 0; i < concurrentTotal; i += concurrent) await Promise.all(Array.from({ length: concurrent }, () => queue.add('noop', payload)))
        return { '': perSecond(concurrentTotal, start) }
      }
      case 'drain':
      case 'backlog': {
        await addBulk(kind === 'drain' ? drained : backlog)
        const done = Promise.withResolvers<void>()
        let left = drained
        const start = performance.now()
        const worker = new Worker('bench', async () => 1, { connection, concurrency: Number(size) })
        worker.on('completed', () => { if (--left === 0) done.resolve() })
        await done.promise
        const rate = perSecond(drained, start)
        await worker.close(true)
        return { '': rate }
      }
      case 'bytes': {
        const before = await server.memory()
        await addBulk(bulkTotal)
        return { '': (await server.memory() - before) / bulkTotal }
      }
      case 'delayed': {
        const start = performance.now()
        await addBulk(bulkTotal, { delay: 3_600_000 })
        return { '': perSecond(bulkTotal, start) }
      }
      default: {
        const worker = fork(fileURLToPath(import.meta.url), [server.url])
        await once(worker, 'message')
        const events = new QueueEvents('bench', { connection })
        await events.waitUntilReady()
        const took: number[] = []
        for (let i = 0; i < probes; i++) {
          await pause()
          const asked = sharedNow()
          const started = await (await queue.add('stamp', payload)).waitUntilFinished(events) as number
          took.push((name === 'latency-start' ? started : sharedNow()) - asked)
        }
        worker.kill()
        await events.close()
        return percentiles(took)
      }
    }
  } finally {
    await queue.close()
  }
}

// The worker's process of the latency cases.
if (import.meta.main && process.send) {
  const [, , url = ''] = process.argv
  const worker = new Worker('bench', async () => sharedNow(), { connection: connectionOf(url) })
  await worker.waitUntilReady()
  process.send('ready')
}
