import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, startWorker } from 'treadle'
import { buildPackage } from '../../test/support/build.ts'
import { type Measure, percentiles, perSecond, quantile } from '../suite.ts'
import { awaited, backlog, bulk, bulkTotal, concurrent, concurrentTotal, drained, idleShare, pause, payload, probes, sharedNow } from './load.ts'
import * as tasks from './tasks.ts'

const { noop, stamp } = tasks

/** Where jobs are kept. */
export interface Place extends AsyncDisposable {
  readonly url: string
  /** The bytes of memory that it uses, where that is asked for. */
  readonly memory?: () => Promise<number>
}

/** @param open makes a place without jobs */
export const measuring = (open: () => Place | Promise<Place>): Measure => async (name) => {
  await using place = await open()
  const { url, memory } = place
  await using queue = await connect(url, { tasks })
  const [kind, size] = name.split('-')
  switch (kind) {
    case 'enqueue': {
      await queue.enqueue(noop, payload)
      const start = performance.now()
      if (size === '1') {
        for (let i = 0; i < awaited; i++) await queue.enqueue(noop, payload)
        return { '': perSecond(awaited, start) }
      }
      if (size === 'bulk') {
        for (let i = 0; i < bulkTotal; i += bulk) await queue.enqueueMany(noop, Array.from({ length: bulk }, () => [payload]))
        return { '': perSecond(bulkTotal, start) }
      }
      for (let i = 0; i < concurrentTotal; i += concurrent) {
        await Promise.all(Array.from({ length: concurrent }, () => queue.enqueue(noop, payload)))
      }
      return { '': perSecond(concurrentTotal, start) }
    }
    case 'drain':
    case 'backlog': {
      // Of a backlog the first are drained, as many as there are where there is none behind them.
      const jobs = []
      for (let i = 0; i < drained; i += bulk) jobs.push(...await queue.enqueueMany(noop, Array.from({ length: bulk }, () => [payload])))
      if (kind === 'backlog') for (let i = drained; i < backlog; i += bulk) await queue.enqueueMany(noop, Array.from({ length: bulk }, () => [payload]))
      await using _worker = await startWorker(url, { tasks, loopConcurrency: Number(size) })
      const start = performance.now()
      await jobs.at(-1)!.result()
      const rate = perSecond(drained, start)
      const { queues } = await queue.stats()
      // Jobs end out of order only within the last few: all are counted, and the clock stopped at the very last enqueued.
      if (queues['default']!.succeeded < drained - Number(size)) throw new Error(`only ${queues['default']!.succeeded} of ${drained} jobs were done`)
      return { '': rate }
    }
    case 'bytes': {
      const before = await memory!()
      for (let i = 0; i < bulkTotal; i += bulk) await queue.enqueueMany(noop, Array.from({ length: bulk }, () => [payload]))
      return { '': (await memory!() - before) / bulkTotal }
    }
    case 'delayed': {
      const start = performance.now()
      for (let i = 0; i < bulkTotal; i += bulk) await queue.enqueueMany(noop.with({ delay: '1h' }), Array.from({ length: bulk }, () => [payload]))
      return { '': perSecond(bulkTotal, start) }
    }
    case 'command':
      return { '': await commandStart() }
    default:
      return await withWorker(url, name, queue)
  }
}

/** How long the installed command takes to say its version, as the median of ten times. In milliseconds. */
async function commandStart(): Promise<number> {
  using built = buildPackage()
  const took: number[] = []
  for (let i = 0; i < 10; i++) {
    const asked = performance.now()
    await once(spawn(process.execPath, [join(built.folder, 'bin/treadle.js'), '--version'], { stdio: 'ignore' }), 'exit')
    took.push(performance.now() - asked)
  }
  return quantile(took, 0.5)
}

async function withWorker(url: string, name: string, queue: Awaited<ReturnType<typeof connect>>): Promise<Record<string, number>> {
  const bin = fileURLToPath(new URL('../../bin/treadle.js', import.meta.url))
  const worker = spawn(process.execPath, [bin, 'worker', '--broker', url, '--tasks', fileURLToPath(new URL('tasks.ts', import.meta.url)), '--json'], { stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    await once(worker.stderr, 'data') // its first line: ready
    if (name === 'idle-worker') return { '': await idleShare(worker.pid!) }
    const took: number[] = []
    for (let i = 0; i < probes; i++) {
      await pause()
      const asked = sharedNow()
      const job = await queue.enqueue(stamp, payload)
      const started = await job.result()
      took.push((name === 'latency-start' ? started : sharedNow()) - asked)
    }
    return percentiles(took)
  } finally {
    worker.kill('SIGTERM')
    await once(worker, 'exit')
  }
}
