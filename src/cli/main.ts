import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { InvalidOptionError, TreadleError } from '../kernel/errors.ts'
import { finalStates, jobStates } from '../jobs/states.ts'
import { toJson } from './output.ts'

/** What was asked for failed: a job, a backend. */
const failed = 1
/** What was asked for is not understood. */
const misused = 2

/** The `treadle` command. Each subcommand's code is loaded only when it is called. */
export async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json')
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
    process.exitCode = error instanceof InvalidOptionError ? misused : failed
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
Exit codes: 0 done, 1 what was asked for failed, 2 not understood.

Examples:
  $ treadle worker --tasks ./tasks.ts
  $ treadle enqueue area 2 3 --wait 10s
  $ treadle status --json
  $ treadle demo --kill`)

  const broker = (): Option => new Option('-b, --broker <url>', 'where the jobs are kept, such as sqlite:app.db').env('TREADLE_BROKER').default('sqlite:treadle.db')
  const asJson = (): Option => new Option('--json', 'print JSON, for programs')

  treadle.command('worker')
    .description('run jobs until stopped: the first SIGTERM or Ctrl+C drains, the second stops at once')
    .addOption(broker())
    .requiredOption('-t, --tasks <module>', 'a module that exports tasks; may be given again', collected)
    .option('-q, --queues <name>', 'a queue to serve; may be given again (default: default)', collected)
    .option('--threads <n>', 'calls that compute at the same time (default: as many as cores)', whole)
    .option('--loop-concurrency <n>', 'calls that wait at the same time (default: 100)', whole)
    .option('--blocking <n>', 'calls that block while they wait, at the same time (default: 64)', whole)
    .option('--processes <n>', 'calls in child processes at the same time (default: as many as cores)', whole)
    .option('--lease <duration>', 'how long the worker may be silent before its jobs go to others', '5s')
    .option('--drain <duration>', 'how long jobs under way may take to end after a signal', '30s')
    .option('--health-port <n>', 'answer GET /health and /metrics on this port', whole)
    .option('--health-host <address>', 'on this address', '127.0.0.1')
    .addOption(new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error']).default('info'))
    .addOption(asJson())
    .action(async (options) => (await import('./commands/worker.ts')).worker(options))

  treadle.command('enqueue')
    .description('keep a call of a task as a job; each argument is JSON, or text where it is not')
    .argument('<task>', "the task's name")
    .argument('[args...]', 'its arguments')
    .addOption(broker())
    .option('-t, --tasks <module>', 'a module that exports tasks, whose options then apply; may be given again', collected)
    .option('-q, --queue <name>', 'the queue to wait in')
    .option('--priority <n>', 'higher is reserved first', whole)
    .option('--delay <duration>', 'wait this long before it may start')
    .option('--timeout <duration>', 'how long one attempt may take')
    .option('--retries <n>', 'how many attempts may follow a failed first one', whole)
    .option('--expires <duration>', 'not to be started after this long')
    .option('--wait [duration]', 'wait for the result and print it')
    .addOption(asJson())
    .action(async (task, args, options) => (await import('./commands/enqueue.ts')).enqueue(task, args, options))

  treadle.command('status')
    .description('how many jobs stand where and which workers live, or the story of one job')
    .argument('[job]', 'the id of a job')
    .addOption(broker())
    .addOption(asJson())
    .action(async (job, options) => (await import('./commands/status.ts')).status(job, options))

  treadle.command('inspect')
    .description('list jobs, oldest first')
    .addOption(broker())
    .addOption(new Option('-s, --state <state>', 'only those that are').choices(jobStates))
    .option('-q, --queue <name>', 'only those of a queue')
    .option('--task <name>', 'only those of a task')
    .option('--limit <n>', 'at most so many, from 1 to 1000', whole, 20)
    .option('--after <job>', 'only those after this one: the last of the page before')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/inspect.ts')).inspect(options))

  treadle.command('cancel')
    .description('end jobs: at once while they wait; where they run, their signal aborts, and after a grace they are stopped')
    .argument('<job...>', 'ids of jobs')
    .addOption(broker())
    .addOption(asJson())
    .action(async (jobs, options) => (await import('./commands/cancel.ts')).cancel(jobs, options))

  treadle.command('retry')
    .description('have jobs that ended without success begin anew: those named, or all that match')
    .argument('[job...]', 'ids of jobs')
    .addOption(broker())
    .addOption(new Option('-s, --state <state>', 'all that are').choices(['failed', 'cancelled', 'dead']))
    .option('-q, --queue <name>', 'of those, only the ones of a queue')
    .option('--task <name>', 'of those, only the ones of a task')
    .addOption(asJson())
    .action(async (jobs, options) => (await import('./commands/retry.ts')).retry(jobs, options))

  treadle.command('purge')
    .description('remove jobs that have ended, with their results')
    .addOption(broker())
    .addOption(new Option('-s, --state <state...>', 'those that are').choices(finalStates).default(['succeeded', 'cancelled']))
    .option('-q, --queue <name>', 'only those of a queue')
    .option('--older-than <duration>', 'only those that ended so long ago', '7d')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/purge.ts')).purge(options))

  treadle.command('demo')
    .description('run a real worker on real data: downloads, computing, retries; and show what it cost')
    .option('--kill', 'kill a worker with SIGKILL half-way, and show that nothing was lost or accepted twice')
    .addOption(asJson())
    .action(async (options) => (await import('./commands/demo.ts')).demo(options))

  for (const command of treadle.commands) command.exitOverride().showHelpAfterError('(add --help for what it takes)')
  return treadle
}

/** An option that may be given several times: a list that swallowed what follows would swallow arguments. */
function collected(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

function whole(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(text)
}
