import { fileURLToPath } from 'node:url'
import workerpool from 'workerpool'
import { type Pool, measuring } from './load.ts'

const script = fileURLToPath(new URL('workerpool-worker.ts', import.meta.url))
const open = (workerType: 'thread' | 'process') => (count: number): Pool => {
  const pool = workerpool.pool(script, { workerType, minWorkers: count, maxWorkers: count })
  return {
    call: (name, argument) => Promise.resolve(pool.exec(name, [argument])),
    close: () => Promise.resolve(pool.terminate())
  }
}

export const measure = measuring({ threads: open('thread'), processes: open('process') })
