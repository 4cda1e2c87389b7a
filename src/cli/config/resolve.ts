import type { Command } from 'commander'
import { type ConfigFile, readConfig } from './config-file.ts'
import { type Setting, type SettingName, settings } from './settings.ts'

/** Gives a command's settings the values of the file where neither a flag nor the environment gave one. */
export async function resolveSettings(command: Command): Promise<ConfigFile | undefined> {
  const own = new Set(command.options.map((option) => option.attributeName()))
  if (!own.has('config')) return undefined
  const file = await readConfig(command.getOptionValue('config') as string | undefined)
  for (const [name, setting] of Object.entries(settings) as [SettingName, Setting][]) {
    if (!own.has(name)) continue
    const source = command.getOptionValueSource(name)
    if (source === 'env' && setting.separator !== undefined) {
      command.setOptionValueWithSource(name, listed(command.getOptionValue(name) as readonly string[], setting.separator), 'env')
    } else if ((source === undefined || source === 'default') && file?.values.has(name)) {
      command.setOptionValueWithSource(name, file.values.get(name), 'config')
    }
  }
  return file
}

/** A variable holds a whole list; a URL in a list of paths keeps its colon. */
function listed([text = '']: readonly string[], separator: string): string[] {
  const entries = separator === ':' ? text.split(/:(?!\/\/)/) : text.split(separator)
  return entries.map((entry) => entry.trim()).filter((entry) => entry !== '')
}
