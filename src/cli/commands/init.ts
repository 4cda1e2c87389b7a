import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { FilesExistError } from '../errors.ts'
import { toJson } from '../output.ts'
import { starter } from '../starter.ts'

export interface InitCommandOptions {
  force?: true
  json?: true
}

/** Writes a project that works at once. Nothing that exists is touched, unless by force. */
export function init(folder: string, version: string, { force, json }: InitCommandOptions): void {
  const files = Object.entries(starter(version))
  const there = files.map(([name]) => join(folder, name)).filter((path) => existsSync(path))
  if (there.length > 0 && !force) throw new FilesExistError(there)
  for (const [name, text] of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  if (json) return console.log(toJson({ folder, files: files.map(([name]) => name) }))
  const cd = relative(process.cwd(), folder)
  console.log([
    `Wrote ${files.map(([name]) => name).join(', ')}${cd === '' ? '' : ` to ${folder}`}.`,
    '',
    'Next:',
    ...cd === '' ? [] : [`  cd ${cd}`],
    '  npm install',
    '  npm run worker        in one terminal: runs jobs until Ctrl+C',
    '  npm start             in another: enqueues two jobs and prints their results',
    '  npm run status        how the jobs stand'
  ].join('\n'))
}
