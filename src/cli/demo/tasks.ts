import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { context } from '../../tasks/context.ts'
import { type Task, task } from '../../tasks/task.ts'
import { journaled } from './journal.ts'
import { inverse, matrixFrom, numbersIn, residual } from './matrix.ts'
import { type Fit, type SeriesChoice, fitWave, seriesIn } from './series.ts'
import { type Found, searchFor } from './text-search.ts'

// Plain functions, and below them the tasks made of them. Each gives the same answer wherever and however often it runs.

export interface Download {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** Written under another name first: an attempt that is killed half-way leaves no half file, and two at once do no harm. */
async function fetchToDisk(server: string, name: string, folder: string): Promise<Download> {
  const { signal } = context()
  const response = await fetch(new URL(name, server), { signal })
  if (!response.ok) throw new Error(`${name}: the server answered ${response.status}`)
  const body = new Uint8Array(await response.arrayBuffer())
  const unfinished = join(folder, `.${name}.${randomUUID()}`)
  await writeFile(unfinished, body)
  await rename(unfinished, join(folder, name))
  return { name, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }
}

function search(path: string, terms: readonly string[]): Found {
  return searchFor(terms, readFileSync(path, 'utf8'))
}

export interface Inverted {
  readonly n: number
  readonly trace: number
  /** How far matrix·inverse is from doing nothing. */
  readonly residual: number
  /** Of the inverse's bytes: equal only where every one of its numbers is. */
  readonly sha256: string
}

function invert(path: string, n: number): Inverted {
  const matrix = matrixFrom(numbersIn(readFileSync(path, 'utf8')), n)
  const inverted = inverse(matrix, n)
  const trace = inverted.reduce((sum, value, at) => at % (n + 1) === 0 ? sum + value : sum, 0)
  return { n, trace, residual: residual(matrix, inverted, n), sha256: createHash('sha256').update(inverted).digest('hex') }
}

function fit(path: string, series: SeriesChoice, rounds: number): Fit {
  return fitWave(seriesIn(readFileSync(path, 'utf8'), series), rounds)
}

/** Asks for what the server has ready only at the third attempt. */
async function ask(server: string): Promise<string> {
  const { signal, attempt } = context()
  const response = await fetch(new URL(`unready?attempt=${attempt}`, server), { signal })
  if (!response.ok) throw new Error(`not ready at attempt ${attempt}: the server answered ${response.status}`)
  return await response.text()
}

export const download: Task<[server: string, name: string, folder: string], Promise<Download>> = task(
  { name: 'download', runs: 'loop', timeout: '20s', retry: { limit: 2, initial: '200ms' } },
  journaled(fetchToDisk)
)
export const searchText: Task<[path: string, terms: readonly string[]], Found> = task(
  { name: 'searchText', runs: 'thread' },
  journaled(search)
)
export const invertMatrix: Task<[path: string, n: number], Inverted> = task(
  { name: 'invertMatrix', runs: 'thread' },
  journaled(invert)
)
export const fitCurve: Task<[path: string, series: SeriesChoice, rounds: number], Fit> = task(
  { name: 'fitCurve', runs: 'thread' },
  journaled(fit)
)
export const flaky: Task<[server: string], Promise<string>> = task(
  { name: 'flaky', runs: 'loop', retry: { limit: 2, initial: '100ms', jitter: 'none' } },
  journaled(ask)
)

// The same functions in either place, to compare the places; `nothing` is the cost of a call itself.

export const downloadOnLoop: Task<[server: string, name: string, folder: string], Promise<Download>> = task(
  { name: 'downloadOnLoop', runs: 'loop' },
  fetchToDisk
)
export const downloadOnThread: Task<[server: string, name: string, folder: string], Promise<Download>> = task(
  { name: 'downloadOnThread', runs: 'thread' },
  fetchToDisk
)
export const invertOnLoop: Task<[path: string, n: number], Inverted> = task(
  { name: 'invertOnLoop', runs: 'loop' },
  invert
)
export const invertOnThread: Task<[path: string, n: number], Inverted> = task(
  { name: 'invertOnThread', runs: 'thread' },
  invert
)
export const nothingOnLoop: Task<[], void> = task(
  { name: 'nothingOnLoop', runs: 'loop' },
  () => {}
)
export const nothingOnThread: Task<[], void> = task(
  { name: 'nothingOnThread', runs: 'thread' },
  () => {}
)

/** Processor time that the process it runs in has used so far, in milliseconds. */
export const processorTime: Task<[], number> = task({ name: 'processorTime', runs: 'loop' }, () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
})
