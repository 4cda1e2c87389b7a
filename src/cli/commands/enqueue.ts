import { inspect, stripVTControlCharacters } from 'node:util'
import type { Client } from '../../client/client.ts'
import type { JobHandle } from '../../client/job-handle.ts'
import { isFinal } from '../../jobs/states.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { LogLevel } from '../../kernel/logger.ts'
import { tasksOf } from '../../tasks/loader.ts'
import type { CallOptions, TaskDefinition } from '../../tasks/task.ts'
import { withClient } from '../broker.ts'
import { toJson, toText } from '../output.ts'
import { taskModules } from '../task-modules.ts'
import { whileWaiting } from '../views/waiting.ts'

export interface EnqueueCommandOptions {
  broker: string
  payloads?: string
  tasks?: string[]
  queue?: string
  priority?: number
  delay?: Duration
  timeout?: Duration
  retries?: number
  expires?: Duration
  tag?: string[]
  unique?: true | string
  idempotencyKey?: string
  wait?: true | Duration
  logLevel: LogLevel
  json?: true
}

export async function enqueue(task: string, args: readonly string[], options: EnqueueCommandOptions): Promise<void> {
  const { tasks = [], wait, json, retries, queue, priority, delay, timeout, expires, tag, unique, idempotencyKey } = options
  const known = await definition(task, tasks)
  const call: CallOptions = {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(delay === undefined ? {} : { delay }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(expires === undefined ? {} : { expires }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(unique === undefined ? {} : { unique: unique === true || { key: unique } }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(retries === undefined ? {} : { retry: { limit: retries } })
  }
  await withClient(options, async (client) => {
    const job = await client.enqueueByName(task, args.map(parse), call, known)
    if (wait === undefined) console.log(json ? toJson({ job: job.id, admission: job.admission }) : job.admission === 'created' ? `enqueued ${task} as ${job.id}` : `not enqueued: ${job.id} stands for it`)
    else await waitFor(client, job, options)
  })
}

/** Of the modules that were named, so that a mistyped task is refused and its options apply; without any, all there is is its name. */
async function definition(task: string, modules: readonly string[]): Promise<TaskDefinition | undefined> {
  if (modules.length === 0) return undefined
  const registries = await Promise.all(taskModules(modules).map((module) => tasksOf(module)))
  return (registries.find((registry) => registry.has(task)) ?? registries[0]!).get(task)
}

async function waitFor(client: Client, job: JobHandle, { wait, json, logLevel }: EnqueueCommandOptions): Promise<void> {
  const result = (): Promise<unknown> => job.result(wait === true || wait === undefined ? {} : { timeout: wait })
  let value: unknown
  try {
    value = await (process.stderr.isTTY && !json ? whileWaiting(client, job, result) : result())
  } catch (error) {
    const { state, attempt, error: last } = await client.read(job.id)
    if (!isFinal(state)) {
      // Why it has not ended yet, such as a worker that lacks the task.
      if (last && !json) console.error(stripVTControlCharacters(`${last.name}: ${last.message}`))
      throw error
    }
    process.exitCode = 1
    const { name, message, code = 'FAILED' } = error as Error & { code?: unknown }
    if (json) return console.error(toJson({ error: { code, name, message }, job: job.id, state }))
    console.error(`${logLevel === 'debug' ? inspect(error) : stripVTControlCharacters(`${name}: ${message}`)}\n${state} at attempt ${attempt}; more: treadle status ${job.id}`)
    return
  }
  console.log(json ? toJson({ job: job.id, result: value ?? null }) : toText(value))
}

/** An argument is JSON; what is not is text, so that words need no quotes. */
function parse(argument: string): unknown {
  try {
    return JSON.parse(argument)
  } catch {
    return argument
  }
}
