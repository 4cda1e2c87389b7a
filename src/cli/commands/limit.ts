import type { Client } from '../../client/client.ts'
import type { Limited, Limits } from '../../client/limits.ts'
import type { Gate, GateName } from '../../jobs/gates.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { withJobs } from '../broker.ts'
import { UsageError } from '../errors.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

export interface LimitCommandOptions extends Limited {
  broker: string
  json?: true
}

export type SetLimitOptions = LimitCommandOptions & Limits

export async function listLimits(options: LimitCommandOptions): Promise<void> {
  const limits = await withJobs(options, (client) => client.limits())
  if (options.json) return console.log(toJson(limits))
  console.log(limits.length === 0 ? 'Nothing is limited, paused or held: treadle limit set --queue NAME --concurrency 10' : shown(limits))
}

export async function setLimit(options: SetLimitOptions): Promise<void> {
  const { concurrency, rate, weight } = options
  const limits = { ...(concurrency === undefined ? {} : { concurrency }), ...(rate === undefined ? {} : { rate }), ...(weight === undefined ? {} : { weight }) }
  if (Object.keys(limits).length === 0) throw new UsageError('treadle limit set takes --concurrency, --rate or --weight. To take limits away: treadle limit clear')
  await act(options, 'limited', (client, of) => client.limit(of, limits))
}

export async function clearLimit(options: LimitCommandOptions): Promise<void> {
  await act(options, 'not limited', (client, of) => client.limit(of, null))
}

export async function pause(options: LimitCommandOptions): Promise<void> {
  await act(options, 'paused', (client, of) => client.pause(of))
}

export async function resume(options: LimitCommandOptions): Promise<void> {
  await act(options, 'resumed', (client, of) => client.resume(of))
}

async function act(options: LimitCommandOptions, is: string, change: (client: Client, of: Limited) => Promise<void>): Promise<void> {
  const { json, queue = 'default', task, key } = options
  const of = { queue, ...(task === undefined ? {} : { task }), ...(key === undefined ? {} : { key }) }
  await withJobs(options, (client) => change(client, of))
  console.log(json ? toJson({ ...of, is }) : `queue ${queue}${task === undefined && key === undefined ? '' : `, ${part(of)}`}: ${is}`)
}

function shown(limits: readonly Gate[]): string {
  return table(['queue', 'what of it', 'concurrency', 'rate', 'weight', 'is'], limits.map((gate) => {
    const { queue, rule: { concurrency = '–', rate, weight = '–' }, paused, heldUntil } = gate
    return [
      queue, part(gate), concurrency, rate ? `${rate.limit} per ${formatDuration(rate.per)}` : '–', weight,
      paused ? 'paused' : heldUntil > 0 ? `held until ${new Date(heldUntil).toISOString()}` : 'open'
    ]
  }), process.stdout.isTTY ? { width: process.stdout.columns, kept: 1 } : {})
}

function part({ task, key }: Pick<GateName, 'task' | 'key'>): string {
  return task !== undefined ? `task ${task}` : key === '*' ? 'each key' : key !== undefined ? `key ${key}` : 'all'
}
