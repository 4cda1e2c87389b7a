import { DuplicateTaskError, UnknownTaskError } from '../kernel/errors.ts'
import { shownModule } from './source.ts'
import { type AnyTask, type TaskDefinition, definitionOf, isTask } from './task.ts'

/** Tasks as people hand them over: `import * as tasks from './tasks.ts'`, an object, or an array. What is not a task is passed over. */
export type Tasks = Readonly<Record<string, unknown>> | readonly AnyTask[]

/** The tasks of one `local`, client or thread, by name. */
export class TaskRegistry {
  readonly #byName = new Map<string, TaskDefinition>()
  /** By the names that tasks bore before. */
  readonly #byAlias = new Map<string, TaskDefinition>()

  constructor(tasks: Tasks = []) {
    for (const value of Object.values(tasks)) if (isTask(value)) this.add(definitionOf(value, 'tasks'))
  }

  /** @throws DuplicateTaskError where another task already bears the name, or one of the aliases */
  add(definition: TaskDefinition): void {
    const { name, aliases, fn } = definition
    if (this.#byName.get(name) === definition) return
    for (const each of [name, ...aliases]) {
      const known = this.#find(each)
      if (known && (known.fn !== fn || known.name !== name)) throw new DuplicateTaskError(each, shownSource(known), shownSource(definition))
    }
    if (this.#byName.has(name)) return
    this.#byName.set(name, definition)
    for (const alias of aliases) this.#byAlias.set(alias, definition)
  }

  /** Whether a task bears the name, or bore it before. */
  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /**
   * @param name the task's, or one of its aliases
   * @throws UnknownTaskError
   */
  get(name: string): TaskDefinition {
    const found = this.#find(name)
    if (!found) throw new UnknownTaskError(name, this.names)
    return found
  }

  get names(): string[] {
    return [...this.#byName.keys()]
  }

  [Symbol.iterator](): IterableIterator<TaskDefinition> {
    return this.#byName.values()
  }

  #find(name: string): TaskDefinition | undefined {
    return this.#byName.get(name) ?? this.#byAlias.get(name)
  }
}

function shownSource(definition: TaskDefinition): string {
  return definition.source.modules[0] ? shownModule(definition.source.modules[0]) : 'an unknown module'
}
