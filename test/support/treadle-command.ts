import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './build.ts'

export interface CommandOutput {
  readonly out: string
  readonly err: string
  readonly code: number | null
}

/** Runs the command to its end, with a broker that its environment names. */
export function treadleCommand(broker: string, ...args: readonly string[]): CommandOutput {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'bin/treadle.js'), ...args], {
    encoding: 'utf8', env: { ...process.env, TREADLE_BROKER: broker }, timeout: 20_000, maxBuffer: 2 ** 24
  })
  return { out: stdout, err: stderr, code: status }
}
