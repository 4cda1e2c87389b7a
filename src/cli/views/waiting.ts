import { styleText } from 'node:util'
import type { Client } from '../../client/client.ts'
import type { JobHandle, JobRecord } from '../../client/job-handle.ts'
import { systemClock } from '../../kernel/clock.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { shownProgress } from '../terminal/bar.ts'
import { LiveLines } from '../terminal/live-lines.ts'
import { oneLine } from '../terminal/text.ts'

const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
/** Milliseconds between two looks at the job. */
const often = 100
/** A job that waits longer than this makes one ask whether anybody is there to run it. */
const patience = 1_000

/** While `result` is awaited: a line that says how far the job is, gone when it has ended. */
export async function whileWaiting<T>(client: Client, job: JobHandle, result: () => Promise<T>): Promise<T> {
  const ended = new AbortController()
  const watching = watchJob(client, job, ended.signal)
  const leave = (): void => {
    console.error(`Not waited for any longer. The job goes on: treadle status ${job.id}`)
    process.exit(130)
  }
  process.once('SIGINT', leave)
  try {
    return await result()
  } finally {
    ended.abort()
    await watching
    process.off('SIGINT', leave)
  }
}

async function watchJob(client: Client, { id }: JobHandle, ended: AbortSignal): Promise<void> {
  using lines = new LiveLines(process.stderr)
  const began = systemClock.elapsed()
  for (let look = 0; !ended.aborted; look++) {
    const job = await client.read(id).catch(() => undefined)
    if (job && !ended.aborted) {
      const alone = job.state === 'ready' && systemClock.elapsed() - began > patience && (await client.stats()).workers.length === 0
      lines.draw([`${styleText('cyan', frames[look % frames.length]!, { stream: process.stderr })} ${described(job, systemClock.elapsed() - began, alone)}`])
    }
    await systemClock.sleep(often, ended)
  }
  lines.draw([])
}

function described({ task, state, attempt, startedAt, progress, error }: JobRecord, waited: number, alone: boolean): string {
  const now = systemClock.now()
  if (state === 'active') {
    const elapsed = Math.max(0, now - (startedAt ?? now))
    const columns = Math.min(24, Math.max(0, (process.stderr.columns ?? 80) - 60))
    return `${task}  ${formatDuration(elapsed)}${attempt > 1 ? `  attempt ${attempt}` : ''}${progress ? `  ${shownProgress(progress, elapsed, columns)}` : ''}`
  }
  const why = alone ? '  no worker is running: treadle worker --tasks <module>' : error ? `  ${oneLine(`${error.name}: ${error.message}`)}` : ''
  return `${task}  ${state}  ${formatDuration(waited)}${why}`
}
