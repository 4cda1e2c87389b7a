import { HealthServer } from '../../http/health-server.ts'
import { systemClock } from '../../kernel/clock.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { type LogFields, type LogLevel, lineLogger } from '../../kernel/logger.ts'
import { startWorker } from '../../worker/start-worker.ts'
import { toJson } from '../output.ts'

export interface WorkerCommandOptions {
  broker: string
  tasks: string[]
  queues?: string[]
  threads?: number
  loopConcurrency?: number
  blocking?: number
  processes?: number
  lease: Duration
  drain: Duration
  healthPort?: number
  healthHost: string
  logLevel: LogLevel
  json?: true
}

/** Runs until a signal. A second signal hands everything back at once. */
export async function worker(options: WorkerCommandOptions): Promise<void> {
  const { broker, tasks, queues, threads, loopConcurrency, blocking, processes, lease, drain, healthPort, healthHost, logLevel, json } = options
  milliseconds(drain, '--drain')
  const log = lineLogger(logLevel, (line) => console.error(json ? toJson(line) : plain(line)))
  const running = await startWorker(broker, {
    tasks, lease, log,
    ...(queues === undefined ? {} : { queues }),
    ...(threads === undefined ? {} : { threads }),
    ...(loopConcurrency === undefined ? {} : { loopConcurrency }),
    ...(blocking === undefined ? {} : { blocking }),
    ...(processes === undefined ? {} : { processes })
  })
  // Started after the worker: a port that is taken must not leave jobs behind that nobody runs.
  const server = healthPort === undefined ? undefined : new HealthServer(running, { port: healthPort, host: healthHost })
  try {
    await server?.start()
  } catch (error) {
    await running.close({ deadline: 0 })
    throw error
  }
  if (server) log.info({ url: `http://${healthHost}:${server.port}/health` }, 'health endpoint ready')
  const ended = Promise.withResolvers<void>()
  let signals = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++
    log.info({ signal }, signals === 1 ? `draining: jobs under way have ${drain} to end; a second signal stops at once` : 'stopping at once')
    running.close({ deadline: signals === 1 ? drain : 0 }).then(ended.resolve, ended.reject)
    // Even a broker that does not answer keeps nobody waiting who has asked twice: the leases run out by themselves.
    if (signals > 1) systemClock.after(2_000, () => process.exit(1))
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  await ended.promise
  await server?.close()
  process.exit(0)
}

function plain({ level, time, msg, ...fields }: LogFields): string {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : toJson(value)}`)
  return [String(time).slice(11, 23), String(level).padEnd(5), msg, ...rest].join(' ')
}
