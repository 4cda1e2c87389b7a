import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { TreadleError } from '../../kernel/errors.ts'
import type { LogFields } from '../../kernel/logger.ts'
import { journalVariable } from './journal.ts'
import { type Stage, demoModule } from './stage.ts'

/** A worker in a process of its own. */
export interface WorkerProcess {
  /** As the broker knows it. */
  readonly id: string
  readonly pid: number
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

const command = fileURLToPath(new URL('../../../bin/treadle.js', import.meta.url))

/** How many lines of a worker's log are kept for the error, should it end too early. */
const kept = 5

/** The demo's workers: real `treadle worker` processes. */
export class Workers {
  readonly #stage: Stage
  readonly #broker: string
  readonly #lease: string
  readonly #journal: string
  readonly #broken = Promise.withResolvers<never>()
  readonly running: Set<WorkerProcess> = new Set()
  /** How many late completions were refused, as the workers' logs say. */
  refused = 0

  constructor(stage: Stage, broker: string, lease: string, journal: string) {
    this.#stage = stage
    this.#broker = broker
    this.#lease = lease
    this.#journal = journal
    this.#broken.promise.catch(() => {})
  }

  /** The result of `work`, unless a worker ends meanwhile that nobody ended. */
  guarded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#broken.promise])
  }

  /** Resolves when the worker takes jobs. */
  async start(): Promise<WorkerProcess> {
    const args = [command, 'worker', '--broker', this.#broker, '--tasks', demoModule('tasks'), '--lease', this.#lease, '--json']
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, [journalVariable]: this.#journal }
    })
    this.#stage.own(child)
    const log: string[] = []
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const id = await new Promise<string>((resolve, reject) => {
      const lines = createInterface({ input: child.stderr })
      lines.on('line', (line) => {
        log.push(line)
        if (log.length > kept) log.shift()
        const { msg, worker, code } = read(line)
        if (msg === 'worker ready') resolve(String(worker))
        if (code === 'STALE_ATTEMPT') this.refused++
      })
      lines.once('close', () => {
        if (child.killed) return
        const error = new TreadleError(`A worker of the demo ended too early. The end of its log:\n${log.join('\n')}`)
        reject(error)
        this.#broken.reject(error)
      })
    })
    const worker: WorkerProcess = { id, pid: child.pid!, gone, kill: (signal) => this.#kill(worker, child, signal) }
    this.running.add(worker)
    return worker
  }

  /** Ends all but one, in an orderly way. */
  async keepOne(): Promise<void> {
    await Promise.all([...this.running].slice(1).map((worker) => worker.kill('SIGTERM')))
  }

  async #kill(worker: WorkerProcess, child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.running.delete(worker)
    child.kill(signal)
    await worker.gone
  }
}

function read(line: string): LogFields {
  try {
    return JSON.parse(line) as LogFields
  } catch {
    return {}
  }
}
