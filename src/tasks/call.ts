import { checkedArgs } from './checked-args.ts'
import { runInside } from './middleware.ts'
import type { OpenResources } from './resource.ts'
import type { TaskDefinition } from './task.ts'

/** Calls the task as an executor does: with all that was said to be done before and around it. A promise only where something of that is async. */
export function callOf(definition: TaskDefinition, given: readonly unknown[], opened: OpenResources): unknown {
  const { name: task, schema, middleware, resources, fn } = definition
  if (!schema && middleware.length === 0 && resources.length === 0) return fn(...given as never[])
  const run = (args: readonly unknown[]): unknown => {
    const call = (): unknown => runInside(middleware, { task, args }, () => fn(...args as never[]))
    const opening = opened.open(resources)
    return opening ? opening.then(call) : call()
  }
  const args = checkedArgs(definition, given)
  return args instanceof Promise ? args.then(run) : run(args)
}
