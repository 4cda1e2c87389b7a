import { readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, Option } from 'commander'
import { controlCommands } from '../jobs/control-commands.ts'
import { TreadleError } from '../kernel/errors.ts'
import { finalStates, jobStates } from '../jobs/states.ts'
import { eventTypes } from '../jobs/queue-event.ts'
import type { ConfigFile } from './config/config-file.ts'
import { addSettings, amountOf, collected, duration, oneOf, settingNames, whole } from './config/settings.ts'
import { misuses } from './errors.ts'
import { toJson } from './output.ts'
import { addLimitCommands } from './limit-program.ts'
import { addCallFlags, addScheduleCommands } from './schedule-program.ts'

/** What was asked for failed: a job, a backend. */
const failed = 1
/** What was asked for is not understood. */
const misused = 2

/** The `treadle` command. Each subcommand's code is loaded only when it is called. */
export async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json')
  // Whoever reads has read enough, as in `treadle inspect | head`; a log that nobody reads is no reason to stop.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : failed))
  process.stderr.on('error', () => {})
  try {
    await program().parseAsync(argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said it already.
      process.exitCode = error.exitCode === 0 ? 0 : misused
      return
    }
    const { code = 'UNEXPECTED', message } = error as Partial<TreadleError> & Error
    console.error(json ? toJson({ error: { code, message } }) : error instanceof TreadleError ? `${message} (${code})` : error)
    process.exitCode = misuses.has(code) ? misused : failed
  }
}

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  const treadle = new Command('treadle')
    .description('Runs plain functions where they belong: on the event loop, on threads, or through a durable task queue.')
    .version(version)
    .showHelpAfterError('(add --help for what it takes)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', `
Every setting can be a flag, a variable such as TREADLE_BROKER, or a key of
treadle.config.ts; the first of these counts: see treadle config.
Exit codes: 0 done, 1 what was asked for failed, 2 not understood.

Examples:
  $ treadle init my-app                  write a project that works at once
  $ treadle worker --tasks ./tasks.ts    run jobs until Ctrl+C
  $ treadle enqueue area 2 3 --wait 10s  keep a job, wait, print its result
  $ treadle status --watch               queues, workers and progress, live
  $ treadle status JOB --logs            what became of a job, all it logged
  $ treadle inspect --state failed --json
  $ treadle cancel --tag tenant-7 --yes
  $ treadle schedule add nightly report --cron "0 3 * * *"
  $ treadle limit set --queue mail --key '*' --concurrency 2
  $ treadle pause --queue mail
  $ treadle events --type failed         what happens, as it happens
  $ treadle control pause                have workers take no more jobs
  $ treadle demo --kill`)

  let file: ConfigFile | undefined
  treadle.hook('preAction', async (_, command) => { file = await (await import('./config/resolve.ts')).resolveSettings(command) })
  const asJson = (): Option => new Option('--json', 'print JSON, for programs')

  addSettings(treadle.command('worker')
    .description('run jobs until stopped: the first SIGTERM or Ctrl+C drains, the second stops at once'),
  ...settingNames)
    .addOption(asJson())
    .action(async (options) => (await import('./commands/worker.ts')).worker(options))

  addCallFlags(addSettings(treadle.command('enqueue')
    .description('keep a call of a task as a job; each argument is JSON, or text where it is not')
    .argument('<task>', "the task's name; with --tasks it must be among theirs, and their options apply")
    .argument('[args...]', 'its arguments'),
  'broker', 'payloads', 'tasks', 'logLevel'))
    .option('--idempotency-key <key>', 'one a day: another with the key serves both')
    .option('--wait [duration]', 'wait for the result and print it')
    .addOption(asJson())
    .action(async (task, args, options) => (await import('./commands/enqueue.ts')).enqueue(task, args, options))

  addSettings(treadle.command('status')
    .description('how many jobs stand where, which workers live and what runs; or the story of one job')
    .argument('[job]', 'the id of a job'),
  'broker', 'payloads')
    .addOption(new Option('-w, --watch [interval]', 'go on showing it, every second or as often as is said').argParser(duration))
    .option('--logs', "all of the job's log lines, not only the last")
    .addOption(asJson())
    .action(async (job, options) => (await import('./commands/status.ts')).status(job, options))

  addSettings(treadle.command('inspect')
    .description('list jobs, oldest first'),
  'broker')
    .addOption(new Option('-s, --state <state>', 'only those that are').choices(jobStates))
    .option('-q, --queue <name>', 'only those of a queue')
    .option('--task <name>', 'only those of a task')
    .option('--tag <tag>', 'only those with a tag')
    .option('--limit <n>', 'at most so many, from 1 to 1000', whole, 20)
    .option('--after <job>', 'only those after this one: the last of the page before')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/inspect.ts')).inspect(options))

  addSettings(treadle.command('events')
    .description('print what happens to jobs and workers, as it happens, until Ctrl+C'),
  'broker')
    .addOption(new Option('--type <type>', 'only events of this type; may be given again').argParser(oneOf(eventTypes)))
    .option('-q, --queue <name>', 'only those of jobs in a queue; may be given again', collected)
    .option('--task <name>', 'only those of jobs of a task; may be given again', collected)
    .option('--job <id>', 'only those of one job')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/events.ts')).events(options))

  addSettings(treadle.command('control')
    .description('ask or tell workers that were started with --control')
    .addArgument(new Argument('<command>', 'what').choices(controlCommands)),
  'broker')
    .option('--worker <id>', 'only this worker; may be given again', collected)
    .option('--timeout <duration>', 'how long to wait for answers', duration, '1s')
    .option('--deadline <duration>', 'of shutdown: how long what is under way may take', duration, '30s')
    .option('--threads <n>', 'of concurrency: so many calls at once, or +1, -1: so many more or fewer', amountOf)
    .option('--loop <n>', 'of concurrency: likewise for calls that share the loop, 2 at least', amountOf)
    .option('--blocking <n>', 'of concurrency: likewise for calls that block', amountOf)
    .option('--processes <n>', 'of concurrency: likewise for calls in child processes', amountOf)
    .addOption(asJson())
    .action(async (command, options) => (await import('./commands/control.ts')).control(command, options))

  addSettings(treadle.command('cancel')
    .description('end jobs, those named or all that match: at once while they wait; where they run, their signal aborts, and after a grace they are stopped')
    .argument('[job...]', 'ids of jobs'),
  'broker')
    .addOption(new Option('-s, --state <state>', 'all that are').choices(['scheduled', 'ready', 'active']))
    .option('-q, --queue <name>', 'all of a queue')
    .option('--task <name>', 'all of a task')
    .option('--tag <tag>', 'all with a tag')
    .option('-y, --yes', 'without asking')
    .addOption(asJson())
    .action(async (jobs, options) => (await import('./commands/cancel.ts')).cancel(jobs, options))

  addSettings(treadle.command('retry')
    .description('have jobs that ended without success begin anew: those named, or all that match')
    .argument('[job...]', 'ids of jobs'),
  'broker')
    .addOption(new Option('-s, --state <state>', 'all that are (default: failed and dead)').choices(['failed', 'cancelled', 'dead']))
    .option('-q, --queue <name>', 'all of a queue')
    .option('--task <name>', 'all of a task')
    .option('--tag <tag>', 'all with a tag')
    .option('--args <json>', 'call it with these from now on: a list, for one job')
    .addOption(asJson())
    .action(async (jobs, options) => (await import('./commands/retry.ts')).retry(jobs, options))

  addSettings(treadle.command('purge')
    .description('remove jobs that have ended, with their results'),
  'broker', 'payloads')
    .addOption(new Option('-s, --state <state...>', 'those that are').choices(finalStates).default(['succeeded', 'cancelled']))
    .option('-q, --queue <name>', 'only those of a queue')
    .option('--tag <tag>', 'only those with a tag')
    .option('--older-than <duration>', 'only those that ended so long ago', duration, '7d')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/purge.ts')).purge(options))

  addScheduleCommands(treadle)
  addLimitCommands(treadle)

  treadle.command('init')
    .description('write a starter that works at once: a config, two tasks and a program; nothing that exists is overwritten')
    .argument('[folder]', 'where to', '.')
    .option('--force', 'overwrite what exists')
    .addOption(asJson())
    .action(async (folder, options) => (await import('./commands/init.ts')).init(folder, version, options))

  addSettings(treadle.command('config')
    .description('print every setting as it holds here, and where it comes from'),
  ...settingNames)
    .addOption(asJson())
    .action(async ({ json }, command) => (await import('./commands/config.ts')).config(command, file, json))

  treadle.command('demo')
    .description('run a real worker on real data: downloads, computing, retries; and show what it cost')
    .option('--kill', 'kill a worker with SIGKILL half-way, and show that nothing was lost or accepted twice')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/demo.ts')).demo(options))

  for (const command of treadle.commands) command.exitOverride().showHelpAfterError('(add --help for what it takes)')
  return treadle
}
