import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ScheduleOptions } from '../client/schedule-options.ts'
import type { ScheduleAct } from './commands/schedule.ts'
import { addSettings, collected, duration, whole } from './config/settings.ts'

/** The words after `treadle schedule`. */
export function addScheduleCommands(treadle: Command): void {
  const schedule = treadle.command('schedule').description('jobs at their times: list, add, pause, resume, trigger or remove schedules; workers fire them')
  const asJson = (): Option => new Option('--json', 'print JSON, for programs')

  addSettings(schedule.command('list', { isDefault: true })
    .description('what there is, when it comes next and when it came last'),
  'broker')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/schedule.ts')).listSchedules(options))

  addCallFlags(addSettings(schedule.command('add')
    .description('make a schedule, or change the one of that name')
    .argument('<name>', 'what to call it')
    .argument('<task>', "the task's name; with --tasks it must be among theirs, and their options apply")
    .argument('[args...]', 'its arguments; each is JSON, or text where it is not'),
  'broker', 'tasks'))
    .option('--cron <pattern>', 'minute, hour, day, month, day of the week, such as "0 3 * * 1-5", or @daily')
    .option('--time-zone <zone>', 'of the pattern, such as Europe/Berlin (default: UTC)')
    .option('--every <duration>', 'again and again, so long after another', duration)
    .option('--from <time>', 'a slot to count from, such as 2030-01-01T09:00:00Z; without the Z, here', time)
    .option('--at <time>', 'once, at a time of the same form', time)
    .option('--missed <what>', 'of slots that came while no worker ran: skip, once, or a number for all up to so many (default: once)', missed)
    .option('--jitter <duration>', 'start up to so much later, by chance', duration)
    .addOption(asJson())
    .action(async (name, task, args, options) => (await import('./commands/schedule.ts')).addSchedule(name, task, args, options))

  const changes: Readonly<Record<ScheduleAct, string>> = { pause: 'fire no slot of it until it is resumed', resume: 'go on with its next slot', remove: 'forget it; jobs that it has enqueued stay' }
  for (const [what, description] of Object.entries(changes) as [ScheduleAct, string][]) {
    addSettings(schedule.command(what).description(description).argument('<name>', 'which'), 'broker')
      .addOption(asJson())
      .action(async (name, options) => (await import('./commands/schedule.ts')).changeSchedule(what, name, options))
  }

  addSettings(schedule.command('trigger').description('enqueue a job of it now, beside its slots').argument('<name>', 'which'), 'broker')
    .addOption(asJson())
    .action(async (name, options) => (await import('./commands/schedule.ts')).triggerSchedule(name, options))

  for (const command of schedule.commands) command.exitOverride().showHelpAfterError('(add --help for what it takes)')
}

/** How a call is to be run. */
export function addCallFlags(command: Command): Command {
  return command
    .option('-q, --queue <name>', 'the queue to wait in')
    .option('--priority <n>', 'higher is reserved first', whole)
    .option('--delay <duration>', 'wait this long before it may start', duration)
    .option('--timeout <duration>', 'how long one attempt may take', duration)
    .option('--retries <n>', 'how many attempts may follow a failed first one', whole)
    .option('--expires <duration>', 'not to be started after this long', duration)
    .option('--tag <tag>', 'what to find it by; may be given again', collected)
    .option('--unique [key]', 'one at a time: while another with the key, or the same arguments, has not ended, that one serves both')
}

function time(text: string): Date {
  const date = new Date(/^\d+$/.test(text) ? Number(text) : text)
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('It takes a time such as 2030-01-01T09:00:00Z, or milliseconds since the epoch.')
  return date
}

function missed(text: string): ScheduleOptions['missed'] {
  if (text === 'skip' || text === 'once') return text
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It takes skip, once, or a whole number.')
  return { all: Number(text) }
}
