import type { Suite } from '../suite.ts'

/** Processor time of one task; beside it the time of all, and the memory that the process holds. */
const cost = { unit: 'us CPU', better: 'lower', units: { '-wall': 'ms', '-rss': 'MB' } } as const

export const suite: Suite = {
  name: 'concurrency',
  contenders: ['treadle', 'p-map', 'p-limit', 'p-queue', 'fastq', 'effect', 'message-port', 'process-send'].map((name) => ({ name, module: `${name}.ts` })),
  cases: [
    ...['map-io', 'map-noop', 'limiter-io', 'limiter-noop'].map((name) => ({ name, ...cost })),
    ...['queue-threads', 'queue-processes'].map((name) => ({ name, unit: 'us', better: 'lower' as const }))
  ]
}
