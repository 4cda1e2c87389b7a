import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Queue from 'bee-queue'
import { systemClock } from '../../src/kernel/clock.ts'
import { awaited, backlog, bulk, bulkTotal, concurrent, concurrentTotal, drained, pause, payload, probes, sharedNow } from '../queue/load.ts'
import { type Measure, percentiles, perSecond } from '../suite.ts'
import { freshServer } from './server.ts'

const open = (url: string, isWorker: boolean): Queue => new Queue('bench', { redis: { host: '127.0.0.1', port: Number(new URL(url).port) }, isWorker, getEvents: !isWorker, sendEvents: true, activateDelayedJobs: isWorker })

export const measure: Measure = async (name) => {
  await using server = await freshServer()
  const queue = open(server.url, false)
  await queue.ready()
  const addBulk = async (total: number, delayUntil?: number): Promise<void> => {
    for (let i = 0; i < total; i += bulk) {
      const failed = await queue.saveAll(Array.from({ length: bulk }, () => {
        const job = queue.createJob(payload)
        return delayUntil === undefined ? job : job.delayUntil(delayUntil)
      }))
      if (failed.size > 0) throw new Error('not all were saved')
    }
  }
  // Not told that its server ends with the case.
  queue.on('error', () => {})
  const [kind, size] = name.split('-')
  switch (kind) {
    case 'enqueue': {
      await queue.createJob(payload).save()
      const start = performance.now()
      if (size === 'bulk') {
        await addBulk(bulkTotal)
        return { '': perSecond(bulkTotal, start) }
      }
      if (size === '1') {
        for (let i = 0; i < awaited; i++) await queue.createJob(payload).save()
        return { '': perSecond(awaited, start) }
      }
      for (let i = 0; i < concurrentTotal; i += concurrent) await Promise.all(Array.from({ length: concurrent }, () => queue.createJob(payload).save()))
      return { '': perSecond(concurrentTotal, start) }
    }
    case 'drain':
    case 'backlog': {
      await addBulk(kind === 'drain' ? drained : backlog)
      const done = Promise.withResolvers<void>()
      let left = drained
      const start = performance.now()
      const worker = open(server.url, true)
      worker.on('succeeded', () => { if (--left === 0) done.resolve() })
      worker.process(Number(size), async () => 1)
      await done.promise
      const rate = perSecond(drained, start)
      await worker.close(0)
      return { '': rate }
    }
    case 'bytes': {
      const before = await server.memory()
      await addBulk(bulkTotal)
      return { '': (await server.memory() - before) / bulkTotal }
    }
    case 'delayed': {
      const start = performance.now()
      await addBulk(bulkTotal, systemClock.now() + 3_600_000)
      return { '': perSecond(bulkTotal, start) }
    }
    default: {
      const worker = fork(fileURLToPath(import.meta.url), [server.url])
      await once(worker, 'message')
      const took: number[] = []
      for (let i = 0; i < probes; i++) {
        await pause()
        const asked = sharedNow()
        const job = queue.createJob(payload)
        const ended = once(job, 'succeeded')
        await job.save()
        const [started] = await ended as [number]
        took.push((name === 'latency-start' ? started : sharedNow()) - asked)
      }
      worker.kill()
      return percentiles(took)
    }
  }
}

// The worker's process of the latency cases.
if (import.meta.main && process.send) {
  const [, , url = ''] = process.argv
  const worker = open(url, true)
  await worker.ready()
  worker.process(1, async () => sharedNow())
  process.send('ready')
}
