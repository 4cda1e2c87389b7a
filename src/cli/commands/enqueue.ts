import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connect } from '../../client/connect.ts'
import type { Duration } from '../../kernel/duration.ts'
import { tasksOf } from '../../tasks/loader.ts'
import type { CallOptions } from '../../tasks/task.ts'
import { toJson, toText } from '../output.ts'

export interface EnqueueCommandOptions {
  broker: string
  tasks?: string[]
  queue?: string
  priority?: number
  delay?: Duration
  timeout?: Duration
  retries?: number
  expires?: Duration
  wait?: true | Duration
  json?: true
}

export async function enqueue(task: string, args: readonly string[], options: EnqueueCommandOptions): Promise<void> {
  const { broker, tasks = [], wait, json, retries, queue, priority, delay, timeout, expires } = options
  await using client = await connect(broker)
  const registries = await Promise.all(tasks.map((module) => tasksOf(pathToFileURL(resolve(module)).href)))
  const known = registries.find((registry) => registry.has(task))
  const call: CallOptions = {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(delay === undefined ? {} : { delay }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(expires === undefined ? {} : { expires }),
    ...(retries === undefined ? {} : { retry: { limit: retries } })
  }
  if (tasks.length > 0 && !known) registries[0]!.get(task) // throws, with the names that there are
  const job = await client.enqueueByName(task, args.map(parse), call, known?.get(task))
  if (wait === undefined) {
    console.log(json ? toJson({ job: job.id }) : `enqueued ${task} as ${job.id}`)
    return
  }
  const result = await job.result(wait === true ? {} : { timeout: wait })
  console.log(json ? toJson({ job: job.id, result: result ?? null }) : toText(result))
}

/** An argument is JSON; what is not is text, so that words need no quotes. */
function parse(argument: string): unknown {
  try {
    return JSON.parse(argument)
  } catch {
    return argument
  }
}
