import { Drain } from '../../concurrency/drain.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import type { Deadline } from '../../kernel/deadline.ts'
import { CancelledError, ClosedError, DeadlineExceededError, MalformedMessageError } from '../../kernel/errors.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import { Service } from '../../kernel/service.ts'
import { callOf } from '../../tasks/call.ts'
import { OpenResources } from '../../tasks/resource.ts'
import type { Place, TaskDefinition } from '../../tasks/task.ts'
import { decode, encode } from '../../wire/codec.ts'
import { takeMoved } from '../../wire/moving.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneableFields } from '../../wire/uncloneable.ts'
import type { Listener } from '../call-reports.ts'
import { CallQueue } from '../calls/call-queue.ts'
import { CpuShare } from '../cpu-share.ts'
import type { Call, Caller, Executor, Input, Outcome } from '../executor.ts'
import { retryVerdict } from '../retry-verdict.ts'
import { type ExecutorStatistics, TaskTimes } from '../statistics.ts'
import { RunningCall, runCall } from '../running-call.ts'

export interface LoopExecutorOptions {
  /** The definition of a task by its name. May throw, such as UnknownTaskError: then the call throws that. */
  find: (name: string) => TaskDefinition
  /** How many calls run at the same time. Default: 100. */
  concurrency?: number
  clock?: Clock
  log?: Logger
}

/** How long what was opened may take to close, in milliseconds. */
const closeLimit = 1_000

interface LoopCall {
  readonly priority: number
  readonly bytes: 0
  readonly call: Call
  readonly settle: (outcome: Outcome) => void
  settled: boolean
  /** It is in the queue. */
  waits: boolean
  running?: RunningCall
}

/**
 * Runs calls on the caller's own event loop. Values are shared by reference.
 *
 * A function here cannot be stopped: when its call is cancelled or its time is up, the call is settled at once and its
 * place is given to the next, and whatever the function still does is ignored.
 */
export class LoopExecutor extends Service implements Executor {
  readonly place: Place = 'loop'
  readonly concurrency: number
  readonly #find: (name: string) => TaskDefinition
  readonly #log: Logger
  readonly #cpu: CpuShare
  readonly #waiting = new CallQueue<LoopCall>()
  readonly #running = new Set<LoopCall>()
  readonly #opened = new OpenResources()
  readonly #times = new Map<string, TaskTimes>()
  readonly #drain: Drain

  constructor({ find, concurrency = 100, clock = systemClock, log = silentLogger }: LoopExecutorOptions) {
    super(clock)
    this.#find = find
    this.#cpu = new CpuShare(() => clock.elapsed())
    this.#drain = new Drain(clock)
    this.concurrency = concurrency
    this.#log = log
  }

  execute(call: Call): Promise<Outcome> {
    return new Promise((settled) => { this.submit(call, { settled }) })
  }

  submit(call: Call, caller: Caller): void {
    if (this.closing) return queueMicrotask(() => caller.settled(closedOutcome()))
    if (call.signal?.aborted) return queueMicrotask(() => caller.settled({ kind: 'cancelled' }))
    void this.start()
    // Passed as it is, it is moved nowhere.
    if ('args' in call.input) takeMoved(call.input.args)
    const { signal } = call
    const askedAt = this.clock.elapsed()
    const cancel = (): void => own.settle({ kind: 'cancelled' })
    const own: LoopCall = {
      call,
      priority: call.priority ?? 0,
      bytes: 0,
      settled: false,
      waits: true,
      settle: (outcome) => {
        if (own.settled) return
        own.settled = true
        signal?.removeEventListener('abort', cancel)
        own.running?.end()
        if (own.waits) this.#waiting.forget(own)
        this.#record(call.title ?? call.task.name, outcome, askedAt)
        caller.settled(outcome)
        if (this.#running.delete(own)) this.#next()
      }
    }
    signal?.addEventListener('abort', cancel)
    this.#waiting.push(own)
    this.#next()
  }

  statistics(): ExecutorStatistics {
    return {
      place: this.place,
      waiting: this.#waiting.size,
      running: this.#running.size,
      tasks: Object.fromEntries(Array.from(this.#times, ([name, times]) => [name, times.statistics])),
      workers: []
    }
  }

  #record(name: string, outcome: Outcome, askedAt: number): void {
    let times = this.#times.get(name)
    if (!times) this.#times.set(name, times = new TaskTimes())
    times.record(name, this.place, outcome, this.clock.elapsed() - askedAt)
  }

  protected onStart(): void {}

  protected async onClose(deadline: Deadline): Promise<void> {
    this.#drain.by(deadline)
    this.#next()
    await this.#drain.over
    const waiting = this.#waiting.drain()
    for (const own of waiting) own.waits = false
    for (const own of [...waiting, ...this.#running]) {
      own.running?.abort(new ClosedError('The executor'))
      own.settle(closedOutcome())
    }
    const waited = new AbortController()
    const closed = this.#opened.close((resource, err) => this.#log.warn({ resource, err }, 'a resource could not be closed'))
    await Promise.race([closed, this.clock.sleep(closeLimit, waited.signal)])
    waited.abort()
  }

  protected override onHurry(deadline: Deadline): void {
    this.#drain.by(deadline)
  }

  #next(): void {
    while (this.#running.size < this.concurrency && this.#waiting.size > 0) {
      const own = this.#waiting.shift()!
      own.waits = false
      this.#running.add(own)
      void this.#run(own)
    }
    if (this.closing && this.#running.size === 0) this.#drain.end()
  }

  async #run(own: LoopCall): Promise<void> {
    const { task: { name }, input, timeout, softTimeout, signal, attempt } = own.call
    const definition = this.#findFor(own)
    if (!definition) return
    const running = new RunningCall(definition, attempt, this.clock.now() + timeout, this.#opened, this.#listenerFor(own.call))
    own.running = running
    const cancel = (): void => running.abort(signal?.reason ?? new CancelledError(`The task '${name}'`))
    signal?.addEventListener('abort', cancel)
    const timer = timeout === Infinity ? undefined : this.clock.after(timeout, () => {
      running.abort(new DeadlineExceededError(`The task '${name}'`))
      own.settle({ kind: 'timedOut' })
    })
    const soft = softTimeout === undefined ? undefined : running.abortAfter(softTimeout, this.clock)
    const began = this.clock.elapsed()
    const mark = this.#cpu.begin()
    let result: { value: unknown } | { error: unknown }
    try {
      const args = argsOf(input)
      const value = await runCall(running, () => callOf(definition, args, this.#opened))
      result = { value: 'encoded' in input ? encoded(name, value) : value }
    } catch (error) {
      result = { error }
    }
    const spent = { cpu: this.#cpu.end(mark), wall: this.clock.elapsed() - began }
    timer?.[Symbol.dispose]()
    soft?.[Symbol.dispose]()
    signal?.removeEventListener('abort', cancel)
    if ('value' in result) takeMoved([result.value])
    if ('value' in result) return own.settle({ kind: 'returned', value: result.value, spent })
    const { error } = result
    own.settle({ kind: 'threw', error: toPortable(error), thrown: error, mayRetry: retryVerdict(error, definition.rules.retry), spent })
  }

  #findFor(own: LoopCall): TaskDefinition | undefined {
    try {
      return this.#find(own.call.task.name)
    } catch (error) {
      own.settle({ kind: 'threw', error: toPortable(error), thrown: error, mayRetry: false, spent: { wall: 0, cpu: 0 } })
      return undefined
    }
  }

  #listenerFor({ onProgress, onLog, onHold }: Call): Listener {
    return {
      clock: this.clock,
      hold: onHold,
      progress: onProgress,
      log: (line, { bindings, ended }) => {
        this.#log[line.level]({ ...bindings, ...line.fields }, line.message)
        if (!ended) onLog?.({ ...line, fields: cloneableFields(line.fields) })
      }
    }
  }
}

function argsOf(input: Input): readonly unknown[] {
  if ('args' in input) return input.args
  const args = decode(input.encoded)
  if (!Array.isArray(args)) throw new MalformedMessageError('The arguments of a call')
  return args
}

function encoded(name: string, value: unknown): Uint8Array {
  return encode(value, `The result of '${name}'`, 'result')
}

function closedOutcome(): Outcome {
  const error = new ClosedError('The executor')
  return { kind: 'handedBack', error: toPortable(error), thrown: error }
}
