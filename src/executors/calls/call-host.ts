import type { TreadleError, UncloneableError } from '../../kernel/errors.ts'
import type { LogFields, LogLine, Logger } from '../../kernel/logger.ts'
import type { TaskRef } from '../../tasks/task.ts'
import { fromPortable } from '../../wire/portable-error.ts'
import { cloneFailure, packWhereNeeded } from '../../wire/sendable.ts'
import { type CopyRules, isPlain } from '../../wire/uncloneable.ts'
import type { Outcome } from '../executor.ts'
import { callsPart, outcomesOf } from './columns.ts'
import type { KnownTask } from './known-task.ts'
import type { FromRunner, SentCall, StopReason, TaskManifest, ToRunner } from './messages.ts'
import { outcomeOf } from './outcome-of.ts'
import { Unpacker, pack } from './packed-bytes.ts'
import type { PooledCall } from './pooled-call.ts'

/** A call in the pool's hands. */
export type HostCall = PooledCall<CallHost>

/** What a host knows of its runner without a message, also when that is stuck or dead. */
export interface HostBoard {
  /** The last call that has begun. */
  readonly lastBegun: number
  /** The call whose synchronous first part, or whose module, is being run, where that is known; 0 for none. */
  readonly firstPart: number
  /** How often its event loop has shown that it turns; where nobody looks, 0. */
  readonly beats: number
  /** Whether nothing may be sent yet, after a take-back. */
  readonly takingBack: boolean
  /**
   * Takes back every call up to `lastSent` that has not begun.
   *
   * @returns the last call that has begun, or undefined while an earlier take-back stands
   */
  takeBack(lastSent: number): number | undefined
}

/** How a thread or process ended by itself. */
export interface HostEnd {
  /** For people. */
  readonly how: string
  readonly error: unknown
  /** The call in whose context it ended, where that is known. */
  readonly culprit: number | undefined
}

/** What the pool hears from a thread or process. */
export interface HostListener {
  onOutcome(call: HostCall, outcome: Outcome): void
  onRefused(call: HostCall, error: UncloneableError): void
  onLoaded(host: CallHost, task: number): void
  /** These calls were taken back after all. */
  onPassedOver(host: CallHost, calls: HostCall[]): void
  /** After each message: there may be room for more. */
  onRoom(host: CallHost): void
  /** It ended without being killed. */
  onEnd(host: CallHost, end: HostEnd): void
}

/**
 * One thread or child process as the pool sees it.
 *
 * Invariant: `inFlight` holds the calls that were given and not yet settled by a message, in the order of their numbers.
 */
export abstract class CallHost {
  readonly inFlight: Map<number, HostCall> = new Map<number, HostCall>()
  /** Tasks whose modules it has imported. */
  readonly loaded: Set<number> = new Set<number>()
  abstract readonly board: HostBoard
  /** It holds more memory than it should: it is replaced once it has nothing in flight. */
  worn = false
  /** It has something open that it must close before it ends. */
  opens = false
  /** It has started and listens. */
  ready = false
  /** Its current call took so long that the others were taken from it: nothing is given before it answers. */
  stuck = false
  /** What it was given and has not answered, in expected milliseconds. */
  ahead = 0
  readonly #listener: HostListener
  readonly #log: Logger
  readonly #rules: CopyRules
  readonly #known = new Set<number>()
  #questions = 0
  readonly #describing = new Map<number, PromiseWithResolvers<TaskManifest[]>>()
  readonly #ended = Promise.withResolvers<void>()
  #outbox: HostCall[] = []
  #newTasks: KnownTask[] = []
  #lastSeq = 0
  /** The last call that was posted, not only given. */
  #lastPosted = 0
  #ending: FromRunner['ending']
  #killed = false
  #held = true

  /** @param rules what can be sent to it */
  constructor(rules: CopyRules, log: Logger, listener: HostListener) {
    this.#rules = rules
    this.#log = log
    this.#listener = listener
  }

  /** Throws, and sends nothing, where something in the message cannot be sent. */
  protected abstract post(message: ToRunner, transfer?: ArrayBuffer[]): void
  /** Ends it, wherever its code is. */
  protected abstract terminate(): void
  /** Lets it end when it comes to rest, and has closed what it opened. */
  protected abstract dismiss(): void
  /** Whether the program stays alive for it. */
  protected abstract hold(busy: boolean): void
  /** That it ended while it was asked for the tasks of modules. */
  protected abstract lost(what: string, end: HostEnd): TreadleError

  /** Resolves when it is no more. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Whether it was asked for tasks and has not answered. */
  get describing(): boolean {
    return this.#describing.size > 0
  }

  /** Gives it a call; `send` then sends all that were given. */
  give(call: HostCall): void {
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
      const failures = new Map<HostCall, UncloneableError>()
      for (const call of calls) {
        const failure = this.#failureOf(call)
        if (failure) failures.set(call, failure)
      }
      this.#postCalls(message, calls.filter((call) => !failures.has(call)))
      for (const [call, failure] of failures) {
        this.#forget(call)
        this.#listener.onRefused(call, failure)
      }
    }
    this.#hold()
  }

  #failureOf({ name, call: { input } }: HostCall): UncloneableError | undefined {
    if ('encoded' in input) return undefined
    try {
      packWhereNeeded(input.args, argumentsOf(name), 'args', this.#rules)
      return cloneFailure(input.args, argumentsOf(name), 'args', this.#rules)
    } catch (error) {
      return error as UncloneableError
    }
  }

  /** Has the call's own signal abort. */
  stop(call: HostCall, why: StopReason): void {
    this.post({ stops: [[call.seq, why]] })
  }

  hasBegun(call: HostCall): boolean {
    return call.seq <= this.board.lastBegun
  }

  /** Takes back what has not begun; undefined while it has yet to see an earlier time. */
  takeBack(): HostCall[] | undefined {
    const begun = this.board.takeBack(this.#lastPosted)
    if (begun === undefined) return undefined
    this.#outbox = []
    return this.#notBegun(begun)
  }

  describe(tasks: readonly (string | TaskRef)[]): Promise<TaskManifest[]> {
    const id = ++this.#questions
    const asked = Promise.withResolvers<TaskManifest[]>()
    this.#describing.set(id, asked)
    // Plain copies: a ref may be a definition, whose function cannot be sent.
    this.post({ describe: { id, asked: tasks.map((one) => typeof one === 'string' ? one : { name: one.name, source: one.source }) } })
    this.#hold()
    return asked.promise
  }

  /** Ends it, wherever its code is. Returns what had not begun; the begun calls stay in `inFlight` for the pool to settle. */
  kill(): HostCall[] {
    this.#killed = true
    const notBegun = this.takeBack() ?? this.#notBegun(this.board.lastBegun)
    this.hold(true)
    this.terminate()
    return notBegun
  }

  /** Lets it end, where nothing is in flight. */
  retire(): void {
    this.#killed = true
    this.dismiss()
  }

  #notBegun(lastBegun: number): HostCall[] {
    const calls = [...this.inFlight.values()].filter((call) => call.seq > lastBegun)
    for (const call of calls) this.#release(call)
    return calls
  }

  /** The board let both sides have these: they were taken back, and it may have been too late for the host to see. */
  #putBack(passedOver: readonly number[]): void {
    const calls = passedOver.map((seq) => this.inFlight.get(seq)).filter((call) => call !== undefined)
    if (calls.length === 0) return
    for (const call of calls) this.#release(call)
    this.#listener.onPassedOver(this, calls)
  }

  #release(call: HostCall): void {
    this.#forget(call)
    call.host = undefined
    call.clearTimer()
  }

  #forget(call: HostCall): void {
    this.inFlight.delete(call.seq)
    this.ahead = this.inFlight.size === 0 ? 0 : this.ahead - call.expected
  }

  #postCalls(message: ToRunner, calls: readonly HostCall[]): void {
    const parts: Uint8Array[] = []
    const sent = calls.map(({ seq, name, task, heard, call: { input, timeout, attempt } }): SentCall => {
      let own: SentCall[2]
      if ('encoded' in input) own = parts[parts.push(input.encoded) - 1]!.length
      // Gathered by a rest parameter, a list of arguments has no fields of its own: where all are plain there is nothing to look at.
      else own = input.args.every(isPlain) ? input.args : packWhereNeeded(input.args, argumentsOf(name), 'args', this.#rules) ?? input.args
      return attempt ? [seq, task.id, own, timeout, heard, attempt.job, attempt.number, attempt.token, attempt.version ?? 1] : [seq, task.id, own, timeout, heard]
    })
    const bytes = parts.length > 0 ? pack(parts) : undefined
    const { part, transfer } = callsPart(sent)
    this.post({ ...message, ...part, ...(bytes ? { bytes } : {}) }, bytes ? [...transfer, bytes.buffer] : [...transfer])
    this.#lastPosted = calls.at(-1)?.seq ?? this.#lastPosted
  }

  /** Whether the time of a call in its hands is limited: then none is sent behind it. */
  get limited(): boolean {
    for (const { call } of this.inFlight.values()) return call.timeout !== Infinity
    return false
  }

  protected receive(message: FromRunner): void {
    try {
      this.#hear(message)
    } catch (error) {
      // Tasks can reach the port too: what is not of our form is theirs, and must not stop the host.
      this.#log.warn({ err: error }, 'a message of unknown form came from a task')
    }
  }

  #hear(message: FromRunner): void {
    const { ready, bytes, loaded, passedOver, described, ending, worn, opens, progress, log } = message
    if (log) return this.#write(...log)
    if (this.#killed) return // what was in flight has been settled
    if (progress) return this.inFlight.get(progress[0])?.progressed(progress[1])
    if (ready) this.ready = true
    const outcomes = outcomesOf(message)
    // Either way it has come to the end of the call that it was stuck in.
    if (outcomes.length > 0 || passedOver) this.stuck = false
    if (passedOver) this.#putBack(passedOver)
    if (ending) this.#ending = ending
    if (worn) this.worn = true
    if (opens) this.opens = true
    if (loaded) {
      for (const task of loaded) {
        this.loaded.add(task)
        this.#listener.onLoaded(this, task)
      }
    }
    if (outcomes.length > 0) {
      const unpacker = new Unpacker(bytes)
      for (const sent of outcomes) {
        const outcome = outcomeOf(sent, unpacker)
        const call = this.inFlight.get(sent[0])
        if (!call) continue
        this.#forget(call)
        this.#listener.onOutcome(call, outcome)
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

  #write(seq: number, line: LogLine, bindings: LogFields): void {
    this.#log[line.level]({ ...bindings, ...line.fields }, line.message)
    this.inFlight.get(seq)?.logged(line)
  }

  /** The program stays alive for one that starts or works, and not for one that idles. */
  #hold(): void {
    const busy = !this.ready || this.inFlight.size > 0 || this.#describing.size > 0
    if (busy === this.#held || this.#killed) return
    this.#held = busy
    this.hold(busy)
  }

  /** It has ended; `how` is for people. */
  protected end(how: string, error: unknown): void {
    const end: HostEnd = { how, error, culprit: this.#ending?.culprit }
    for (const asked of this.#describing.values()) asked.reject(this.lost('A module of tasks', end))
    this.#ended.resolve()
    if (!this.#killed) this.#listener.onEnd(this, end)
  }

  /** After the end: takes what had not begun. */
  takeRest(): HostCall[] {
    return this.#notBegun(this.board.lastBegun)
  }
}

function argumentsOf(name: string): string {
  return `The arguments of '${name}'`
}
