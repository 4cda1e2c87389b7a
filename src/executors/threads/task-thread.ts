import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { ThreadExitedError, type UncloneableError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Place } from '../../tasks/task.ts'
import { fromPortable, toPortable } from '../../wire/portable-error.ts'
import { cloneFailure } from '../../wire/uncloneable.ts'
import type { Outcome } from '../executor.ts'
import { ClaimBoard } from '../calls/claim-board.ts'
import type { KnownTask } from '../calls/known-task.ts'
import type { FromRunner, SentCall, StopReason, TaskManifest, ToRunner } from '../calls/messages.ts'
import { Unpacker, pack } from '../calls/packed-bytes.ts'
import { outcomeOf } from '../calls/outcome-of.ts'
import type { PooledCall } from '../calls/pooled-call.ts'
import type { ThreadStart } from './thread-start.ts'

/** The compiled and the TypeScript form of this package both have the entry beside this file. */
const entry = new URL(`./thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/** A call in the hands of a pool of threads. */
export type ThreadCall = PooledCall<TaskThread>

export interface TaskThreadOptions {
  readonly name: string
  readonly place: Place
  readonly concurrency: number
  readonly execArgv?: readonly string[]
  readonly resourceLimits?: ResourceLimits
  readonly logs: boolean
  readonly log: Logger
}

/** How a thread ended by itself. */
export interface ThreadEnd {
  readonly code: number
  readonly error: unknown
  /** The call in whose context it ended, where that is known. */
  readonly culprit: number | undefined
}

/** What the pool hears from a thread. */
export interface ThreadListener {
  onOutcome(thread: TaskThread, call: ThreadCall, outcome: Outcome): void
  onRefused(thread: TaskThread, call: ThreadCall, error: UncloneableError): void
  onLoaded(thread: TaskThread, task: number): void
  /** After each message: there may be room for more. */
  onRoom(thread: TaskThread): void
  /** It ended without being killed. */
  onEnd(thread: TaskThread, end: ThreadEnd): void
}

/**
 * One thread as its host sees it.
 *
 * Invariant: `inFlight` holds the calls that were given and not yet settled by a message, in the order of their numbers.
 */
export class TaskThread {
  readonly inFlight: Map<number, ThreadCall> = new Map<number, ThreadCall>()
  /** Tasks whose modules it has imported. */
  readonly loaded: Set<number> = new Set<number>()
  readonly board: ClaimBoard = new ClaimBoard()
  /** It has started and listens. */
  ready = false
  /** Its current call took so long that the others were taken from it: nothing is given before it answers. */
  stuck = false
  /** What it was given and has not answered, in expected milliseconds. */
  ahead = 0
  readonly concurrency: number
  readonly #worker: Worker
  readonly #listener: ThreadListener
  readonly #log: Logger
  readonly #known = new Set<number>()
  readonly #describing = new Map<number, PromiseWithResolvers<TaskManifest[]>>()
  readonly #ended = Promise.withResolvers<void>()
  #outbox: ThreadCall[] = []
  #newTasks: KnownTask[] = []
  #lastSeq = 0
  /** The last call that was posted, not only given. */
  #lastPosted = 0
  #error: unknown
  #culprit: number | undefined
  #killed = false
  #held = true

  constructor(options: TaskThreadOptions, listener: ThreadListener) {
    this.concurrency = options.concurrency
    this.#listener = listener
    this.#log = options.log
    const start: ThreadStart = { place: options.place, concurrency: options.concurrency, board: this.board.memory, logs: options.logs }
    this.#worker = new Worker(entry, {
      name: options.name,
      workerData: start,
      ...(options.execArgv ? { execArgv: [...options.execArgv] } : {}),
      ...(options.resourceLimits ? { resourceLimits: options.resourceLimits } : {})
    })
    this.#worker.on('message', (message: FromRunner) => this.#receive(message))
    this.#worker.on('error', (error) => { this.#error = error })
    this.#worker.on('messageerror', (error) => {
      // Outcomes are lost, and nobody can tell whose: as if the thread had ended by itself.
      this.#error = error
      void this.#worker.terminate()
    })
    this.#worker.on('exit', (code) => this.#onExit(code))
  }

  /** Resolves when the thread is no more. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Gives it a call; `send` then sends all that were given. */
  give(call: ThreadCall): void {
    const { task } = call
    call.host = this
    call.seq = ++this.#lastSeq
    call.expected = task.cost === Infinity ? 0 : task.cost + call.carriage
    this.ahead += call.expected
    this.inFlight.set(call.seq, call)
    if (!this.#known.has(task.id)) {
      this.#known.add(task.id)
      this.#newTasks.push(task)
    }
    this.#outbox.push(call)
  }

  send(): void {
    const calls = this.#outbox
    if (calls.length === 0) return
    this.#outbox = []
    const tasks = this.#newTasks
    this.#newTasks = []
    const message: ToRunner = tasks.length > 0 ? { tasks: tasks.map(({ id, ref }) => [id, ref] as const) } : {}
    try {
      this.#postCalls(message, calls)
    } catch {
      const failures = new Map<ThreadCall, UncloneableError>()
      for (const call of calls) {
        const failure = 'args' in call.call.input ? cloneFailure(call.call.input.args, `The arguments of '${call.name}'`, 'args') : undefined
        if (failure) failures.set(call, failure)
      }
      this.#postCalls(message, calls.filter((call) => !failures.has(call)))
      for (const [call, failure] of failures) {
        this.#forget(call)
        this.#listener.onRefused(this, call, failure)
      }
    }
    this.#hold()
  }

  /** Has the call's own signal abort. */
  stop(call: ThreadCall, why: StopReason): void {
    this.#post({ stops: [[call.seq, why]] })
  }

  hasBegun(call: ThreadCall): boolean {
    return call.seq <= this.board.lastBegun
  }

  /** Takes back what has not begun; undefined while the thread has yet to see an earlier time. */
  takeBack(): ThreadCall[] | undefined {
    const begun = this.board.takeBack(this.#lastPosted)
    if (begun === undefined) return undefined
    this.#outbox = []
    return this.#notBegun(begun)
  }

  describe(modules: readonly string[]): Promise<TaskManifest[]> {
    const id = this.#describing.size
    const asked = Promise.withResolvers<TaskManifest[]>()
    this.#describing.set(id, asked)
    this.#post({ describe: { id, modules } })
    this.#hold()
    return asked.promise
  }

  /** Ends it, wherever its code is. Returns what had not begun; the begun calls stay in `inFlight` for the pool to settle. */
  kill(): ThreadCall[] {
    this.#killed = true
    const notBegun = this.takeBack() ?? this.#notBegun(this.board.lastBegun)
    this.#worker.ref()
    void this.#worker.terminate()
    return notBegun
  }

  #notBegun(lastBegun: number): ThreadCall[] {
    const calls = [...this.inFlight.values()].filter((call) => call.seq > lastBegun)
    for (const call of calls) {
      this.#forget(call)
      call.host = undefined
      call.clearTimer()
    }
    return calls
  }

  #forget(call: ThreadCall): void {
    this.inFlight.delete(call.seq)
    this.ahead = this.inFlight.size === 0 ? 0 : this.ahead - call.expected
  }

  #postCalls(message: ToRunner, calls: readonly ThreadCall[]): void {
    const parts: Uint8Array[] = []
    const sent = calls.map(({ seq, task, call: { input, timeout, attempt } }): SentCall => {
      let own: readonly unknown[] | number
      if ('encoded' in input) own = parts[parts.push(input.encoded) - 1]!.length
      else own = input.args
      return attempt ? [seq, task.id, own, timeout, attempt.job, attempt.number, attempt.token] : [seq, task.id, own, timeout]
    })
    const bytes = parts.length > 0 ? pack(parts) : undefined
    this.#post({ ...message, calls: sent, ...(bytes ? { bytes } : {}) }, bytes && [bytes.buffer])
    this.#lastPosted = calls.at(-1)?.seq ?? this.#lastPosted
  }

  #post(message: ToRunner, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
    this.board.countPost()
  }

  #receive({ ready, outcomes, bytes, loaded, passedOver, described, ending, log }: FromRunner): void {
    if (log) return this.#log[log[0]](log[1], log[2])
    if (this.#killed) return // what was in flight has been settled
    if (ready) this.ready = true
    // Either way it has come to the end of the call that it was stuck in.
    if (outcomes || passedOver) this.stuck = false
    if (ending) this.#culprit = ending.culprit
    if (loaded) {
      for (const task of loaded) {
        this.loaded.add(task)
        this.#listener.onLoaded(this, task)
      }
    }
    if (outcomes) {
      const unpacker = new Unpacker(bytes)
      for (const sent of outcomes) {
        const outcome = outcomeOf(sent, unpacker)
        const call = this.inFlight.get(sent[0])
        if (!call) continue
        this.#forget(call)
        this.#listener.onOutcome(this, call, outcome)
      }
    }
    if (described) {
      const asked = this.#describing.get(described.id)
      this.#describing.delete(described.id)
      if (described.manifests) asked?.resolve([...described.manifests])
      else if (described.error) asked?.reject(fromPortable(described.error))
    }
    this.#listener.onRoom(this)
    this.#hold()
  }

  /** The process stays alive for a thread that starts or works, and not for one that idles. */
  #hold(): void {
    const busy = !this.ready || this.inFlight.size > 0 || this.#describing.size > 0
    if (busy === this.#held || this.#killed) return
    this.#held = busy
    if (busy) this.#worker.ref()
    else this.#worker.unref()
  }

  #onExit(code: number): void {
    for (const asked of this.#describing.values()) {
      asked.reject(new ThreadExitedError('A module of tasks', endOf(code, this.#error), { cause: this.#error }))
    }
    this.#ended.resolve()
    if (!this.#killed) this.#listener.onEnd(this, { code, error: this.#error, culprit: this.#culprit })
  }

  /** After the end: takes what had not begun. */
  takeRest(): ThreadCall[] {
    return this.#notBegun(this.board.lastBegun)
  }
}

/** How a thread ended, for people. */
export function endOf(code: number, error: unknown): string {
  if (error === undefined) return `process.exit(${code}) was called`
  const { code: errorCode, message } = toPortable(error)
  return errorCode === 'ERR_WORKER_OUT_OF_MEMORY' ? 'it ran out of memory' : `an error that nothing caught: ${message}`
}
