import type { Client } from '../../client/client.ts'
import type { ControlCommandName } from '../../jobs/control-commands.ts'
import type { ControlOptions, ConcurrencyOptions } from '../../client/control.ts'
import { type Duration, formatDuration } from '../../kernel/duration.ts'
import type { Amount } from '../config/settings.ts'
import { withJobs } from '../broker.ts'
import { UsageError } from '../errors.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

export interface ControlCommandOptions {
  broker: string
  worker?: string[]
  timeout: Duration
  deadline: Duration
  threads?: Amount
  loop?: Amount
  blocking?: Amount
  processes?: Amount
  json?: true
}

/** What each worker answered, for people: a heading, and rows. */
type Shown = readonly [heading: readonly string[], rows: readonly (readonly (string | number)[])[]]

export async function control(command: ControlCommandName, options: ControlCommandOptions): Promise<void> {
  const { worker, timeout, json } = options
  const changes = changesOf(options)
  if ((command === 'concurrency') !== Object.keys(changes).length > 0) {
    throw new UsageError('treadle control concurrency takes at least one of --threads, --loop, --blocking and --processes, such as --threads +1; other commands take none of them.')
  }
  await withJobs(options, async (client) => {
    const asked: ControlOptions = { timeout, ...(worker ? { workers: worker } : {}) }
    const answers = command === 'shutdown' ? await client.control.shutdown({ ...asked, deadline: options.deadline })
      : command === 'concurrency' ? await client.control.concurrency({ ...asked, ...changes }) : await client.control[command](asked)
    if (answers.size === 0) process.exitCode = 1
    if (json) return console.log(toJson(Object.fromEntries(answers)))
    if (answers.size === 0) return console.log('No worker answered. Those obey that were started with --control; "treadle status" shows which workers live.')
    const [heading, rows] = shownAs[command](answers as never)
    console.log(table(heading, rows, process.stdout.isTTY ? { width: process.stdout.columns } : {}))
  })
}

function changesOf({ threads, loop, blocking, processes }: ControlCommandOptions): ConcurrencyOptions {
  return Object.fromEntries(Object.entries({ threads, loop, blocking, processes }).filter(([, amount]) => amount !== undefined))
}

type Answered<Name extends ControlCommandName> = Awaited<ReturnType<Client['control'][Name]>>

const attempts = (answers: Answered<'active'>): Shown => [['worker', 'task', 'job', 'attempt', 'held for'], [...answers].flatMap(([id, held]) =>
  held.length === 0 ? [[id, '–', '–', '–', '–']] : held.map((one) => [id, one.task, one.job, one.attempt, formatDuration(one.held)]))]

const states = (answers: ReadonlyMap<string, Readonly<Record<string, unknown>>>): Shown => [['worker', 'is'], Array.from(answers, ([id, answer]) => [id, shownState(answer)])]

const shownAs: { readonly [Name in ControlCommandName]: (answers: Answered<Name>) => Shown } = {
  ping: states, pause: states, resume: states, shutdown: states,
  active: attempts, reserved: attempts,
  stats: (answers) => [['worker', 'is', 'up', 'active', 'reserved', 'at once', 'memory'], Array.from(answers, ([id, one]) => [
    id, one.ready ? 'ready' : one.reasons.join(', '), formatDuration(one.uptime), one.active, one.reserved, shownCounts(one.concurrency), `${Math.round(one.memory / 2 ** 20)} MiB`
  ])],
  registered: (answers) => [['worker', 'task', 'version', 'runs'], [...answers].flatMap(([id, tasks]) => tasks.map(({ name, version, runs }) => [id, name, version, runs]))],
  concurrency: (answers) => [['worker', 'at once'], Array.from(answers, ([id, counts]) => [id, shownCounts(counts)])]
}

function shownState({ closing, paused }: Readonly<Record<string, unknown>>): string {
  return closing === true ? 'about to end' : paused === true ? 'paused' : 'working'
}

function shownCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([place, count]) => `${place} ${count}`).join(', ')
}
