import type { Client } from '../../client/client.ts'
import type { ScheduleOptions, ScheduleRecord } from '../../client/schedule-options.ts'
import { type Duration, formatDuration } from '../../kernel/duration.ts'
import { withClient, withJobs } from '../broker.ts'
import { type CallFlags, argument, callOf, definitionIn } from '../calls.ts'
import { UsageError } from '../errors.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

export interface ScheduleCommandOptions {
  broker: string
  json?: true
}

export interface AddScheduleOptions extends ScheduleCommandOptions, CallFlags {
  tasks?: string[]
  cron?: string
  timeZone?: string
  every?: Duration
  from?: Date
  at?: Date
  missed?: ScheduleOptions['missed']
  jitter?: Duration
}

export async function listSchedules(options: ScheduleCommandOptions): Promise<void> {
  const schedules = await withJobs(options, (client) => client.schedules())
  if (options.json) return console.log(toJson(schedules))
  console.log(schedules.length === 0 ? 'No schedules yet: treadle schedule add NAME TASK --cron "0 3 * * *"' : shown(schedules))
}

export async function addSchedule(name: string, task: string, args: readonly string[], options: AddScheduleOptions): Promise<void> {
  const known = await definitionIn(options.tasks ?? [], task)
  await withClient(options, async (client) => {
    const schedule = await client.scheduleByName(name, timesOf(options), task, args.map(argument), callOf(options), known)
    console.log(options.json ? toJson(schedule) : shown([schedule]))
  })
}

export type ScheduleAct = 'pause' | 'resume' | 'remove'

const acts: Readonly<Record<ScheduleAct, { readonly done: string, readonly act: (client: Client, name: string) => Promise<void> }>> = {
  pause: { done: 'paused', act: (client, name) => client.pauseSchedule(name) },
  resume: { done: 'goes on', act: (client, name) => client.resumeSchedule(name) },
  remove: { done: 'removed', act: (client, name) => client.removeSchedule(name) }
}

export async function changeSchedule(what: ScheduleAct, name: string, options: ScheduleCommandOptions): Promise<void> {
  const { act, done } = acts[what]
  await withJobs(options, (client) => act(client, name))
  console.log(options.json ? toJson({ schedule: name, is: done }) : `${name} ${done}`)
}

export async function triggerSchedule(name: string, options: ScheduleCommandOptions): Promise<void> {
  const { id } = await withJobs(options, (client) => client.triggerSchedule(name))
  console.log(options.json ? toJson({ schedule: name, job: id }) : `enqueued a job of ${name} as ${id}`)
}

function timesOf({ cron, timeZone, every, from, at, missed, jitter }: AddScheduleOptions): ScheduleOptions {
  const isOne = [cron, every, at].filter((one) => one !== undefined).length === 1 && (timeZone === undefined || cron !== undefined) && (from === undefined || every !== undefined)
  if (!isOne) throw new UsageError('treadle schedule add takes one of --cron (perhaps with --time-zone), --every (perhaps with --from) and --at.')
  const rest = { ...(missed === undefined ? {} : { missed }), ...(jitter === undefined ? {} : { jitter }) }
  if (cron !== undefined) return { ...rest, cron, ...(timeZone === undefined ? {} : { timeZone }) }
  return every === undefined ? { ...rest, at: at! } : { ...rest, every, ...(from === undefined ? {} : { from }) }
}

function shown(schedules: readonly ScheduleRecord[]): string {
  return table(['schedule', 'task', 'queue', 'when', 'next', 'last', 'missed'], schedules.map(({ name, task, queue, rule, paused, nextSlot, lastSlot, missed, jitter }) => {
    const when = 'cron' in rule ? `${rule.cron} ${rule.timeZone}` : 'every' in rule ? `every ${formatDuration(rule.every)}` : 'once'
    return [
      name, task, queue, jitter === 0 ? when : `${when} + ${formatDuration(jitter)}`, paused ? 'paused' : shownTime(nextSlot), shownTime(lastSlot),
      typeof missed === 'object' ? `all up to ${missed.all}` : missed
    ]
  }), process.stdout.isTTY ? { width: process.stdout.columns, kept: 1 } : {})
}

function shownTime(time: number | undefined): string {
  return time === undefined ? 'never' : new Date(time).toISOString().replace('.000', '')
}
