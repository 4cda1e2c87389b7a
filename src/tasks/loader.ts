import { NestedStartError, TaskIsClosureError, TaskModuleError, TaskNotExportedError } from '../kernel/errors.ts'
import { inCall } from './context.ts'
import { TaskRegistry } from './registry.ts'
import { type TaskSource, shownModule } from './source.ts'
import { type TaskDefinition, type TaskRef, isTask } from './task.ts'

// On the global object, not in this module: the loaded program may hold another install of Treadle.
const loading = Symbol.for('treadle.loading')
const flags = globalThis as typeof globalThis & { [loading]?: boolean }

/** From here on this thread belongs to Treadle: a module that it loads must not start Treadle again. */
export function becomeTaskThread(): void {
  flags[loading] = true
}

/**
 * Called first by all that starts threads or connects.
 *
 * @throws NestedStartError in a Treadle thread, except inside a call
 */
export function refuseNestedStart(what: string): void {
  if (flags[loading] && !inCall()) throw new NestedStartError(what)
}

/** The tasks that a module exports, under any name, or inside its default export. */
export async function tasksOf(module: string): Promise<TaskRegistry> {
  let exports: Record<string, unknown>
  try {
    exports = await import(module) as Record<string, unknown>
  } catch (error) {
    throw new TaskModuleError(shownModule(module), error)
  }
  const fromDefault = exports['default']
  return new TaskRegistry([...Object.values(exports), ...(isObject(fromDefault) ? Object.values(fromDefault) : [])].filter(isTask))
}

/** Finds tasks again in this thread, by their modules. Each module is imported once. */
export class TaskLoader {
  readonly #found = new Map<string, Promise<TaskDefinition>>()

  /** @throws TaskModuleError, TaskNotExportedError, TaskIsClosureError, DuplicateTaskError */
  load(ref: TaskRef): Promise<TaskDefinition> {
    const key = `${ref.name} ${ref.source.modules[0]}`
    let found = this.#found.get(key)
    if (!found) this.#found.set(key, found = this.#search(ref))
    return found
  }

  async #search({ name, source }: TaskRef): Promise<TaskDefinition> {
    // Only a task that a function made can be exported by another module than the one that called task().
    const modules = source.within === undefined ? source.modules.slice(0, 1) : source.modules
    let failure: unknown
    for (const module of modules) {
      try {
        const exported = await tasksOf(module)
        if (exported.has(name)) return exported.get(name)
      } catch (error) {
        // A module that merely called the factory may be no module of tasks at all, such as a test file.
        if (source.within === undefined) throw error
        failure ??= error
      }
    }
    throw notFound(name, source, failure)
  }
}

/** Why a task is not among the exports of the modules where it was looked for. */
export function notFound(name: string, { modules: [home = 'an unknown module'], within }: TaskSource, cause?: unknown): TaskNotExportedError | TaskIsClosureError {
  return within === undefined ? new TaskNotExportedError(name, shownModule(home)) : new TaskIsClosureError(name, within, shownModule(home), { cause })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

