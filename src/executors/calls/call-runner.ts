import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import { Fifo } from '../../concurrency/fifo.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { CancelledError, DeadlineExceededError, MalformedMessageError } from '../../kernel/errors.ts'
import { isThenable } from '../../kernel/thenable.ts'
import { callOf } from '../../tasks/call.ts'
import { TaskLoader } from '../../tasks/loader.ts'
import { OpenResources } from '../../tasks/resource.ts'
import type { TaskDefinition, TaskRef } from '../../tasks/task.ts'
import * as codec from '../../wire/codec.ts'
import { type Listener, nobody, notClosed } from '../call-reports.ts'
import { type CpuMark, CpuShare } from '../cpu-share.ts'
import { RunningCall, runCall } from '../running-call.ts'
import { InFlight } from './in-flight.ts'
import { type Heard, type RunnerStart, type SentCall, type StopReason, type ToRunner, call, encodedCall, other } from './messages.ts'
import type { OutcomeBox } from './outcome-box.ts'

/** The longest that an outcome waits for others while the thread works, in milliseconds: of the millisecond of work ahead, half is left when the host hears of it, and waking that costs little. */
const longestWait = 0.25

/** Calls that hold the thread for less than this, in milliseconds, may keep back the outcomes of others. */
const short = 1

/** How often a hosted loop shows that it turns, in milliseconds. */
const beatEvery = 50

/** Where a runner shows its host how far it has come, in a way that outlives it. */
export interface Board {
  /** Whether the call may begin. False where the host took it back. */
  claim(seq: number): boolean
  /** The call whose synchronous first part, or whose module, is being run; 0 for none. */
  firstPart: number
  /** The event loop turns. */
  beat(): void
}

/** So many calls of a task must have been short before it is trusted to be. */
const enoughCalls = 20

/** What remains, call by call, of the memory of a long one: after a few thousand it is forgotten. */
const forgetting = 0.999

interface KnownTask {
  readonly ref: TaskRef
  definition?: TaskDefinition
  /** How many of its calls were seen to free the thread again, and how long the longest held it, in milliseconds. */
  calls: number
  longest: number
}

/** A call that has begun. */
interface Begun {
  readonly seq: number
  readonly running: RunningCall
  readonly definition: TaskDefinition
  /** Its arguments came as bytes, and so does its result go. */
  readonly encoded: boolean
  readonly at: number
  readonly mark: CpuMark
  readonly soft: Timer | undefined
  readonly ignoresResult: boolean
}

/**
 * Runs calls inside a thread or a child process, in the order that they came.
 *
 * Invariant: while `#loading` or `#active.size === concurrency` nothing begins, so numbers are claimed in order.
 */
export class CallRunner {
  readonly #start: RunnerStart
  #concurrency: number
  readonly #board: Board
  readonly #box: OutcomeBox
  readonly #clock: Clock
  readonly #listeners: Readonly<Record<Heard, Listener>>
  readonly #loader: TaskLoader
  readonly #cpu: CpuShare
  readonly #tasks = new Map<number, KnownTask>()
  readonly #inbox = new Fifo<SentCall>()
  /** Those that wait for something. */
  readonly #active = new InFlight<Begun>()
  /** The last that was taken from the inbox. */
  #taken = 0
  /** Those that were told to stop before they began. */
  readonly #stopped = new Map<number, StopReason>()
  readonly #opened: OpenResources
  #loading = false
  #waking = false
  #flushing = false
  #beating = false
  /** The time, as it was read last while calls follow each other. */
  #now = 0

  constructor(start: RunnerStart, board: Board, box: OutcomeBox, clock: Clock, listeners: Readonly<Record<Heard, Listener>>) {
    this.#start = start
    this.#concurrency = start.concurrency
    this.#board = board
    this.#box = box
    this.#clock = clock
    this.#cpu = new CpuShare(() => clock.elapsed())
    this.#listeners = listeners
    this.#opened = new OpenResources(() => box.flush({ opens: true }))
    this.#loader = new TaskLoader(clock)
  }

  /** Takes what was said to it; `run` then runs the calls. */
  receive(message: ToRunner): void {
    if (message[0] !== other) return this.#inbox.push(message)
    const { tasks, stops, concurrency } = message[1]
    if (concurrency !== undefined) this.#concurrency = concurrency
    if (tasks) for (const [id, ref] of tasks) this.#tasks.set(id, { ref, calls: 0, longest: 0 })
    if (stops) {
      for (const [seq, why] of stops) {
        const begun = this.#active.get(seq)
        if (begun) begun.running.abort(stopError(begun.definition.name, why))
        else if (seq > this.#taken || (this.#loading && seq === this.#taken)) this.#stopped.set(seq, why)
      }
    }
  }

  /** Closes what calls have opened. */
  async close(): Promise<void> {
    await this.#opened.close((name, error) => this.#listeners[0].log?.(notClosed(name, error, this.#clock), nobody))
  }

  /** Runs what was taken, as far as there is room. */
  run(): void {
    this.#now = this.#clock.elapsed()
    while (!this.#loading && this.#active.size < this.#concurrency) {
      const sent = this.#inbox.shift()
      if (!sent) break
      const seq = this.#taken = sent[1]
      if (!this.#board.claim(seq)) {
        this.#stopped.delete(seq)
        this.#box.passOver(seq)
        continue
      }
      const task = this.#tasks.get(sent[2])!
      if (task.definition) this.#begin(sent, task, task.definition)
      else void this.#load(sent, task)
    }
    if (this.#inbox.size === 0 || this.#loading) this.#box.flush()
    else this.#flushSoon()
  }

  /** More calls wait for those under way, which may end in this very turn: then all goes in one message. Not later than with the next turn. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      this.#box.flush()
    })
  }

  async #load(sent: SentCall, task: KnownTask): Promise<void> {
    const seq = sent[1]
    this.#loading = true
    if (this.#start.place === 'loop') this.#beat()
    this.#board.firstPart = seq
    try {
      task.definition = await this.#loader.load(task.ref)
      // Said before the call begins: its time is counted from now.
      this.#box.loaded(sent[2])
      this.#box.flush()
    } catch (error) {
      this.#stopped.delete(seq)
      this.#box.threw(seq, error, undefined, { wall: 0, cpu: 0 })
    }
    this.#board.firstPart = 0
    this.#loading = false
    this.#now = this.#clock.elapsed()
    if (task.definition) this.#begin(sent, task, task.definition)
    this.run()
  }

  #begin(sent: SentCall, task: KnownTask, definition: TaskDefinition): void {
    const seq = sent[1]
    const timeout = sent[4] ?? Infinity
    const job = sent[6]
    if (this.#stopped.size > 0) {
      const why = this.#stopped.get(seq)
      if (this.#stopped.delete(seq)) return this.#box.threw(seq, stopError(definition.name, why!), undefined, { wall: 0, cpu: 0 })
    }
    const attempt = job === undefined ? undefined : { job, number: sent[7]!, token: sent[8]!, version: sent[9]!, parent: sent[10]?.[1] }
    const deadline = timeout === Infinity ? Infinity : this.#clock.now() + timeout
    const running = new RunningCall(definition, attempt, deadline, this.#opened, this.#listeners[sent[5]], seq)
    const at = this.#now
    const begun: Begun = { seq, running, definition, encoded: sent[0] === encodedCall, at, mark: this.#cpu.begin(at), soft: sent[10]?.[0] === undefined ? undefined : running.abortAfter(sent[10][0], this.#clock), ignoresResult: sent[10]?.[2] === true }
    if (this.#start.place === 'loop') this.#beat()
    this.#board.firstPart = seq
    // What has ended must not wait behind what may take long.
    if (task.calls < enoughCalls || task.longest >= short) this.#box.flush()
    let result: unknown
    let isLater: boolean
    try {
      const args = sent[0] === call ? sent[3] as readonly unknown[] : argsOf(codec.decode(sent[3] as Uint8Array))
      result = runCall(running, () => callOf(definition, args, this.#opened))
      isLater = isThenable(result) // which a getter of the task's own may answer
    } catch (error) {
      this.#board.firstPart = 0
      this.#now = this.#clock.elapsed()
      return this.#threw(begun, error)
    }
    this.#board.firstPart = 0
    this.#now = this.#clock.elapsed()
    learn(task, this.#now - at)
    if (!isLater) return this.#returned(begun, result)
    this.#active.add(begun)
    void this.#settleLater(begun, result)
  }

  /** No closures that live until it has settled: see AttemptCall in worker/attempt.ts. */
  async #settleLater(begun: Begun, result: unknown): Promise<void> {
    let value: unknown
    let failure: { error: unknown } | undefined
    try {
      value = await result
    } catch (error) {
      failure = { error }
    }
    this.#active.delete(begun.seq)
    this.#now = this.#clock.elapsed()
    if (failure) this.#threw(begun, failure.error)
    else this.#returned(begun, value)
    this.#wake()
  }

  #returned(begun: Begun, value: unknown): void {
    this.#box.returned(begun.seq, begun.definition, begun.ignoresResult ? undefined : value, begun.encoded ? codec : undefined, this.#end(begun))
    this.#flushIfLate()
  }

  #threw(begun: Begun, error: unknown): void {
    this.#box.threw(begun.seq, error, begun.definition.rules.retry, this.#end(begun), begun.running.job !== undefined)
    this.#flushIfLate()
  }

  #end({ running, at, mark, soft }: Begun): { wall: number, cpu: number } {
    soft?.[Symbol.dispose]()
    running.end()
    return { wall: this.#now - at, cpu: this.#cpu.end(mark, this.#now) }
  }

  #flushIfLate(): void {
    if (this.#now - this.#box.flushedAt > longestWait) this.#box.flush()
  }

  /** All calls that settle in one turn go in one message, and make room for the next together. */
  #wake(): void {
    if (this.#waking) return
    this.#waking = true
    afterMicrotasks(() => {
      this.#waking = false
      this.run()
    })
  }

  #beat(): void {
    if (this.#beating) return
    this.#beating = true
    this.#clock.after(beatEvery, () => {
      this.#board.beat()
      this.#beating = false
      if (this.#active.size > 0 || this.#loading) this.#beat()
    })
  }
}

/** How long a call held the thread. */
function learn(task: KnownTask, ms: number): void {
  // The first is slow by being compiled.
  task.longest = task.calls++ === 0 ? 0 : Math.max(task.longest * forgetting, ms)
}

function stopError(name: string, why: StopReason): Error {
  const what = `The task '${name}'`
  return why === 'cancelled' ? new CancelledError(what) : new DeadlineExceededError(what)
}

function argsOf(args: unknown): readonly unknown[] {
  if (!Array.isArray(args)) throw new MalformedMessageError('The arguments of a call')
  return args
}
