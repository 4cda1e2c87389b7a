import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { LogFields } from '../../src/kernel/logger.ts'
import { root } from './build.ts'

/** A process of the test's own: it ends with the test, whatever happens. */
export class TestProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly lines: string[] = []
  readonly #watchers = new Set<() => void>()

  constructor(script: string, args: readonly string[], options: { cwd?: string, env?: NodeJS.ProcessEnv } = {}) {
    this.child = spawn(process.execPath, [script, ...args], { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        for (const look of this.#watchers) look()
      })
    }
    this.child.once('exit', () => { for (const look of this.#watchers) look() })
  }

  /** The first line, past or to come, that `matches`. Rejects where the process ends without it. */
  async line(matches: (line: string) => boolean): Promise<string> {
    const found = Promise.withResolvers<string>()
    const look = (): void => {
      const line = this.lines.find(matches)
      if (line !== undefined) found.resolve(line)
      else if (this.child.exitCode !== null || this.child.signalCode !== null) found.reject(new Error(`The process ended without that line:\n${this.lines.join('\n')}`))
    }
    this.#watchers.add(look)
    look()
    try {
      return await found.promise
    } finally {
      this.#watchers.delete(look)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** The exit code, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
    return this.child.exitCode ?? this.child.signalCode!
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/** A `treadle worker`, ready to run jobs; its log lines are objects. */
export class WorkerProcess extends TestProcess {
  constructor(broker: string, tasks: string, ...flags: string[]) {
    super(join(root, 'bin/treadle.js'), ['worker', '--json', '--broker', broker, '--tasks', tasks, ...flags], { env: WorkerProcess.env })
  }

  /** The environment of the next ones. */
  protected static env: NodeJS.ProcessEnv = process.env

  /** Whose clock, as its programs see it, is off by so many milliseconds, in its threads and children too. */
  static withClockOff(ms: number, ...args: ConstructorParameters<typeof WorkerProcess>): WorkerProcess {
    const shift = `const now = Date.now; Date.now = () => now() + ${ms}`
    WorkerProcess.env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shift)}` }
    try {
      return new WorkerProcess(...args)
    } finally {
      WorkerProcess.env = process.env
    }
  }

  async ready(): Promise<this> {
    await this.line((line) => line.includes('worker ready'))
    return this
  }

  logged(): LogFields[] {
    return this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogFields)
  }
}
