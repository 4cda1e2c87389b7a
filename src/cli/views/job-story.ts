import { stripVTControlCharacters, styleText } from 'node:util'
import type { JobRecord, ToldStory } from '../../client/job-handle.ts'
import type { HistoryEntry } from '../../jobs/history.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { toText } from '../output.ts'
import { shownProgress } from '../terminal/bar.ts'
import { logLine } from '../terminal/log-line.ts'
import { table } from '../terminal/table.ts'
import { oneLine } from '../terminal/text.ts'

export interface StoryOptions {
  readonly now: number
  /** How many log lines, of the newest. */
  readonly logs: number
}

const words: Readonly<Record<HistoryEntry['event'], string>> = {
  publish: 'enqueued',
  due: 'due',
  unblock: 'unblocked',
  reserve: 'started',
  succeed: 'succeeded',
  retry: 'failed, to be retried',
  fail: 'failed',
  release: 'handed back',
  defer: 'put off',
  rescue: 'lost its worker',
  cancel: 'cancel asked for',
  stop: 'stopped',
  bury: 'set aside',
  revive: 'begun anew'
}

/** One job, and what became of it. */
export function storyLines(job: JobRecord, story: ToldStory, { now, logs }: StoryOptions, columns: number): string[] {
  const parts = [facts(job, now, columns), history(story.history, columns)]
  if (story.args) parts.push(section('arguments', ...story.args.map(toText)))
  if (story.originalArgs) parts.push(section('enqueued with', ...story.originalArgs.map(toText)))
  if (job.error) parts.push(section('error', ...linesOf(`${job.error.name}: ${job.error.message}`)))
  if (job.state === 'succeeded') parts.push(section('result', toText(job.result)))
  if (story.logs.length > 0) parts.push(logged(story, logs))
  return parts.join('\n\n').split('\n')
}

function facts(job: JobRecord, now: number, columns: number): string {
  const { progress, startedAt, finishedAt, tags } = job
  const rows = [
    ['task', job.task],
    ['state', job.cancelling ? `${job.state}, and is being cancelled` : job.state],
    ['queue', job.queue],
    ...job.key === undefined ? [] : [['key', job.ordered ? `${job.key}, in order` : job.key]],
    ...tags.length > 0 ? [['tags', tags.join(', ')]] : [],
    ['attempts', `${job.attempt} (${job.token} deliveries, ${job.rescues} rescues${job.deaths > 0 ? `, ended its thread or process ${job.deaths} times` : ''})`],
    ...job.suspect ? [['suspect', 'a worker died with it: it runs alone, in a child process']] : [],
    ...job.parent ? [['enqueued by', `the end of ${job.parent.job}, which ${job.parent.state === 'dead' ? 'is dead' : job.parent.state}`]] : [],
    ...job.worker === undefined ? [] : [['worker', job.worker]],
    ...progress ? [['progress', shownProgress(progress, startedAt === undefined || finishedAt !== undefined ? undefined : now - startedAt, columns >= 80 ? 20 : 0)]] : [],
    ['created', shownTime(job.createdAt)],
    ['due', shownTime(job.dueAt)],
    ...startedAt === undefined ? [] : [['started', shownTime(startedAt)]],
    ['ended', shownTime(finishedAt)],
    ['took', job.spent ? `${formatDuration(job.spent.wall)}, of the processor ${formatDuration(job.spent.cpu)}` : '–']
  ]
  return table(['job', job.id], rows, { width: columns })
}

function history(entries: readonly HistoryEntry[], columns: number): string {
  const [first] = entries
  return table(['after', 'what', 'attempt', 'took', 'worker', 'error'], entries.map(({ at, event, attempt, worker, spent, error }) => [
    formatDuration(at - first!.at), words[event], attempt === 0 ? '–' : attempt, spent ? formatDuration(spent.wall) : '–', worker ?? '–', error ? oneLine(`${error.name}: ${error.message}`) : '–'
  ]), { width: columns, kept: 2 })
}

function logged({ logs: all }: ToldStory, most: number): string {
  const shown = all.slice(-most)
  const lines = shown.map(({ at, level, message, fields }) => logLine({ time: shownTime(at), level, message, fields: JSON.parse(fields) as Record<string, unknown> }, process.stdout))
  const left = all.length - shown.length
  return section('logged', ...left > 0 ? [styleText('dim', `… ${left} lines before these: --logs shows them`)] : [], ...lines)
}

function section(title: string, ...lines: readonly string[]): string {
  return [styleText('bold', title), ...lines].join('\n')
}

/** Its lines, without anything else that would move the cursor. */
function linesOf(text: string): string[] {
  return stripVTControlCharacters(text).split(/\r?\n/).map(oneLine)
}

function shownTime(at: number | undefined): string {
  if (at === undefined) return '–'
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? 'never' : date.toISOString()
}
