import { DuplicateTaskError, UnknownTaskError } from '../kernel/errors.ts'
import { shownModule } from './source.ts'
import { type AnyTask, type TaskDefinition, definitionOf, isTask } from './task.ts'

/** Tasks as people hand them over: `import * as tasks from './tasks.ts'`, an object, or an array. What is not a task is passed over. */
export type Tasks = Readonly<Record<string, unknown>> | readonly AnyTask[]

/** The tasks of one `local`, client or thread, by name. */
export class TaskRegistry {
  readonly #byName = new Map<string, TaskDefinition>()

  constructor(tasks: Tasks = []) {
    for (const value of Object.values(tasks)) if (isTask(value)) this.add(definitionOf(value, 'tasks'))
  }

  /** @throws DuplicateTaskError where another function already bears the name */
  add(definition: TaskDefinition): void {
    const known = this.#byName.get(definition.name)
    if (!known) this.#byName.set(definition.name, definition)
    else if (known.fn !== definition.fn) throw new DuplicateTaskError(definition.name, shownSource(known), shownSource(definition))
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** @throws UnknownTaskError */
  get(name: string): TaskDefinition {
    const found = this.#byName.get(name)
    if (!found) throw new UnknownTaskError(name, this.names)
    return found
  }

  get names(): string[] {
    return [...this.#byName.keys()]
  }

  [Symbol.iterator](): IterableIterator<TaskDefinition> {
    return this.#byName.values()
  }
}

function shownSource(definition: TaskDefinition): string {
  return definition.source.modules[0] ? shownModule(definition.source.modules[0]) : 'an unknown module'
}
