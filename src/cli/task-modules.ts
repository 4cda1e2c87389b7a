import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TaskModuleError } from '../kernel/errors.ts'

/** The URLs of the modules of these paths. @throws TaskModuleError where a file does not exist: what says so then is not a loader's stack */
export function taskModules(modules: readonly string[]): string[] {
  return modules.map((module) => {
    if (module.startsWith('data:')) return module
    const path = module.startsWith('file:') ? fileURLToPath(module) : resolve(module)
    if (!existsSync(path)) throw new TaskModuleError(path, 'there is no such file. Name the module that exports the tasks with --tasks, TREADLE_TASKS or tasks in treadle.config.ts.')
    return pathToFileURL(path).href
  })
}
