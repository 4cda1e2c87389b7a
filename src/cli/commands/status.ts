import type { Client } from '../../client/client.ts'
import { systemClock } from '../../kernel/clock.ts'
import { type Duration, formatDuration, milliseconds } from '../../kernel/duration.ts'
import { isFinal } from '../../jobs/states.ts'
import { withoutPassword } from '../../backends/urls.ts'
import { withJobs } from '../broker.ts'
import { storyLines } from '../views/job-story.ts'
import { endedIn, overviewLines } from '../views/overview.ts'
import { type View, show, watch } from '../views/watch.ts'

export interface StatusCommandOptions {
  broker: string
  payloads?: string
  /** True: every second. */
  watch?: true | Duration
  logs?: true
  json?: true
}

/** More would not be read. */
const activeShown = 50
const logsShown = 10
/** Who looks more often only keeps others from their work; in milliseconds. */
const shortest = 100

export async function status(job: string | undefined, options: StatusCommandOptions): Promise<void> {
  const { broker, json = false, logs = false } = options
  await withJobs(options, async (client) => {
    const live = options.watch !== undefined
    const every = Math.max(shortest, milliseconds(options.watch === undefined || options.watch === true ? 1_000 : options.watch, '--watch'))
    const look = job === undefined ? overviewOf(client, live ? { broker, every } : undefined) : storyOf(client, job, logs)
    if (live) await watch(look, { every, json })
    else show(await look(), json)
  })
}

function overviewOf(client: Client, live: { broker: string, every: number } | undefined): () => Promise<View> {
  let before: { readonly at: number, readonly ended: number } | undefined
  return async () => {
    const stats = await client.stats()
    const active = await client.list({ state: 'active', limit: activeShown })
    const at = systemClock.elapsed()
    const ended = endedIn(stats)
    // Less than before: some were purged or begin anew.
    const rate = before && ended >= before.ended ? (ended - before.ended) / (at - before.at) * 1_000 : 0
    before = { at, ended }
    const now = systemClock.now()
    const title = live && [
      new Date(now).toTimeString().slice(0, 8),
      `${rate.toFixed(rate < 10 ? 1 : 0)} ended/s`,
      ...process.stdout.isTTY ? [`every ${formatDuration(live.every)}, q ends`] : [],
      withoutPassword(live.broker)
    ].join('  ')
    return {
      record: live ? { ...stats, jobs: active } : stats,
      lines: (columns) => overviewLines({ stats, active, now, ...title === undefined ? {} : { title } }, columns)
    }
  }
}

function storyOf(client: Client, id: string, all: boolean): () => Promise<View> {
  return async () => {
    const job = await client.read(id)
    const story = await client.story(id)
    const now = systemClock.now()
    return {
      record: { ...job, ...story },
      over: isFinal(job.state),
      lines: (columns) => storyLines(job, story, { now, logs: all ? Infinity : logsShown }, columns)
    }
  }
}
