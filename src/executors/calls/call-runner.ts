import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import { Fifo } from '../../concurrency/fifo.ts'
import type { Clock } from '../../kernel/clock.ts'
import { CancelledError, DeadlineExceededError, MalformedMessageError } from '../../kernel/errors.ts'
import { callOf } from '../../tasks/call.ts'
import { TaskLoader } from '../../tasks/loader.ts'
import { OpenResources } from '../../tasks/resource.ts'
import type { TaskDefinition, TaskRef } from '../../tasks/task.ts'
import type * as Codec from '../../wire/codec.ts'
import { decode } from '../../wire/codec.ts'
import { type CpuMark, CpuShare } from '../cpu-share.ts'
import { type Listener, nobody, notClosed } from '../call-reports.ts'
import { RunningCall, runCall } from '../running-call.ts'
import type { Heard, RunnerStart, SentCall, StopReason, ToRunner } from './messages.ts'
import { callsOf } from './columns.ts'
import type { OutcomeBox } from './outcome-box.ts'
import { Unpacker } from './packed-bytes.ts'

/** The longest that an outcome waits for others while the thread works, in milliseconds. */
const longestWait = 1

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
}

/** A call that has begun. */
interface Begun {
  readonly running: RunningCall
  readonly definition: TaskDefinition
  /** Where its arguments came encoded, what its result is encoded with. */
  readonly codec: typeof Codec | undefined
  readonly at: number
  readonly mark: CpuMark
}

/**
 * Runs calls inside a thread or a child process, in the order that they came.
 *
 * Invariant: while `#loading` or `#active.size === concurrency` nothing begins, so numbers are claimed in order.
 */
export class CallRunner {
  readonly #start: RunnerStart
  readonly #board: Board
  readonly #box: OutcomeBox
  readonly #clock: Clock
  readonly #listeners: Readonly<Record<Heard, Listener>>
  readonly #loader: TaskLoader
  readonly #cpu: CpuShare
  readonly #tasks = new Map<number, KnownTask>()
  readonly #inbox = new Fifo<{ readonly sent: SentCall, readonly bytes: Uint8Array | undefined }>()
  readonly #active = new Map<number, Begun>()
  /** How long calls of a task hold the thread at a time: how many were seen, and the longest. */
  readonly #habits = new Map<TaskDefinition, { calls: number, longest: number }>()
  /** Loaded with the first call whose arguments are encoded: most threads never need it, and all would wait for it. */
  #codec: typeof Codec | undefined
  readonly #opened: OpenResources
  #loading = false
  /** The call that waits for its module, if it was told to stop meanwhile. */
  #stoppedEarly = 0
  #waking = false
  #flushing = false
  #beating = false

  constructor(start: RunnerStart, board: Board, box: OutcomeBox, clock: Clock, listeners: Readonly<Record<Heard, Listener>>) {
    this.#start = start
    this.#board = board
    this.#box = box
    this.#clock = clock
    this.#cpu = new CpuShare(() => clock.elapsed())
    this.#listeners = listeners
    this.#opened = new OpenResources(() => box.flush({ opens: true }))
    this.#loader = new TaskLoader(clock)
  }

  /** Whether nothing is under way: only a message brings more to do. */
  get idle(): boolean {
    return this.#active.size === 0 && !this.#loading
  }

  receive(message: ToRunner): void {
    const { tasks, bytes, stops } = message
    if (tasks) for (const [id, ref] of tasks) this.#tasks.set(id, { ref })
    const calls = callsOf(message)
    if (calls.length > 0) {
      const unpacker = new Unpacker(bytes)
      for (const sent of calls) this.#inbox.push({ sent, bytes: typeof sent[2] === 'number' ? unpacker.take(sent[2]) : undefined })
    }
    if (stops) {
      for (const [seq, why] of stops) {
        const begun = this.#active.get(seq)
        if (begun) begun.running.abort(stopError(begun.definition.name, why))
        else if (this.#loading && this.#board.firstPart === seq) this.#stoppedEarly = seq
      }
    }
    this.#pump()
  }

  /** Closes what calls have opened. */
  async close(): Promise<void> {
    await this.#opened.close((name, error) => this.#listeners[0].log?.(notClosed(name, error, this.#clock), nobody))
  }

  #pump(): void {
    while (!this.#loading && this.#active.size < this.#start.concurrency) {
      const next = this.#inbox.shift()
      if (!next) break
      const { sent, bytes } = next
      if (!this.#board.claim(sent[0])) {
        this.#box.passOver(sent[0])
        continue
      }
      const task = this.#tasks.get(sent[1])!
      if (task.definition && (!bytes || this.#codec)) this.#begin(sent, bytes, task.definition)
      else void this.#load(sent, bytes, task)
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

  async #load(sent: SentCall, bytes: Uint8Array | undefined, task: KnownTask): Promise<void> {
    this.#loading = true
    this.#beat()
    this.#board.firstPart = sent[0]
    try {
      if (bytes) this.#codec ??= await import('../../wire/codec.ts')
      task.definition = await this.#loader.load(task.ref)
      // Said before the call begins: its time is counted from now.
      this.#box.loaded(sent[1])
      this.#box.flush()
    } catch (error) {
      this.#box.threw(sent[0], error, undefined, { wall: 0, cpu: 0 })
    }
    this.#board.firstPart = 0
    this.#loading = false
    if (this.#stoppedEarly === sent[0]) this.#box.threw(sent[0], stopError(task.ref.name, 'cancelled'), undefined, { wall: 0, cpu: 0 })
    else if (task.definition) this.#begin(sent, bytes, task.definition)
    this.#pump()
  }

  #begin(sent: SentCall, bytes: Uint8Array | undefined, definition: TaskDefinition): void {
    const [seq, , input, timeout, heard, job, number, token, version] = sent
    const attempt = job === undefined ? undefined : { job, number: number ?? 1, token: token ?? 0, version: version ?? 1 }
    const deadline = timeout === Infinity ? Infinity : this.#clock.now() + timeout
    const running = new RunningCall(definition, attempt, deadline, this.#opened, this.#listeners[heard], seq)
    const begun: Begun = { running, definition, codec: bytes && this.#codec, at: this.#clock.elapsed(), mark: this.#cpu.begin() }
    this.#active.set(seq, begun)
    this.#beat()
    this.#board.firstPart = seq
    // What has ended must not wait behind what may take long.
    if (!this.#isShort(definition)) this.#box.flush()
    let result: unknown
    let isLater: boolean
    let args: readonly unknown[]
    try {
      args = bytes ? argsOf(this.#codec!.decode(bytes)) : input instanceof Uint8Array ? argsOf(decode(input)) : input as readonly unknown[]
    } catch (error) {
      this.#board.firstPart = 0
      return this.#box.threw(seq, error, undefined, this.#end(begun))
    }
    try {
      result = runCall(running, () => callOf(definition, args, this.#opened))
      isLater = isThenable(result) // which a getter of the task's own may answer
      this.#learn(definition, this.#clock.elapsed() - begun.at)
    } catch (error) {
      this.#board.firstPart = 0
      return this.#threw(begun, error)
    }
    this.#board.firstPart = 0
    if (!isLater) return this.#returned(begun, result)
    Promise.resolve(result).then(
      (value) => { this.#returned(begun, value); this.#wake() },
      (error: unknown) => { this.#threw(begun, error); this.#wake() }
    )
  }

  #returned(begun: Begun, value: unknown): void {
    this.#box.returned(begun.running.seq, begun.definition, value, begun.codec, this.#end(begun))
    this.#flushIfLate()
  }

  #threw(begun: Begun, error: unknown): void {
    this.#box.threw(begun.running.seq, error, begun.definition.rules.retry, this.#end(begun), begun.running.job !== undefined)
    this.#flushIfLate()
  }

  /** Whether every call of the task so far, and there were some, has left the thread free again within a millisecond. */
  #isShort(definition: TaskDefinition): boolean {
    const habit = this.#habits.get(definition)
    return habit !== undefined && habit.calls >= enoughCalls && habit.longest < longestWait
  }

  #learn(definition: TaskDefinition, ms: number): void {
    const habit = this.#habits.get(definition)
    if (!habit) return void this.#habits.set(definition, { calls: 1, longest: 0 }) // the first is slow by being compiled
    habit.calls++
    habit.longest = Math.max(habit.longest * forgetting, ms)
  }

  #end({ running, at, mark }: Begun): { wall: number, cpu: number } {
    this.#active.delete(running.seq)
    running.end()
    return { wall: this.#clock.elapsed() - at, cpu: this.#cpu.end(mark) }
  }

  #flushIfLate(): void {
    if (this.#clock.elapsed() - this.#box.flushedAt > longestWait) this.#box.flush()
  }

  /** All calls that settle in one turn go in one message, and make room for the next together. */
  #wake(): void {
    if (this.#waking) return
    this.#waking = true
    afterMicrotasks(() => {
      this.#waking = false
      this.#pump()
    })
  }

  #beat(): void {
    if (this.#beating || this.#start.place !== 'loop') return
    this.#beating = true
    this.#clock.after(beatEvery, () => {
      this.#board.beat()
      this.#beating = false
      if (!this.idle) this.#beat()
    })
  }
}

function stopError(name: string, why: StopReason): Error {
  const what = `The task '${name}'`
  return why === 'cancelled' ? new CancelledError(what) : new DeadlineExceededError(what)
}

function argsOf(args: unknown): readonly unknown[] {
  if (!Array.isArray(args)) throw new MalformedMessageError('The arguments of a call')
  return args
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
