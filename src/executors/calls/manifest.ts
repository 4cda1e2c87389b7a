import { TaskLoader, tasksOf } from '../../tasks/loader.ts'
import type { ErrorMatch } from '../../kernel/retry-options.ts'
import { TaskRegistry } from '../../tasks/registry.ts'
import type { TaskSource } from '../../tasks/source.ts'
import type { TaskDefinition, TaskRef } from '../../tasks/task.ts'
import type { TaskManifest } from './messages.ts'

/**
 * Describes the tasks that modules export, and single ones, by importing their modules.
 *
 * @throws TaskModuleError, TaskNotExportedError, TaskIsClosureError, DuplicateTaskError
 */
export async function describeTasks(asked: readonly (string | TaskRef)[]): Promise<TaskManifest[]> {
  const all = new TaskRegistry()
  const manifests = new Map<string, TaskManifest>()
  const loader = new TaskLoader()
  for (const one of asked) {
    for (const definition of typeof one === 'string' ? await tasksOf(one) : [await loader.load(one)]) {
      all.add(definition)
      if (!manifests.has(definition.name)) manifests.set(definition.name, manifestOf(definition, typeof one === 'string' ? foundIn(one, definition) : one.source))
    }
  }
  return [...manifests.values()]
}

/** Found there, so a thread finds it there: exported, whatever function made it. */
function foundIn(module: string, { source }: TaskDefinition): TaskSource {
  return { modules: [module, ...source.modules.filter((other) => other !== module)], within: source.within }
}

function manifestOf({ name, aliases, version, runs, rules }: TaskDefinition, source: TaskSource): TaskManifest {
  const { limit, initial, factor, max, jitter, on, giveUpOn } = rules.retry
  // Functions stay behind: they are asked in the thread, about what the task throws. What a job is linked with, its enqueuer has said.
  const names = (errors: readonly ErrorMatch[]): string[] => errors.filter((error) => typeof error === 'string')
  return {
    name,
    aliases,
    version,
    source,
    runs,
    rules: { ...rules, link: [], linkError: [], retry: { limit, initial, factor, max, jitter, ...(on?.every((error) => typeof error === 'string') ? { on } : {}), giveUpOn: names(giveUpOn) } }
  }
}
