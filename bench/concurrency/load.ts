import { setTimeout as wait } from 'node:timers/promises'

/** What is done 10,000 times, 1,000 at once: a wait of a millisecond; or 100,000 times: nothing. */
export const io = { tasks: 10_000, concurrency: 1_000, run: (): Promise<void> => wait(1) }
export const noop = { tasks: 100_000, concurrency: 1_000, run: async (): Promise<void> => {} }

export const loadOf = (name: string): typeof io => name.endsWith('-io') ? io : noop

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

/** Processor time of each task in µs, and what the process holds in MB. The first time is warm-up. */
export async function perTask(tasks: number, run: () => Promise<unknown>): Promise<Record<string, number>> {
  await run()
  const before = process.cpuUsage()
  const began = performance.now()
  await run()
  const { user, system } = process.cpuUsage(before)
  return { '': (user + system) / tasks, '-wall': performance.now() - began, '-rss': process.memoryUsage.rss() / 2 ** 20 }
}

export const wordOf = (name: string): string => name.split('-')[0]!

/** How many go from one thread or process to another. */
export const messages = 1_000_000
