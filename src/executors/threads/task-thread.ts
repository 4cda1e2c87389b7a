import { MessagePort, type ResourceLimits, type Worker } from 'node:worker_threads'
import { ServedEnd } from '../../concurrency/remote/served-end.ts'
import { type LinkEnd, PortLink } from '../../concurrency/threads/port-link.ts'
import { ThreadExitedError, type TreadleError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { startThread } from '../../tasks/own-thread.ts'
import type { Place } from '../../tasks/task.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloning } from '../../wire/uncloneable.ts'
import { CallHost, type HostEnd, type HostListener } from '../calls/call-host.ts'
import { ClaimBoard } from '../calls/claim-board.ts'
import type { FromRunner, ToRunner } from '../calls/messages.ts'
import { threadEntry } from '../entries.ts'
import type { Streams } from '../calls/streams.ts'
import { type HostCall, hostCalls } from './host-calls.ts'
import type { ThreadStart } from './thread-start.ts'

export interface TaskThreadOptions {
  readonly name: string
  readonly place: Place
  readonly concurrency: number
  readonly execArgv?: readonly string[]
  readonly resourceLimits?: ResourceLimits
  /** What calls on the thread ask of the host's loop. */
  readonly hostCall: HostCall
  /** What they stream goes there. */
  readonly streams: Streams
  readonly logs: boolean
  readonly log: Logger
}

/** One thread as the pool sees it. */
export class TaskThread extends CallHost {
  readonly board: ClaimBoard = new ClaimBoard()
  readonly #worker: Worker
  #error: unknown

  constructor({ name, place, concurrency, execArgv, resourceLimits, hostCall, streams, logs, log }: TaskThreadOptions, listener: HostListener) {
    super(cloning, log, listener)
    const start: ThreadStart = { entry: 'thread', place, concurrency, board: this.board.memory, logs }
    this.#worker = startThread(threadEntry, {
      name,
      workerData: start,
      ...(execArgv ? { execArgv: [...execArgv] } : {}),
      ...(resourceLimits ? { resourceLimits } : {})
    })
    this.#worker.on('message', (message: FromRunner | { readonly line: LinkEnd }) => {
      if (isLine(message)) new ServedEnd(new PortLink(message.line), hostCalls(hostCall, streams)).begin()
      else this.receive(message)
    })
    this.#worker.on('error', (error) => { this.#error = error })
    this.#worker.on('messageerror', (error) => {
      // Outcomes are lost, and nobody can tell whose: as if the thread had ended by itself.
      this.#error = error
      void this.#worker.terminate()
    })
    this.#worker.on('exit', (code) => this.end(howEnded(code, this.#error), this.#error))
  }

  protected post(message: ToRunner, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
    this.board.countPost()
  }

  protected terminate(): void {
    void this.#worker.terminate()
  }

  protected dismiss(): void {
    if (!this.opens) return this.terminate()
    this.hold(true)
    this.post({ close: true })
  }

  protected hold(busy: boolean): void {
    if (busy) this.#worker.ref()
    else this.#worker.unref()
  }

  protected lost(what: string, { how, error }: HostEnd): TreadleError {
    return new ThreadExitedError(what, how, { cause: error })
  }
}

/** A task may post messages of its own. */
function isLine(message: unknown): message is { readonly line: LinkEnd } {
  return typeof message === 'object' && message !== null && 'line' in message && (message.line as LinkEnd | null)?.port instanceof MessagePort
}

function howEnded(code: number, error: unknown): string {
  if (error === undefined) return `process.exit(${code}) was called`
  const { code: errorCode, message } = toPortable(error)
  return errorCode === 'ERR_WORKER_OUT_OF_MEMORY' ? 'it ran out of memory' : `an error that nothing caught: ${message}`
}
