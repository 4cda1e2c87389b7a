import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Client } from '../../src/client/client.ts'

/** What one delivery wrote of itself, or who killed the worker `pid` of it. */
export interface Note {
  readonly what: 'start' | 'finish' | 'killed'
  readonly job: string
  readonly token: number
  readonly pid: number
  readonly parent: number
}

export function readNotes(path: string): readonly Note[] {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : []
  return lines.map((line) => {
    const [what, job, token, pid, parent] = line.split(' ') as [Note['what'], string, string, string, string]
    return { what, job, token: Number(token), pid: Number(pid), parent: Number(parent) }
  })
}

/** What the tasks themselves wrote, outside the database: by job, the deliveries that started and that finished. */
export function readJournal(path: string): ReadonlyMap<string, { started: number[], finished: number[] }> {
  const jobs = new Map<string, { started: number[], finished: number[] }>()
  for (const { what, job, token } of readNotes(path)) {
    const deliveries = jobs.get(job) ?? { started: [], finished: [] }
    jobs.set(job, deliveries)
    deliveries[what === 'start' ? 'started' : 'finished'].push(token)
  }
  return jobs
}

/** Joins what the tasks wrote down themselves with what the store says was accepted: no job was lost, each has one completion, that of its last delivery. */
export async function expectOneCompletionEach(queue: Pick<Client, 'read'>, path: string, ids: readonly string[]): Promise<Awaited<ReturnType<Client['read']>>[]> {
  const deliveries = readJournal(path)
  const jobs = await Promise.all(ids.map((id) => queue.read(id)))
  for (const job of jobs) {
    expect(job.state).toBe('succeeded')
    const accepted = job.result
    expect(accepted).toBe(job.token)
    const { started, finished } = deliveries.get(job.id)!
    expect(new Set(started).size).toBe(started.length)
    expect(finished.filter((token) => token === accepted)).toHaveLength(1)
  }
  expect(deliveries.size).toBe(ids.length)
  return jobs
}
