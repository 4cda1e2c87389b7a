import { InvalidOptionError } from '../kernel/errors.ts'
import { checkQueueName } from '../tasks/task.ts'

/** By the task's name, in which a `*` stands for any characters, the queue. The first that fits counts. */
export type Routes = Readonly<Record<string, string>>

/** @throws InvalidOptionError */
export function checkRoutes(routes: Routes): readonly (readonly [pattern: RegExp, queue: string])[] {
  if (typeof routes !== 'object' || routes === null || Array.isArray(routes)) throw new InvalidOptionError('routes', routes, "an object, such as { 'mail.*': 'mail' }")
  return Object.entries(routes).map(([pattern, queue]) => {
    if (!/^[\w.:*-]{1,200}$/.test(pattern)) throw new InvalidOptionError('routes', pattern, "names of tasks, in which * stands for any characters, such as 'mail.*'")
    checkQueueName(queue)
    return [new RegExp(`^${pattern.split('*').map((part) => part.replaceAll('.', '\\.')).join('.*')}$`), queue] as const
  })
}
