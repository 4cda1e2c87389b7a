import type { Suite } from '../suite.ts'

const rate = { unit: 'jobs/s', better: 'higher' } as const
const latency = { unit: 'ms', better: 'lower' } as const

export const suite: Suite = {
  name: 'redis',
  contenders: [
    { name: 'treadle', module: 'treadle.ts' },
    { name: 'bullmq', module: 'bullmq.ts' },
    { name: 'bee-queue', module: 'bee-queue.ts' }
  ],
  cases: [
    { name: 'enqueue-1', ...rate },
    { name: 'enqueue-64', ...rate },
    { name: 'enqueue-bulk', ...rate },
    { name: 'drain-1', ...rate },
    { name: 'drain-10', ...rate },
    { name: 'drain-100', ...rate },
    { name: 'backlog-10', ...rate },
    { name: 'latency-start', ...latency },
    { name: 'latency-result', ...latency },
    { name: 'delayed', ...rate },
    { name: 'bytes-per-job', unit: 'bytes', better: 'lower' }
  ]
}
