import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { withFileIn } from '../broker.ts'
import { ConfigError } from '../errors.ts'
import { type SettingName, settings } from './settings.ts'

/** What a file says, with its relative paths made whole. */
export interface ConfigFile {
  readonly path: string
  readonly values: ReadonlyMap<SettingName, unknown>
}

const names = ['ts', 'js', 'mjs'].map((ending) => `treadle.config.${ending}`)
const byKey = new Map(Object.entries(settings).map(([name, setting]) => [setting.key, [name as SettingName, setting]] as const))
const groups = new Set([...byKey.keys()].flatMap((key) => key.includes('.') ? [key.split('.')[0]!] : []))

/**
 * Reads the file that was named, or the nearest one.
 *
 * @returns undefined where there is none
 * @throws ConfigError where it cannot be read, or holds what is not understood
 */
export async function readConfig(named: string | undefined): Promise<ConfigFile | undefined> {
  const path = named === undefined ? nearest(process.cwd()) : resolve(named)
  if (path === undefined) return undefined
  const shown = shownPath(path)
  if (!existsSync(path)) throw new ConfigError(`There is no file ${shown}, which --config or TREADLE_CONFIG names. Write one with "treadle init", or name another.`)
  let module: { readonly default?: unknown }
  try {
    module = await import(pathToFileURL(path).href) as typeof module
  } catch (error) {
    throw new ConfigError(`${shown} could not be imported: ${error instanceof Error ? error.message : String(error)}${isMissing(error) ? '. Is it installed? Run: npm install' : ''}`, { cause: error })
  }
  if (!isRecord(module.default)) throw new ConfigError(`${shown} has no settings as its default export. Write: export default defineConfig({ tasks: './tasks.ts' })`)
  const values = new Map<SettingName, unknown>()
  for (const [key, value] of entries(module.default, shown)) {
    const known = byKey.get(key)
    if (!known) throw new ConfigError(`${shown} sets '${key}', which is no setting. The settings: ${[...byKey.keys()].join(', ')}.`)
    if (value === undefined) continue
    const [name, { takes, fits }] = known
    if (!fits(value)) throw new ConfigError(`${shown}: '${key}' takes ${takes}, and got ${JSON.stringify(value) ?? typeof value}.`)
    values.set(name, fromFolder(dirname(path), name, value))
  }
  return { path, values }
}

/** As people would write it from where they are. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near
}

function nearest(folder: string): string | undefined {
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path))
  const above = dirname(folder)
  return found ?? (above === folder ? undefined : nearest(above))
}

function entries(config: Record<string, unknown>, file: string): [string, unknown][] {
  return Object.entries(config).flatMap(([key, value]): [string, unknown][] => {
    if (!groups.has(key) || value === undefined) return [[key, value]]
    if (!isRecord(value)) throw new ConfigError(`${file}: '${key}' takes an object with ${[...byKey.keys()].filter((one) => one.startsWith(`${key}.`)).join(' and ')}.`)
    return Object.entries(value).map(([inner, held]) => [`${key}.${inner}`, held])
  })
}

/** What a file says is meant from where the file is. */
function fromFolder(folder: string, name: SettingName, value: unknown): unknown {
  if (name === 'broker') return withFileIn(folder, value as string)
  // As flags and variables say it.
  if (name === 'queues' && !Array.isArray(value)) return Object.entries(value as Record<string, number>).map(([queue, weight]) => `${queue}=${weight}`)
  if (name === 'payloads') return resolve(folder, value as string)
  if (name !== 'tasks') return value
  return [value as string | string[]].flat().map((module) => /^(file|data):/.test(module) ? module : resolve(folder, module))
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
