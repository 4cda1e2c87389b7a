import { HealthServer } from '../../http/health-server.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { ByteSize } from '../../kernel/byte-size.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import type { LogLevel } from '../../kernel/logger.ts'
import type { PoolSize } from '../../kernel/pool-size.ts'
import { type WorkerOptions, startWorker } from '../../worker/start-worker.ts'
import { HealthPortError, UsageError } from '../errors.ts'
import { stderrLog } from '../log.ts'
import { taskModules } from '../task-modules.ts'

export interface WorkerCommandOptions {
  broker: string
  payloads?: string
  tasks?: string[]
  queues?: string[]
  threads?: number | PoolSize
  loopConcurrency?: number
  blocking?: number
  processes?: number | PoolSize
  memoryLimit?: number
  control?: boolean
  lease: Duration
  drain: Duration
  keep?: Duration
  keepBytes?: ByteSize
  schedules: 'on' | 'off'
  healthPort?: number
  healthHost: string
  logLevel: LogLevel
  json?: true
}

/** Runs until a signal. A second signal hands everything back at once. */
export async function worker(options: WorkerCommandOptions): Promise<void> {
  const { broker, payloads, tasks = [], queues, threads, loopConcurrency, blocking, processes, memoryLimit, control, lease, drain, keep, keepBytes, schedules, healthPort, healthHost, logLevel, json } = options
  milliseconds(drain, '--drain')
  if (tasks.length === 0) throw new UsageError("treadle worker needs the modules that export its tasks: --tasks ./tasks.ts, TREADLE_TASKS, or tasks in treadle.config.ts. A first one is written by: treadle init")
  const log = stderrLog(logLevel, json === true)
  const running = await startWorker(broker, {
    tasks: taskModules(tasks), lease, log, schedules: schedules === 'on',
    ...(payloads === undefined ? {} : { payloads }),
    ...(queues === undefined ? {} : { queues: weighted(queues) }),
    keep: { ...(keep === undefined ? {} : { succeeded: keep, cancelled: keep }), ...(keepBytes === undefined ? {} : { bytes: keepBytes }) },
    ...(threads === undefined ? {} : { threads }),
    ...(loopConcurrency === undefined ? {} : { loopConcurrency }),
    ...(blocking === undefined ? {} : { blocking }),
    ...(processes === undefined ? {} : { processes }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(control === undefined ? {} : { control })
  })
  if (running.tasks.length === 0) {
    await running.close({ deadline: 0 })
    throw new UsageError(`No task is exported by ${tasks.join(', ')}. Write: export const name = task({ name: 'name' }, fn)`)
  }
  // Started after the worker: a port that is taken must not leave jobs behind that nobody runs.
  const server = healthPort === undefined ? undefined : new HealthServer(running, { port: healthPort, host: healthHost })
  try {
    await server?.start()
  } catch (error) {
    await running.close({ deadline: 0 })
    throw unlistenable(error, healthHost, healthPort)
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
  // By remote control.
  void running.ended.then(ended.resolve)
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  await ended.promise
  await server?.close()
  process.exit(0)
}

/** Names, or each with its weight where one has any: `urgent=6`, or 1. */
function weighted(queues: readonly string[]): NonNullable<WorkerOptions['queues']> {
  if (!queues.some((queue) => queue.includes('='))) return queues
  return Object.fromEntries(queues.map((queue) => {
    const [name = '', weight = '1'] = queue.split(/=(.*)/s)
    return [name, weight.trim() === '' ? Number.NaN : Number(weight)]
  }))
}

/** @returns the error, or one that says what to do where the port cannot be had */
function unlistenable(error: unknown, host: string, port: number | undefined): unknown {
  const { code } = error as NodeJS.ErrnoException
  const why = code === 'EADDRINUSE' ? 'another process listens there' : code === 'EACCES' ? 'this user may not' : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' ? 'it is no address of this machine' : undefined
  return why === undefined ? error : new HealthPortError(`${host}:${port}`, why, { cause: error })
}
