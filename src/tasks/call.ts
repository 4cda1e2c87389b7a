import { runInside } from './middleware.ts'
import type { TaskDefinition } from './task.ts'

/** Calls the task as an executor does: with all that was said to be done around it. A promise only where something of it is async. */
export function callOf(definition: TaskDefinition, args: readonly unknown[]): unknown {
  const { name: task, middleware, fn } = definition
  return runInside(middleware, { task, args }, () => fn(...args as never[]))
}
