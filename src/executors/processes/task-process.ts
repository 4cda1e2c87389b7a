import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ProcessExitedError, type TreadleError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { type PortableError, fromPortable, toPortable } from '../../wire/portable-error.ts'
import { copying } from '../../wire/uncloneable.ts'
import { CallHost, type HostEnd, type HostListener } from '../calls/call-host.ts'
import { type FromRunner, other } from '../calls/messages.ts'
import type { WearLimits } from '../calls/wear.ts'
import { childEntry } from '../entries.ts'
import { type ChildStart, childMark, descriptors } from './child-start.ts'
import { ClaimFile } from './claim-file.ts'
import { FrameReader, FrameWriter } from '../../wire/frames.ts'
import { megabytes } from './memory-limit.ts'

export interface TaskProcessOptions {
  /** Unique in this program. */
  readonly name: string
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string | undefined
  readonly silent: boolean
  readonly recycle: WearLimits
  readonly memoryLimit: number
  readonly logs: boolean
  readonly log: Logger
}

/** One child process as the pool sees it. */
export class TaskProcess extends CallHost {
  readonly board: ClaimFile
  protected readonly line: FrameWriter
  readonly #child: ChildProcess
  #utilization = 0
  readonly #inbox: Socket
  readonly #outbox: Socket
  readonly #lifeline: Socket
  readonly #memoryLimit: number
  /** What the watchdog said last: how many bytes the child held. */
  #held = ''
  #startError: Error | undefined
  #lastError: PortableError | undefined

  constructor({ name, execArgv, env, cwd, silent, memoryLimit, recycle, logs, log }: TaskProcessOptions, listener: HostListener) {
    super(copying, log, listener)
    this.board = new ClaimFile(name)
    this.#memoryLimit = memoryLimit
    const start: ChildStart = { place: 'process', concurrency: 1, logs, recycle, memoryLimit: memoryLimit === Infinity ? null : memoryLimit }
    // 'treadle' stands where the file would: what the program looks at to know whether it was started itself.
    const entryArgs = 'file' in childEntry ? [fileURLToPath(childEntry.file)] : ['--eval', childEntry.code, 'treadle']
    const output = silent ? 'ignore' : 'inherit'
    this.#child = spawn(process.execPath, [...execArgv, ...entryArgs, childMark + JSON.stringify(start)], {
      stdio: ['ignore', output, output, 'pipe', 'pipe', 'pipe', this.board.file],
      env,
      cwd,
      windowsHide: true
    })
    this.#child.once('error', (error) => { this.#startError = error })
    const { stdio } = this.#child
    this.#inbox = stdio[descriptors.inbox] as Socket
    this.#outbox = stdio[descriptors.outbox] as Socket
    this.#lifeline = stdio[descriptors.lifeline as 4] as Socket
    this.line = new FrameWriter((bytes) => void this.#inbox.write(bytes))
    const reader = new FrameReader<FromRunner>()
    this.#outbox.on('data', (piece: Buffer) => {
      for (const message of this.#read(reader, piece)) {
        if (message[0] === other) {
          this.#lastError = message[1].ending?.error ?? this.#lastError
          this.#utilization = message[1].utilization ?? this.#utilization
        }
        this.receive(message)
      }
      this.caughtUp()
    })
    this.#lifeline.setEncoding('utf8').on('data', (said: string) => { this.#held += said })
    // The child may be gone already; how it ended says more.
    for (const socket of [this.#inbox, this.#outbox, this.#lifeline]) socket.on('error', () => {})
    // Not 'exit': what it said last may not have been read by then.
    this.#child.once('close', (code, signal) => this.#onClose(code, signal))
  }

  get name(): string {
    return `process ${this.#child.pid}`
  }

  get utilization(): number {
    return this.#utilization
  }

  protected terminate(): void {
    this.#child.kill('SIGKILL')
  }

  protected dismiss(): void {
    this.hold(true)
    this.#inbox.end()
  }

  protected hold(busy: boolean): void {
    for (const each of [this.#child, this.#inbox, this.#outbox, this.#lifeline]) {
      if (busy) each.ref()
      else each.unref()
    }
  }

  protected lost(what: string, { how, error }: HostEnd): TreadleError {
    return new ProcessExitedError(what, how, { cause: error })
  }

  #read(reader: FrameReader<FromRunner>, piece: Buffer): FromRunner[] {
    try {
      return reader.push(piece)
    } catch (error) {
      // Outcomes are lost, and nobody can tell whose: as if the child had ended by itself.
      this.#lastError = toPortable(error)
      this.terminate()
      return []
    }
  }

  #onClose(code: number | null, signal: NodeJS.Signals | null): void {
    this.board[Symbol.dispose]()
    const error = this.#startError ?? (this.#lastError && fromPortable(this.#lastError))
    this.end(this.#howEnded(code, signal, error), error)
  }

  #howEnded(code: number | null, signal: NodeJS.Signals | null, error: Error | undefined): string {
    if (this.#startError) return this.#startError.message
    if (this.#held) return `it held ${megabytes(Number(this.#held))} of memory, far beyond its limit of ${megabytes(this.#memoryLimit)}`
    if (error) return `an error that nothing caught: ${error.message}`
    switch (signal) {
      case null:
        return `process.exit(${code}) was called`
      case 'SIGABRT':
      case 'SIGTRAP':
      case 'SIGILL':
        return `it ran out of memory, or native code gave up (${signal})`
      case 'SIGSEGV':
      case 'SIGBUS':
      case 'SIGFPE':
        return `native code crashed (${signal})`
      case 'SIGKILL':
        return 'it was killed (SIGKILL), as systems do when memory runs short'
      default:
        return `it was ended by ${signal}`
    }
  }
}
