import type { Duration } from '../kernel/duration.ts'
import { tasksOf } from '../tasks/loader.ts'
import type { CallOptions, TaskDefinition } from '../tasks/task.ts'
import { taskModules } from './task-modules.ts'

/** The options by which commands say how a call is to be run. */
export interface CallFlags {
  queue?: string
  priority?: number
  delay?: Duration
  timeout?: Duration
  retries?: number
  expires?: Duration
  tag?: string[]
  unique?: true | string
  idempotencyKey?: string
}

export function callOf({ queue, priority, delay, timeout, retries, expires, tag, unique, idempotencyKey }: CallFlags): CallOptions {
  return {
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
}

/** Of the modules that were named, so that a mistyped task is refused and its options apply; without any, all there is is its name. */
export async function definitionIn(modules: readonly string[], task: string): Promise<TaskDefinition | undefined> {
  if (modules.length === 0) return undefined
  const registries = await Promise.all(taskModules(modules).map((module) => tasksOf(module)))
  return (registries.find((registry) => registry.has(task)) ?? registries[0]!).get(task)
}

/** An argument is JSON; what is not is text, so that words need no quotes. */
export function argument(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
