import type { AnyTask, Task } from './task.ts'

/** A task and the arguments that it is to be called with: what `call` gives. */
export class TaskCall {
  readonly task: AnyTask
  readonly args: readonly unknown[]

  constructor(task: AnyTask, args: readonly unknown[]) {
    this.task = task
    this.args = args
  }
}

/**
 * A call that is not made yet: what `link` and `linkError` take. What became of the job that led to it, the function finds in `context().parent`.
 *
 * @example
 * export const announce = task({ name: 'announce' }, (list: string) => console.log(list, context().parent?.result))
 * export const measure = task({ name: 'measure', link: call(announce, 'everybody') }, (text: string) => text.length)
 */
export function call<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): TaskCall {
  return new TaskCall(task as unknown as AnyTask, args)
}
