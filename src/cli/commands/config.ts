import type { Command } from 'commander'
import { withoutPassword } from '../../backends/urls.ts'
import { type ConfigFile, shownPath } from '../config/config-file.ts'
import { type Setting, settings, variableOf } from '../config/settings.ts'
import type { PoolSize } from '../../kernel/pool-size.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

/** What holds here, and who says so. Passwords are not shown. */
export function config(command: Command, file: ConfigFile | undefined, json = false): void {
  const rows = Object.entries<Setting>(settings).map(([name, setting]) => {
    const value = command.getOptionValue(name) as string | number | boolean | PoolSize | string[] | undefined
    return {
      setting: setting.key,
      value: name === 'broker' ? withoutPassword(value as string) : value,
      from: sourceOf(command.getOptionValueSource(name), setting, file),
      unset: setting.unset
    }
  })
  if (json) {
    return console.log(toJson({
      file: file?.path ?? null,
      settings: Object.fromEntries(rows.map(({ setting, value, from }) => [setting, { value: value ?? null, from }]))
    }))
  }
  console.log(table(['setting', 'is', 'from'], rows.map(({ setting, value, from, unset }) => [setting, shown(value) ?? unset ?? '', from]), process.stdout.isTTY ? { width: process.stdout.columns } : {}))
  if (!file) console.log('\nThere is no treadle.config.ts here or in a folder above. Write one with: treadle init')
}

function shown(value: string | number | boolean | PoolSize | string[] | undefined): string | undefined {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'object' ? `${value.min ?? 0}..${value.max ?? 'as many as cores'}` : value?.toString()
}

function sourceOf(source: string | undefined, setting: Setting, file: ConfigFile | undefined): string {
  switch (source) {
    case 'cli': return 'flag'
    case 'env': return variableOf(setting)
    case 'config': return shownPath(file!.path)
    default: return 'default'
  }
}
