import type { Case } from '../suite.ts'

export const rate = { unit: 'jobs/s', better: 'higher' } as const
export const latency = { unit: 'ms', better: 'lower' } as const

/** What is measured of each backend. */
export const queueCases: readonly Case[] = [
  { name: 'enqueue-1', ...rate },
  { name: 'enqueue-64', ...rate },
  { name: 'enqueue-bulk', ...rate },
  { name: 'drain-1', ...rate },
  { name: 'drain-10', ...rate },
  { name: 'drain-100', ...rate },
  { name: 'backlog-10', ...rate },
  { name: 'latency-start', ...latency },
  { name: 'latency-result', ...latency }
]
