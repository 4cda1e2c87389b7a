import { latency, queueCases, rate } from '../queue/cases.ts'
import type { Suite } from '../suite.ts'

export const suite: Suite = {
  name: 'sqlite',
  contenders: [
    { name: 'treadle', module: 'treadle.ts' },
    { name: 'plainjob', module: 'plainjob.ts' }
  ],
  cases: [
    ...queueCases,
    { name: 'backlog-1', ...rate },
    { name: 'backlog-100', ...rate },
    { name: 'idle-worker', unit: '% CPU', better: 'lower' },
    { name: 'command-start', ...latency }
  ]
}
