import { MessagePort, type ResourceLimits, type Worker } from 'node:worker_threads'
import { ServedEnd } from '../../concurrency/remote/served-end.ts'
import { type LinkEnd, PortLink, linkEnds, lookout } from '../../concurrency/threads/port-link.ts'
import { ThreadExitedError, type TreadleError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { startThread } from '../../tasks/own-thread.ts'
import type { Place } from '../../tasks/task.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloning } from '../../wire/uncloneable.ts'
import { CallHost, type HostEnd, type HostListener } from '../calls/call-host.ts'
import { ClaimBoard } from '../calls/claim-board.ts'
import { type FromRunner, type ToRunner, other } from '../calls/messages.ts'
import type { WearLimits } from '../calls/wear.ts'
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
  /** Whether it looks for more, for a moment, before it waits to be woken: where there is a core for it. */
  readonly looksOut: boolean
  readonly recycle: WearLimits
}

/** While a call takes longer than this, in milliseconds, to look for its outcome would only take a core from it. Half of a lookout: the first calls of a task, which are being compiled, take some ten microseconds. */
const worthLookingFor = 0.05

/** How much of what is small may be on the way, in bytes each way: about a thousand calls. */
const ringBytes = 131_072

/** One thread as the pool sees it. */
export class TaskThread extends CallHost {
  readonly board: ClaimBoard = new ClaimBoard()
  protected readonly line: PortLink<ToRunner, FromRunner>
  readonly name: string
  readonly #worker: Worker
  #error: unknown

  constructor({ name, place, concurrency, execArgv, resourceLimits, hostCall, streams, logs, log, looksOut, recycle }: TaskThreadOptions, listener: HostListener) {
    super(cloning, log, listener)
    this.name = name
    const [own, line] = linkEnds(ringBytes)
    const start: ThreadStart = { entry: 'thread', place, concurrency, board: this.board.memory, line, lookout: looksOut ? lookout : 0, logs, recycle }
    this.#worker = startThread(threadEntry, {
      name,
      workerData: start,
      transferList: [line.port],
      ...(execArgv ? { execArgv: [...execArgv] } : {}),
      ...(resourceLimits ? { resourceLimits } : {})
    })
    this.line = new PortLink(own)
    this.line.listen({
      heard: (message) => this.receive(message),
      caughtUp: () => this.caughtUp(),
      closed: (why) => this.#break(why)
    })
    const strange = (): void => log.warn({}, 'a message of unknown form came from a task')
    this.#worker.on('messageerror', strange)
    this.#worker.on('message', (message: unknown) => {
      if (isLine(message)) new ServedEnd(new PortLink(message.line), hostCalls(hostCall, streams)).begin()
      else strange()
    })
    this.#worker.on('error', (error) => { this.#error = error })
    this.#worker.on('exit', (code) => {
      this.line.catchUp()
      this.line.close()
      this.end(howEnded(code, this.#error), this.#error)
    })
  }

  /** Outcomes are lost, and nobody can tell whose: as if the thread had ended by itself. */
  #break(why: unknown): void {
    if (why === undefined) return // its exit is told of apart
    this.#error = why
    this.terminate()
  }

  get utilization(): number {
    return this.#worker.performance.eventLoopUtilization().utilization
  }

  override look(): void {
    this.line.catchUp()
  }

  protected override expects(ms: number): void {
    this.line.lookout = ms <= worthLookingFor ? lookout : 0
  }

  protected terminate(): void {
    void this.#worker.terminate()
  }

  protected dismiss(): void {
    if (!this.opens) return this.terminate()
    this.hold(true)
    this.line.post([other, { close: true }])
    this.line.flush()
  }

  protected hold(busy: boolean): void {
    this.line.hold(busy)
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
