import { type TreadleError, UncloneableError } from '../../kernel/errors.ts'
import type { LogFields, LogLine, Logger } from '../../kernel/logger.ts'
import type { TaskRef } from '../../tasks/task.ts'
import { fromPortable } from '../../wire/portable-error.ts'
import { packWhereNeeded } from '../../wire/sendable.ts'
import { type CopyRules, isPlain, refusal } from '../../wire/uncloneable.ts'
import type { Outcome } from '../executor.ts'
import { InFlight } from './in-flight.ts'
import type { Line } from './line.ts'
import { type FromRunner, type HostWord, type RunnerWord, type SentCall, type SentOutcome, type StopReason, type TaskManifest, type ToRunner, call, encodedCall, other, packedCall } from './messages.ts'
import { outcomeOf } from './outcome-of.ts'
import { type PooledCall, bytesOf } from './pooled-call.ts'

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
  /** Whether an earlier take-back has yet to be seen there: nothing may be sent meanwhile. */
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
  /** It says something: what follows comes now. */
  onHeard(): void
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
  readonly inFlight: InFlight<HostCall> = new InFlight<HostCall>()
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
  /** Calls that came to an end here, the milliseconds that they took, and the bytes that went there and came from there. */
  calls = 0
  running = 0
  sent = 0
  received = 0
  /** When it was heard of last, or was given the first call after a rest, on the pool's clock. */
  heardAt = 0
  readonly #listener: HostListener
  readonly #log: Logger
  readonly #rules: CopyRules
  readonly #known = new Set<number>()
  #questions = 0
  readonly #describing = new Map<number, PromiseWithResolvers<TaskManifest[]>>()
  readonly #ended = Promise.withResolvers<void>()
  #lastSeq = 0
  #limited = 0
  /** The last call that was said, and not refused; and the last that was sent, too. */
  #lastSaid = 0
  #lastSent = 0
  #ending: RunnerWord['ending']
  #killed = false
  #hearing = false
  #held = true

  /** @param rules what can be sent to it */
  constructor(rules: CopyRules, log: Logger, listener: HostListener) {
    this.#rules = rules
    this.#log = log
    this.#listener = listener
  }

  protected abstract readonly line: Line<ToRunner>
  /** Ends it, wherever its code is. */
  protected abstract terminate(): void
  /** Lets it end when it comes to rest, and has closed what it opened. */
  protected abstract dismiss(): void
  /** Whether the program stays alive for it. */
  protected abstract hold(busy: boolean): void
  /** Hears what can be seen by now, though nobody was woken for it. Not every host can. */
  look(): void {}
  /** About how long the next outcome takes to come, in milliseconds. */
  protected expects(_ms: number): void {}
  /** That it ended while it was asked for the tasks of modules. */
  protected abstract lost(what: string, end: HostEnd): TreadleError

  /** Resolves when it is no more. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** What it is called in statistics. */
  abstract readonly name: string
  /** How much of its time its event loop was not idle, from 0 to 1, as far as that is known. */
  abstract readonly utilization: number

  /** Whether it was asked for tasks and has not answered. */
  get describing(): boolean {
    return this.#describing.size > 0
  }

  /** Whether it has started and has nothing to do. */
  get isFree(): boolean {
    return this.ready && this.inFlight.size === 0 && !this.describing
  }

  /** Gives it a call; `send` then sends all that were given. */
  give(call: HostCall): void {
    const { task } = call
    call.host = this
    const seq = call.seq = ++this.#lastSeq
    this.sent += call.bytes
    call.expected = task.cost === Infinity ? 0 : task.cost + call.carriage
    this.ahead += call.expected
    this.inFlight.add(call)
    if (call.call.timeout !== Infinity) this.#limited++
    if (!this.#known.has(task.id)) {
      this.#known.add(task.id)
      this.line.post([other, { tasks: [[task.id, task.ref]] }])
    }
    try {
      this.#say(call)
      this.#lastSaid = seq
    } catch (error) {
      this.#forget(call)
      this.#listener.onRefused(call, error as UncloneableError)
    }
  }

  /** @throws UncloneableError where something in its arguments cannot be sent */
  #say({ seq, name, task, heard, moved, call: { input, timeout, softTimeout = Infinity, ignoresResult = false, attempt } }: HostCall): void {
    const limit = timeout === Infinity ? undefined : timeout
    const rare = softTimeout !== Infinity || attempt?.parent || ignoresResult ? [softTimeout === Infinity ? undefined : softTimeout, attempt?.parent, ignoresResult] as const : undefined
    const sent = (kind: SentCall[0], what: SentCall[3]): SentCall => rare
      ? [kind, seq, task.id, what, limit, heard, attempt?.job, attempt?.number, attempt?.token, attempt?.version ?? 1, rare]
      : attempt
      ? [kind, seq, task.id, what, limit, heard, attempt.job, attempt.number, attempt.token, attempt.version ?? 1]
      : [kind, seq, task.id, what, limit, heard]
    if ('encoded' in input) return this.line.post(sent(encodedCall, input.encoded))
    const { args } = input
    const message = sent(call, args)
    try {
      if (moved) return this.line.post(message, moved)
      if (this.line.write(message)) return
      // Gathered by a rest parameter, a list of arguments has no fields of its own: where all are plain there is nothing to look at.
      const packed = args.every(isPlain) ? undefined : packWhereNeeded(args, argumentsOf(name), 'args', this.#rules)
      this.line.post(packed ? sent(packedCall, packed) : message)
    } catch (error) {
      throw error instanceof UncloneableError ? error : refusal(args, argumentsOf(name), 'args', error, this.#rules)
    }
  }

  /** Sends all that it was given. */
  send(): void {
    if (this.#lastSent === this.#lastSaid) return
    this.#lastSent = this.#lastSaid
    this.line.flush()
    this.#hold()
  }

  #tell(word: HostWord): void {
    this.line.post([other, word])
    this.line.flush()
  }

  /** Has the call's own signal abort. */
  stop(call: HostCall, why: StopReason): void {
    this.#tell({ stops: [[call.seq, why]] })
  }

  /** Has it run so many calls at once. */
  resize(concurrency: number): void {
    this.#tell({ concurrency })
  }

  hasBegun(call: HostCall): boolean {
    return call.seq <= this.board.lastBegun
  }

  /** Takes back what has not begun; undefined where that cannot be now (an earlier time has yet to be seen there, or what was moved would be lost), or is for it alone. */
  takeBack(): HostCall[] | undefined {
    if (!this.#holdsOthers) return undefined
    // Such a call is given to a host that has no other.
    const { head } = this.inFlight
    if (head?.moved && !this.hasBegun(head)) return undefined
    const begun = this.board.takeBack(this.#lastSaid)
    if (begun === undefined) return undefined
    return this.#notBegun(begun)
  }

  /** Whether it is at a call. With nothing begun it is we who are slow, or what was sent is still on its way. */
  get isAtCall(): boolean {
    const { head } = this.inFlight
    return head !== undefined && this.hasBegun(head)
  }

  /** Whether a call that has not begun may run elsewhere. */
  get #holdsOthers(): boolean {
    const begun = this.board.lastBegun
    for (const { seq, only } of this.inFlight) if (seq > begun && !only) return true
    return false
  }

  describe(tasks: readonly (string | TaskRef)[]): Promise<TaskManifest[]> {
    const id = ++this.#questions
    const asked = Promise.withResolvers<TaskManifest[]>()
    this.#describing.set(id, asked)
    // Plain copies: a ref may be a definition, whose function cannot be sent.
    this.#tell({ describe: { id, asked: tasks.map((one) => typeof one === 'string' ? one : { name: one.name, source: one.source }) } })
    this.#hold()
    return asked.promise
  }

  /** Ends it, wherever its code is. Returns what had not begun; the begun calls stay in `inFlight` for the pool to settle. */
  kill(): HostCall[] {
    this.look()
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
    const calls = [...this.inFlight].filter((call) => call.seq > lastBegun)
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
    if (call.call.timeout !== Infinity) this.#limited--
    this.ahead = this.inFlight.size === 0 ? 0 : this.ahead - call.expected
  }

  /** Whether the time of a call in its hands is limited: then none is sent behind it. */
  get limited(): boolean {
    return this.#limited > 0
  }

  /** What it said; `caughtUp` follows when that is all for now. */
  protected receive(message: FromRunner): void {
    if (!this.#hearing) {
      this.#hearing = true
      this.#listener.onHeard()
    }
    if (message[0] === other) this.#hear(message[1])
    else this.#settle(message)
  }

  protected caughtUp(): void {
    this.#hearing = false
    if (this.#killed) return
    this.#listener.onRoom(this)
    this.#hold()
  }

  #settle(outcome: SentOutcome): void {
    const call = this.inFlight.get(outcome[1])
    if (!call || this.#killed) return // what was in flight has been settled
    // It has come to the end of the call that it was stuck in.
    this.stuck = false
    this.calls++
    this.running += outcome[3]
    const value = outcome[2]
    this.received += value instanceof Uint8Array ? value.length : bytesOf(value)
    this.#forget(call)
    this.expects(call.task.cost)
    this.#listener.onOutcome(call, outcomeOf(outcome))
  }

  #hear({ ready, loaded, passedOver, described, ending, worn, opens, progress, hold, log }: RunnerWord): void {
    if (log) return this.#write(...log)
    if (this.#killed) return
    if (progress) return this.inFlight.get(progress[0])?.progressed(progress[1])
    if (hold) return this.inFlight.get(hold[0])?.holds(hold[1], hold[2])
    if (ready) this.ready = true
    if (ending) this.#ending = ending
    if (worn) this.worn = true
    if (opens) this.opens = true
    if (passedOver) {
      this.stuck = false
      this.#putBack(passedOver)
    }
    if (loaded) {
      for (const task of loaded) {
        this.loaded.add(task)
        this.#listener.onLoaded(this, task)
      }
    }
    if (described) {
      const asked = this.#describing.get(described.id)
      this.#describing.delete(described.id)
      if (described.manifests) asked?.resolve([...described.manifests])
      else if (described.error) asked?.reject(fromPortable(described.error))
    }
  }

  #write(seq: number, line: LogLine, bindings: LogFields): void {
    this.#log[line.level]({ ...bindings, ...line.fields }, line.message)
    this.inFlight.get(seq)?.logged(line)
  }

  /** The program stays alive for one that starts, works, or has yet to see what was taken back from it (before that it is given nothing), and not for one that idles. */
  #hold(): void {
    const busy = !this.ready || this.inFlight.size > 0 || this.#describing.size > 0 || this.board.takingBack
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
