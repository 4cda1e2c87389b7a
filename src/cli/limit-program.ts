import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Limits } from '../client/limits.ts'
import { addSettings, duration, whole } from './config/settings.ts'

/** `treadle limit` with the words after it, `treadle pause` and `treadle resume`. */
export function addLimitCommands(treadle: Command): void {
  const limit = treadle.command('limit').description('how much runs of queues, tasks and keys, on all workers together: list, set or clear limits')
  const asJson = (): Option => new Option('--json', 'print JSON, for programs')

  addSettings(limit.command('list', { isDefault: true })
    .description('what is limited, paused or held'),
  'broker')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/limit.ts')).listLimits(options))

  ofWhat(addSettings(limit.command('set')
    .description('limit a queue, a task or a key in it, in place of the limits that it had'),
  'broker'), "or only a key; '*' is each key without limits of its own")
    .option('--concurrency <n>', 'so many at the same time', whole)
    .option('--rate <n/duration>', 'so many in a time, such as 100/1m; a job takes 1, or its cost', rate)
    .option('--weight <n>', 'of a key: its share among those that wait, from 0.01 to 60; others have 1', number)
    .addOption(asJson())
    .action(async (options) => (await import('./commands/limit.ts')).setLimit(options))

  ofWhat(addSettings(limit.command('clear')
    .description('take the limits of a queue, a task or a key away'),
  'broker'), "or only a key; '*' is each key without limits of its own")
    .addOption(asJson())
    .action(async (options) => (await import('./commands/limit.ts')).clearLimit(options))

  ofWhat(addSettings(treadle.command('pause')
    .description('start nothing more of a queue, a task or a key until it is resumed; what runs goes on'),
  'broker'), 'or only a key')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/limit.ts')).pause(options))

  ofWhat(addSettings(treadle.command('resume')
    .description('start again what was paused'),
  'broker'), 'or only a key')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/limit.ts')).resume(options))

  for (const command of limit.commands) command.exitOverride().showHelpAfterError('(add --help for what it takes)')
}

function ofWhat(command: Command, key: string): Command {
  return command
    .option('-q, --queue <name>', 'the queue', 'default')
    .option('--task <name>', 'of it only a task')
    .option('--key <key>', key)
}

function rate(text: string): NonNullable<Limits['rate']> {
  const [, limit, per] = /^(\d+(?:\.\d+)?)\/(.+)$/.exec(text) ?? []
  if (limit === undefined || per === undefined) throw new InvalidArgumentError('It takes a number and a time, such as 100/1m.')
  return { limit: Number(limit), per: duration(per) }
}

function number(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It takes a number.')
  return Number(text)
}
