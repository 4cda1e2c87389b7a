import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TreadleError } from '../../kernel/errors.ts'

/** A module of the demo's folder, as source or as built. */
export function demoModule(name: string): string {
  const kind = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`./${name}.${kind}`, import.meta.url))
}

const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/**
 * The demo's folder and its processes: all gone when the demo ends, whether by itself, by an error or by Ctrl+C.
 *
 * Only processes that were started here are ended, each by its own handle.
 */
export class Stage implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'treadle-demo-'))
  readonly #children = new Set<ChildProcess>()

  constructor() {
    process.on('exit', this.#clear)
    for (const signal of Object.keys(signals)) process.on(signal, this.#leave)
  }

  /** A new folder in the demo's own. */
  subfolder(name: string): string {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    return folder
  }

  /** Ends `child` with the demo, at the latest. */
  own(child: ChildProcess): void {
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
  }

  /** Starts a module of the demo in a process of its own, which ends by itself when its channel closes. */
  fork(module: string, options: ForkOptions = {}): ChildProcess {
    const child = fork(demoModule(module), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced', ...options })
    this.own(child)
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = Array.from(this.#children, (child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(gone)
    this.#clear()
    process.off('exit', this.#clear)
    for (const signal of Object.keys(signals)) process.off(signal, this.#leave)
  }

  readonly #leave = (signal: NodeJS.Signals): void => process.exit(signals[signal as keyof typeof signals])

  readonly #clear = (): void => {
    for (const child of this.#children) child.kill('SIGKILL')
    // A process that was killed just now may write for another moment.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  }
}

/** The child's messages, until it ends. @throws Error where it ends with another exit code than 0 */
export async function * messagesOf<T>(child: ChildProcess, name: string): AsyncGenerator<T> {
  const arrived: T[] = []
  let ended: { readonly how: string | number | null } | undefined
  let wake = Promise.withResolvers<void>()
  child.on('message', (message) => { arrived.push(message as T); wake.resolve() })
  child.once('exit', (code, signal) => { ended = { how: code ?? signal }; wake.resolve() })
  child.once('error', wake.reject)
  for (;;) {
    yield * arrived.splice(0)
    if (ended?.how === 0) return
    if (ended) throw new TreadleError(`The ${name} of the demo ended too early (${ended.how}).`)
    await wake.promise
    wake = Promise.withResolvers<void>()
  }
}
