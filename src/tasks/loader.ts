import { type Clock, systemClock } from '../kernel/clock.ts'
import { TaskIsClosureError, TaskModuleError, TaskNotExportedError } from '../kernel/errors.ts'
import { remembered } from './own-thread.ts'
import { TaskRegistry } from './registry.ts'
import { type TaskSource, shownModule } from './source.ts'
import { type TaskDefinition, type TaskRef, isTask } from './task.ts'

/** How long a module of tasks may take to load, in milliseconds. */
export const loadLimit = 60_000

/** The tasks that a module exports, under any name, or inside its default export. */
export async function tasksOf(module: string, clock: Clock = systemClock): Promise<TaskRegistry> {
  const late = Promise.withResolvers<never>()
  const timer = clock.after(loadLimit, () => late.reject(new Error(`after ${loadLimit / 1000} s it still waits for something at its top level. Move that into a function.`)), { background: true })
  let exports: Record<string, unknown>
  try {
    exports = await Promise.race([import(module) as Promise<Record<string, unknown>>, late.promise])
  } catch (error) {
    throw new TaskModuleError(shownModule(module), error)
  } finally {
    timer[Symbol.dispose]()
  }
  const fromDefault = exports['default']
  return new TaskRegistry([...Object.values(exports), ...(isObject(fromDefault) ? Object.values(fromDefault) : [])].filter(isTask))
}

/** Finds tasks again in this thread, by their modules. Each module is imported once. */
export class TaskLoader {
  readonly #found = new Map<string, Promise<TaskDefinition>>()
  readonly #loaded = new Map<string, TaskDefinition>()
  readonly #clock: Clock

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** @throws TaskModuleError, TaskNotExportedError, TaskIsClosureError, DuplicateTaskError */
  load(ref: TaskRef): Promise<TaskDefinition> {
    const key = keyOf(ref)
    let found = this.#found.get(key)
    if (!found) {
      this.#found.set(key, found = this.#search(ref))
      found.then((definition) => this.#loaded.set(key, definition), () => {})
    }
    return found
  }

  /** Where it has been loaded: at once. */
  loaded(ref: TaskRef): TaskDefinition | undefined {
    return this.#loaded.get(keyOf(ref))
  }

  async #search(ref: TaskRef): Promise<TaskDefinition> {
    const { name, source } = ref
    // Only a task that a function made can be exported by another module than the one that called task().
    const modules = source.within === undefined ? source.modules.slice(0, 1) : source.modules
    let failure: unknown
    for (const module of modules) {
      try {
        const exported = await tasksOf(module, this.#clock)
        if (exported.has(name)) return exported.get(name)
      } catch (error) {
        // A module that merely called the factory may be no module of tasks at all, such as a test file.
        if (source.within === undefined) throw error
        failure ??= error
      }
    }
    // A bundle does not export what the modules in it did.
    const all = new TaskRegistry()
    for (const made of remembered(ref)) all.add(made)
    if (all.has(name)) return all.get(name)
    throw notFound(name, source, failure)
  }
}

function keyOf({ name, source }: TaskRef): string {
  return `${name} ${source.modules[0]}`
}

/** Why a task is not among the exports of the modules where it was looked for. */
function notFound(name: string, { modules: [home = 'an unknown module'], within }: TaskSource, cause?: unknown): TaskNotExportedError | TaskIsClosureError {
  return within === undefined ? new TaskNotExportedError(name, shownModule(home)) : new TaskIsClosureError(name, within, shownModule(home), { cause })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
