import { type GateName, type GateRule, eachKey, innerName } from '../jobs/gates.ts'
import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { checkKey, checkQueueName } from '../tasks/call-options.ts'
import { checkTaskName } from '../tasks/task.ts'

/** What is limited or paused: a queue, a task in it, or a key in it. */
export interface Limited {
  /** Default: `'default'`. */
  readonly queue?: string
  readonly task?: string
  /** `'*'`: each key that has no limits of its own. */
  readonly key?: string
}

/** How much runs. What is absent is not limited. */
export interface Limits {
  /** How many at the same time, 1 or more. */
  readonly concurrency?: number
  /** How much in a time, longer than 0 and up to 1,000 years: a job takes 1, or its `cost`: the next one waits until there is so much, and those behind it with it. After a quiet time as much may start at once. */
  readonly rate?: { readonly limit: number, readonly per: Duration }
  /** Of a key: its share among the keys that wait, from 0.01 to 60. Default: 1. */
  readonly weight?: number
}

/** @throws InvalidOptionError */
export function gateName(where: string, of: Limited): GateName {
  const { queue = 'default', task, key } = checkOptions(where, of, { queue: true, task: true, key: true })
  checkQueueName(queue)
  if (task !== undefined && key !== undefined) throw new InvalidOptionError(where, key, 'a task or a key, not both')
  if (task !== undefined) checkTaskName(task)
  if (key !== undefined) checkKey('key', key)
  return { queue, ...(task === undefined ? {} : { task }), ...(key === undefined ? {} : { key }) }
}

/** @throws InvalidOptionError */
export function pausable(where: string, of: Limited): GateName {
  const name = gateName(where, of)
  if (innerName(name) === eachKey) throw new InvalidOptionError('key', name.key, 'one key: to pause all of them, pause their queue')
  return name
}

/** @throws InvalidOptionError */
export function gateRule(limits: Limits, { key }: GateName): GateRule {
  const { concurrency, rate, weight } = checkOptions('limit()', limits, { concurrency: true, rate: true, weight: true })
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) throw new InvalidOptionError('concurrency', concurrency, 'a whole number, 1 or more; to start nothing, pause it')
  if (weight !== undefined && !(typeof weight === 'number' && weight >= 0.01 && weight <= 60)) throw new InvalidOptionError('weight', weight, 'a number from 0.01 to 60')
  if (weight !== undefined && key === undefined) throw new InvalidOptionError('weight', weight, 'given for a key: it is its share among the keys of its queue')
  return { ...(concurrency === undefined ? {} : { concurrency }), ...(weight === undefined ? {} : { weight }), ...(rate === undefined ? {} : { rate: checkedRate(rate) }) }
}

function checkedRate(rate: NonNullable<Limits['rate']>): NonNullable<GateRule['rate']> {
  const { limit, per } = checkOptions('rate', rate, { limit: true, per: true })
  if (typeof limit !== 'number' || !(limit > 0 && limit < Infinity)) throw new InvalidOptionError('rate.limit', limit, 'a number, more than 0')
  const ms = waitable(milliseconds(per, 'rate.per'), 'rate.per')
  if (ms === 0) throw new InvalidOptionError('rate.per', per, 'more than 0')
  return { limit, per: ms }
}
