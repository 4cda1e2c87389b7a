import * as util from 'node:util'
import { pathToFileURL } from 'node:url'

/** Where a task was made: what a thread or a worker imports to find it again. Plain data, so that it can be sent. */
export interface TaskSource {
  /** URLs of modules, the one that called `task()` first, then the ones whose code called into it. */
  readonly modules: readonly string[]
  /** The function that `task()` was called in, where that was not the top of a module. */
  readonly within: string | undefined
}

/** How far up the stack an exporting module may be: factories of factories end somewhere. */
const deepest = 12

/**
 * The source of the task that the caller of the caller is making.
 *
 * The stack is read without source maps: those would name a file that Node does not run.
 * A loader may give a path in place of a URL; both end as a URL here.
 */
export function callerSource(): TaskSource {
  const frames = util.getCallSites(deepest, { sourceMap: false }).slice(2)
  const own = frames.findIndex((frame) => isForeign(frame.scriptName))
  const user = own === 0 ? frames.slice(0, 1) : frames.slice(0, own < 0 ? frames.length : own)
  const modules = [...new Set(user.map((frame) => toUrl(frame.scriptName)))]
  const within = user.length > 1 || user[0]?.functionName ? user[0]?.functionName || 'a function' : undefined
  return { modules, within }
}

/** Node's own frames, and those of a test runner or loader: no task is exported from there. */
function isForeign(script: string): boolean {
  return script === '' || script.startsWith('node:') || script.includes('/node_modules/')
}

/** The URL of the script that the caller of the caller is in: of this package's own file, or of the bundle that holds it. */
export function callerScript(): string {
  // Not import.meta.url: bundlers replace it, by nothing or by a path of the machine that they ran on.
  return toUrl(util.getCallSites(3, { sourceMap: false })[2]!.scriptName)
}

function toUrl(script: string): string {
  return script.startsWith('file:') || script.startsWith('data:') ? script : pathToFileURL(script).href
}

/** A module's URL as people write paths. */
export function shownModule(url: string): string {
  return decodeURIComponent(url.replace(/^file:\/\//, ''))
}
