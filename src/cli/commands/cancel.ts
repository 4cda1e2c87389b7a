import { createInterface } from 'node:readline/promises'
import type { Client } from '../../client/client.ts'
import type { CancelFilter } from '../../client/job-filters.ts'
import { withJobs } from '../broker.ts'
import { UsageError } from '../errors.ts'
import { type Chosen, eachJob, filterOf, isChosen, shownFilter } from '../filters.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

export interface CancelCommandOptions extends Chosen<NonNullable<CancelFilter['state']>> {
  broker: string
  yes?: true
  json?: true
}

/** What an outcome means, where the word alone does not say it. */
const meanings: Readonly<Record<string, string>> = {
  stopping: 'stopping: the worker was asked to stop it, and does within its grace.',
  unreachable: 'unreachable: its worker is silent; the job is cancelled when it is taken from that worker, once the lease has run out.',
  unknown: 'unknown: there is no such job. It may have been removed, or --broker names another backend.'
}

export async function cancel(jobs: readonly string[], options: CancelCommandOptions): Promise<void> {
  const { json } = options
  if ((jobs.length > 0) === isChosen(options)) {
    throw new UsageError('treadle cancel takes either the ids of jobs, or what all of them have in common: --tag, --queue, --task, --state.')
  }
  await withJobs(options, async (client) => {
    const outcomes: [string, string | number][] = jobs.length > 0 ? await eachJob(jobs, (job) => client.cancel(job)) : Object.entries(await cancelAll(client, options))
    if (json) return console.log(toJson(Object.fromEntries(outcomes)))
    if (outcomes.length === 0) return console.log('Nothing was cancelled.')
    console.log(table(jobs.length > 0 ? ['job', 'is'] : ['is now', 'jobs'], outcomes))
    const told = Object.entries(meanings).filter(([word]) => outcomes.flat().includes(word)).map(([, meaning]) => meaning)
    if (told.length > 0) console.log(`\n${told.join('\n')}`)
  })
}

async function cancelAll(client: Client, options: CancelCommandOptions): Promise<Record<string, number>> {
  const filter = filterOf(options)
  if (!options.yes) {
    if (!process.stdin.isTTY || !process.stdout.isTTY) throw new UsageError(`This would cancel all jobs of ${shownFilter(options)}. Add --yes, where nobody can be asked.`)
    const many = await countOf(client, filter)
    if (many === '0' || !await confirmed(`Cancel ${many} jobs (${shownFilter(options)})? [y/N] `)) return {}
  }
  return { ...await client.cancelAll(filter) }
}

async function countOf(client: Client, filter: CancelFilter): Promise<string> {
  const most = 1_000
  const states = filter.state === undefined ? ['scheduled', 'ready', 'active', 'waiting'] as const : [filter.state]
  const counts = await Promise.all(states.map(async (state) => (await client.list({ ...filter, state, limit: most })).length))
  return `${counts.reduce((sum, count) => sum + count, 0)}${counts.includes(most) ? ' or more' : ''}`
}

async function confirmed(question: string): Promise<boolean> {
  using lines = createInterface({ input: process.stdin, output: process.stdout })
  const asked = new AbortController()
  lines.once('close', () => asked.abort())
  try {
    return /^y(es)?$/i.test((await lines.question(question, { signal: asked.signal })).trim())
  } catch {
    return false // Ctrl+C, or the end of the input
  }
}
