import { Worker, type WorkerOptions } from 'node:worker_threads'
import { NestedStartError } from '../kernel/errors.ts'
import { inCall } from './context.ts'
import { callerScript } from './source.ts'
import type { TaskDefinition, TaskRef } from './task.ts'

// On the global object, not in this module: the loaded program may hold another install of Treadle.
const loading = Symbol.for('treadle.loading')
const wanted = Symbol.for('treadle.entry')
const marks = globalThis as typeof globalThis & {
  /** Only in a thread or process that belongs to Treadle: the tasks that were made while it loaded modules. */
  [loading]?: TaskDefinition[]
  /** What this thread is to run, once the bundle that holds it is there. */
  [wanted]?: string | undefined
}

/** From here on this thread belongs to Treadle: a module that it loads must not start Treadle again. */
export function becomeTaskThread(): void {
  marks[loading] ??= []
}

/** Whether this thread, or this process, runs calls for another. */
export function isTaskThread(): boolean {
  return marks[loading] !== undefined
}

/**
 * Called first by all that starts threads or connects.
 *
 * @throws NestedStartError in a Treadle thread, except inside a call
 */
export function refuseNestedStart(what: string): void {
  if (marks[loading] && !inCall()) throw new NestedStartError(what)
}

/** A task was made. Where that is done by loading a module it is found again by that, exported or not. */
export function remember(made: TaskDefinition): void {
  if (!inCall()) marks[loading]?.push(made)
}

/** The tasks of that name, from that module, that were made while this thread loaded modules. */
export function remembered({ name, source: { modules: [home] } }: TaskRef): TaskDefinition[] {
  return (marks[loading] ?? []).filter((made) => made.name === name && made.source.modules[0] === home)
}

/** What a thread or a child process of Treadle's own begins with: a file, or, where the program is bundled, code that loads the bundle. */
export type Entry = { readonly file: URL } | { readonly code: string }

/**
 * Where a thread or child process of ours begins. Called at the top of a module that is loaded with the program, not later: a thread that
 * has loaded the bundle must come by here.
 *
 * @param here the calling module's place in this package, as `/executors/entries`
 * @param there the entry's, from there, as `./threads/thread`
 * @param load imports the entry, in a form that bundlers understand
 */
export function entry(here: string, there: string, load: () => Promise<unknown>): Entry {
  const home = callerScript()
  const name = `${here} ${there}`
  if (marks[wanted] === name) {
    marks[wanted] = undefined
    void load()
  }
  const [found, extension] = /\.([jt]s)$/.exec(home) ?? []
  if (found && home.endsWith(here + found)) return { file: new URL(`${there}.${extension}`, home) }
  return { code: bundleLoader(home, name) }
}

export function startThread(begin: Entry, options: WorkerOptions): Worker {
  return 'file' in begin ? new Worker(begin.file, options) : new Worker(begin.code, { ...options, eval: true })
}

/** As code, since the bundle would take itself for the program (`import.meta.main`, `require.main`) if the thread began with it. */
function bundleLoader(bundle: string, name: string): string {
  const lacking = `${bundle} does not load Treadle at its top: write import { … } from 'treadle', not import('treadle').`
  return `
    globalThis[Symbol.for('treadle.loading')] = []
    globalThis[Symbol.for('treadle.entry')] = ${JSON.stringify(name)}
    import(${JSON.stringify(bundle)})
      .then(() => { throw new Error(${JSON.stringify(lacking)}) })
      .catch((error) => { if (globalThis[Symbol.for('treadle.entry')]) throw error })`
}
