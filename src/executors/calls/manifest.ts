import { tasksOf } from '../../tasks/loader.ts'
import type { ErrorMatch } from '../../tasks/retry-options.ts'
import { TaskRegistry } from '../../tasks/registry.ts'
import type { TaskDefinition } from '../../tasks/task.ts'
import type { TaskManifest } from './messages.ts'

/**
 * Imports modules and describes the tasks that they export.
 *
 * @throws TaskModuleError, DuplicateTaskError
 */
export async function describeModules(modules: readonly string[]): Promise<TaskManifest[]> {
  const all = new TaskRegistry()
  const manifests = new Map<string, TaskManifest>()
  for (const module of modules) {
    for (const definition of await tasksOf(module)) {
      all.add(definition)
      if (!manifests.has(definition.name)) manifests.set(definition.name, manifestOf(definition, module))
    }
  }
  return [...manifests.values()]
}

function manifestOf({ name, aliases, version, source, runs, rules }: TaskDefinition, module: string): TaskManifest {
  const { limit, initial, factor, max, jitter, on, giveUpOn } = rules.retry
  // Functions stay behind: they are asked in the thread, about what the task throws.
  const names = (errors: readonly ErrorMatch[]): string[] => errors.filter((error) => typeof error === 'string')
  return {
    name,
    aliases,
    version,
    // Found there, so a thread finds it there: exported, whatever function made it.
    source: { modules: [module, ...source.modules.filter((other) => other !== module)], within: source.within },
    runs,
    rules: { ...rules, retry: { limit, initial, factor, max, jitter, ...(on?.every((error) => typeof error === 'string') ? { on } : {}), giveUpOn: names(giveUpOn) } }
  }
}
