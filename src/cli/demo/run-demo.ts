import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import { connect } from '../../client/connect.ts'
import { systemClock } from '../../kernel/clock.ts'
import { TreadleError } from '../../kernel/errors.ts'
import { counted } from '../output.ts'
import { type Account, account } from './account.ts'
import { type TaskRow, compare, sameFiles, sum } from './comparison.ts'
import { type Datasets, findDatasets } from './datasets.ts'
import { readJournal } from './journal.ts'
import { type Killing, killOne } from './killing.ts'
import type { Done } from './one-after-another.ts'
import { type PlaceRun, comparePlaces } from './places.ts'
import type { Progress } from './progress.ts'
import { type StepRun, runInQueue } from './queue-run.ts'
import { Stage, messagesOf } from './stage.ts'
import * as tasks from './tasks.ts'
import { Workers } from './workers.ts'
import { type Step, workload } from './workload.ts'

export interface DemoOptions {
  readonly kill: boolean
  readonly progress: Progress
}

/** All that the demo has measured; times in milliseconds. */
export interface DemoRun {
  readonly cores: number
  readonly account: Account
  readonly rows: readonly TaskRow[]
  readonly places: readonly PlaceRun[]
  readonly killing: Killing | undefined
  /** Late completions that the store refused. */
  readonly refused: number
  /** Whether every result and every downloaded file is byte for byte the one of the run without a queue. */
  readonly outputsEqual: boolean
  /** The whole demo. */
  readonly took: number
}

/** A dead worker is noticed after this long; an ordinary worker may be silent for five times as long. */
export const lease = '1s'

/** Does the work in the queue, does it again one after another, and compares the places. */
export async function runDemo({ kill, progress }: DemoOptions): Promise<DemoRun> {
  const began = systemClock.elapsed()
  const datasets = findDatasets()
  await using stage = new Stage()
  const server = await startDataServer(stage)
  const broker = `sqlite:${join(stage.folder, 'demo.db')}`
  const journal = join(stage.folder, 'journal.jsonl')
  const workers = new Workers(stage, broker, lease, journal)
  await using client = await connect(broker, { tasks })
  const started = await Promise.all(Array.from({ length: kill ? 2 : 1 }, () => workers.start()))
  progress.say(`  ${counted(started.length, 'worker')} (process ${started.map(({ pid }) => pid).join(' and ')}) ready after ${Math.round(systemClock.elapsed() - began)} ms`)

  const queued = { server, folder: stage.subfolder('queued'), files: datasets.files }
  const { runs, killing } = await workers.guarded(runAll(workload(queued), { client, workers, progress, kill }))
  const lines = readJournal(journal)
  const heard = new Map(runs.flatMap(({ jobs }) => jobs.map((job) => [job.id, job] as const)))

  const plain = { server, folder: stage.subfolder('plain'), files: datasets.files }
  const done = await runPlain(stage, plain, heard.size, progress)

  await workers.keepOne()
  const folder = stage.subfolder('places')
  const places = await workers.guarded(comparePlaces({
    client, server, folder, progress,
    file: 'weather.csv',
    matrix: join(queued.folder, 'weather.csv')
  }))

  const rows = compare(runs, done, lines)
  const kept = (await Promise.all(runs.map(({ step }) => client.list({ task: step.definition.name, limit: 1_000 })))).flat()
  return {
    cores: availableParallelism(),
    account: account(heard, kept, readJournal(journal)),
    rows,
    places,
    killing,
    refused: workers.refused,
    outputsEqual: rows.every(({ equal }) => equal) && sameFiles(datasets.files, queued.folder, plain.folder),
    took: systemClock.elapsed() - began
  }
}

interface QueueParts {
  readonly client: Client
  readonly workers: Workers
  readonly progress: Progress
  readonly kill: boolean
}

async function runAll(steps: readonly Step[], { client, workers, progress, kill }: QueueParts): Promise<{ runs: StepRun[], killing: Killing | undefined }> {
  const all = sum(steps.map(({ calls }) => calls))
  let ended = 0
  let killing: Promise<Killing> | undefined
  const onEnd = (): void => {
    if (++ended >= all / 2 && kill) killing ??= killOne(workers, client, ended, all, progress)
  }
  const runs: StepRun[] = []
  for (const step of steps) runs.push(await runInQueue(step, { client, progress, onEnd }))
  return { runs, killing: await killing }
}

async function runPlain(stage: Stage, place: { server: string, folder: string, files: Datasets['files'] }, calls: number, progress: Progress): Promise<Done[]> {
  const bar = progress.bar('one after another', calls)
  const child = stage.fork('one-after-another-process')
  const messages = messagesOf<Done>(child, 'run one after another')
  child.send(place)
  const done: Done[] = []
  for await (const one of messages) {
    done.push(one)
    bar.advance()
  }
  bar.end()
  return done
}

async function startDataServer(stage: Stage): Promise<string> {
  for await (const { port } of messagesOf<{ port: number }>(stage.fork('data-server-process'), 'data server')) {
    return `http://127.0.0.1:${port}/`
  }
  throw new TreadleError('The data server of the demo ended before it listened.')
}
