import { inspect, stripVTControlCharacters } from 'node:util'
import type { Client } from '../../client/client.ts'
import type { JobHandle } from '../../client/job-handle.ts'
import { isFinal } from '../../jobs/states.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { LogLevel } from '../../kernel/logger.ts'
import { withClient } from '../broker.ts'
import { type CallFlags, argument, callOf, definitionIn } from '../calls.ts'
import { toJson, toText } from '../output.ts'
import { whileWaiting } from '../views/waiting.ts'

export interface EnqueueCommandOptions extends CallFlags {
  broker: string
  payloads?: string
  tasks?: string[]
  wait?: true | Duration
  logLevel: LogLevel
  json?: true
}

export async function enqueue(task: string, args: readonly string[], options: EnqueueCommandOptions): Promise<void> {
  const { tasks = [], wait, json } = options
  const known = await definitionIn(tasks, task)
  await withClient(options, async (client) => {
    const job = await client.enqueueByName(task, args.map(argument), callOf(options), known)
    if (wait === undefined) console.log(json ? toJson({ job: job.id, admission: job.admission }) : job.admission === 'created' ? `enqueued ${task} as ${job.id}` : `not enqueued: ${job.id} stands for it`)
    else await waitFor(client, job, options)
  })
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
