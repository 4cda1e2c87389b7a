import { existsSync, readFileSync } from 'node:fs'

/** What the tasks themselves wrote, outside the database: by job, the deliveries that started and that finished. */
export function readJournal(path: string): ReadonlyMap<string, { started: number[], finished: number[] }> {
  const jobs = new Map<string, { started: number[], finished: number[] }>()
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
  for (const line of lines) {
    const [what, job, token] = line.split(' ') as ['start' | 'finish', string, string]
    const deliveries = jobs.get(job) ?? { started: [], finished: [] }
    jobs.set(job, deliveries)
    deliveries[what === 'start' ? 'started' : 'finished'].push(Number(token))
  }
  return jobs
}
