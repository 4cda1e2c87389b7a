import { runInside } from './middleware.ts'
import type { OpenResources } from './resource.ts'
import type { TaskDefinition } from './task.ts'

/** Calls the task as an executor does: with all that was said to be done around it. A promise only where something of it is async. */
export function callOf(definition: TaskDefinition, args: readonly unknown[], opened: OpenResources): unknown {
  const { name: task, middleware, resources, fn } = definition
  const run = (): unknown => runInside(middleware, { task, args }, () => fn(...args as never[]))
  const opening = opened.open(resources)
  return opening ? opening.then(run) : run()
}
