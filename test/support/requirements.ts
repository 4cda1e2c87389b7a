import { spawnSync } from 'node:child_process'
import { test } from 'vitest'
import { redisProgram } from './redis-server.ts'

/**
 * `test`, where `command` works here. Elsewhere the run says what was skipped and how to get it; with CI=true that is a failure, so that nothing is
 * passed over unseen.
 */
export function testWith(command: readonly [string, ...string[]], how: string): typeof test {
  const [program, ...args] = command
  if (spawnSync(program, args, { stdio: 'ignore' }).status === 0) return test
  const missing = `'${command.join(' ')}' does not work here: ${how}`
  if (process.env['CI'] !== 'true') return ((name: string) => test.skip(`${name} (${missing})`)) as unknown as typeof test
  return ((name: string) => test(name, () => { throw new Error(missing) })) as unknown as typeof test
}

/** `test`, where a `RedisServer` can be started. */
export function testWithRedis(): typeof test {
  return testWith([redisProgram, '--version'], `apt-get install ${redisProgram}${redisProgram === 'valkey-server' ? ', which Debian has from trixie on, and in the backports of bookworm' : ''}`)
}
