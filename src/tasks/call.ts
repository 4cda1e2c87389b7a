import { checkedArgs } from './checked-args.ts'
import { runInside } from './middleware.ts'
import type { OpenResources } from './resource.ts'
import type { TaskDefinition } from './task.ts'

/** Whether a call of the task is one of its function, and nothing else. */
export function isBare({ schema, middleware, resources }: TaskDefinition): boolean {
  return !schema && middleware.length === 0 && resources.length === 0
}

/** Calls the task as an executor does: with all that was said to be done before and around it. A promise only where something of that is async. */
export function callOf(definition: TaskDefinition, given: readonly unknown[], opened: OpenResources): unknown {
  const { name: task, middleware, resources, fn } = definition
  if (isBare(definition)) return fn(...given as never[])
  const run = (args: readonly unknown[]): unknown => {
    const call = (): unknown => runInside(middleware, { task, args }, () => fn(...args as never[]))
    const opening = opened.open(resources)
    return opening ? opening.then(call) : call()
  }
  const args = checkedArgs(definition, given)
  return args instanceof Promise ? args.then(run) : run(args)
}
