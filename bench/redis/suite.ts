import { queueCases, rate } from '../queue/cases.ts'
import type { Suite } from '../suite.ts'

export const suite: Suite = {
  name: 'redis',
  contenders: [
    { name: 'treadle', module: 'treadle.ts' },
    { name: 'bullmq', module: 'bullmq.ts' },
    { name: 'bee-queue', module: 'bee-queue.ts' }
  ],
  cases: [
    ...queueCases,
    { name: 'delayed', ...rate },
    { name: 'bytes-per-job', unit: 'bytes', better: 'lower' }
  ]
}
