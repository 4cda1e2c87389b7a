import { type Bus, type Hearing, eventsTopic } from '../backends/bus.ts'
import { Fifo } from '../concurrency/fifo.ts'
import { WaitList } from '../concurrency/wait-list.ts'
import { type QueueEvent, eventTypes, unpackEvents } from '../jobs/queue-event.ts'
import { count } from '../kernel/count.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions, checkSignal } from '../kernel/options.ts'

/** Events that were not given: how many, where that can be told. */
export interface MissedEvents {
  readonly type: 'missed'
  /** Undefined where the way to the backend was broken, or the backend could not keep them for so long. */
  readonly count: number | undefined
}

/** Which events to give. With `queues`, `tasks` or `job`: only those of such jobs. */
export interface EventsOptions<Type extends QueueEvent['type'] = QueueEvent['type']> {
  /** Default: all. */
  types?: readonly Type[]
  queues?: readonly string[]
  tasks?: readonly string[]
  /** The id of one job. */
  job?: string
  /** So many wait at most for whoever takes them; beyond that the oldest are dropped, and a `missed` says how many. Default: 10,000. */
  limit?: number
  /** Ends it: who waits for the next event catches the signal's reason. */
  signal?: AbortSignal
}

const eventsOptions = { types: true, queues: true, tasks: true, job: true, limit: true, signal: true } as const

type Given<Type extends QueueEvent['type']> = (QueueEvent & { readonly type: Type }) | MissedEvents

/**
 * What happens in a backend, as it happens: see `Client.events`. It hears from the moment in which it is made, or at the latest once `ready` resolves,
 * until it is left (`break`), closed, or its signal aborts.
 */
export class EventStream<Type extends QueueEvent['type'] = QueueEvent['type']> implements AsyncIterableIterator<Given<Type>>, AsyncDisposable {
  readonly #fits: (event: QueueEvent) => boolean
  readonly #limit: number
  readonly #waiting = new Fifo<Given<Type>>()
  readonly #news = new WaitList('The next event')
  readonly #hearing: Hearing
  readonly #signal: AbortSignal | undefined
  readonly #closed: () => void
  readonly #onAbort = (): void => this.fail(this.#signal!.reason)
  #dropped = 0
  #droppedUnknown = false
  #error: { readonly why: unknown } | undefined
  #isOpen = true

  /** @param closed is told once it hears no more */
  constructor(bus: Bus, options: EventsOptions<Type>, closed: () => void) {
    const { limit = 10_000, signal } = checkOptions('events()', options, eventsOptions)
    this.#limit = count('events(): limit', limit)
    this.#fits = filterOf(options)
    checkSignal('events()', signal)
    signal?.throwIfAborted()
    this.#closed = closed
    this.#signal = signal
    this.#hearing = bus.hear(eventsTopic, {
      heard: (message) => this.#heard(message),
      missed: () => this.#put({ type: 'missed', count: undefined }),
      failed: (error) => this.#end({ why: error })
    })
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** Resolves when all that happens from then on is heard. @throws BackendError, ClosedError */
  get ready(): Promise<void> {
    return this.#hearing.ready
  }

  /** The next event; waits for it. @throws the signal's reason, ClosedError where the client was closed, BackendError where the backend was lost */
  async next(): Promise<IteratorResult<Given<Type>, undefined>> {
    for (;;) {
      const event = this.#take()
      if (event) return { done: false, value: event }
      if (this.#error) throw this.#error.why
      if (!this.#isOpen) return { done: true, value: undefined }
      await this.#news.wait()
    }
  }

  /** Hears no more. */
  async return(): Promise<IteratorResult<Given<Type>, undefined>> {
    this.#waiting.drain()
    this.#end(undefined)
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends it, whatever waits: who takes the next event catches `why`. */
  fail(why: unknown): void {
    if (!this.#isOpen) return
    this.#waiting.drain()
    this.#dropped = 0
    this.#droppedUnknown = false
    this.#end({ why })
  }

  #heard(message: string): void {
    for (const event of unpackEvents(message)) if (this.#fits(event)) this.#put(event as Given<Type>)
  }

  #put(event: Given<Type>): void {
    if (!this.#isOpen) return
    if (this.#waiting.size >= this.#limit) this.#drop(this.#waiting.shift()!)
    this.#waiting.push(event)
    this.#news.wakeFirst()
  }

  #drop(event: Given<Type>): void {
    if (event.type !== 'missed') this.#dropped++
    else this.#droppedUnknown = true
  }

  #take(): Given<Type> | undefined {
    if (this.#dropped === 0 && !this.#droppedUnknown) return this.#waiting.shift()
    const missed: MissedEvents = { type: 'missed', count: this.#droppedUnknown ? undefined : this.#dropped }
    this.#dropped = 0
    this.#droppedUnknown = false
    return missed
  }

  #end(error: { readonly why: unknown } | undefined): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#error = error
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#hearing[Symbol.dispose]()
    this.#news.wakeAll()
    this.#closed()
  }
}

/** @throws InvalidOptionError */
function filterOf({ types, queues, tasks, job }: EventsOptions): (event: QueueEvent) => boolean {
  const names = setOf('types', types, (type) => (eventTypes as readonly string[]).includes(type), `a list of: ${eventTypes.join(', ')}`)
  const [inQueues, ofTasks] = [setOf('queues', queues, isText, 'a list of names'), setOf('tasks', tasks, isText, 'a list of names')]
  if (job !== undefined && !isText(job)) throw new InvalidOptionError('events(): job', job, 'the id of a job')
  const ofAny = inQueues === undefined && ofTasks === undefined && job === undefined
  return (event) => {
    if (names?.has(event.type) === false) return false
    if (ofAny) return true
    return 'job' in event && inQueues?.has(event.queue) !== false && ofTasks?.has(event.task) !== false && (job === undefined || event.job === job)
  }
}

function setOf(name: string, values: readonly string[] | undefined, fits: (value: string) => boolean, expected: string): ReadonlySet<string> | undefined {
  if (values === undefined) return undefined
  if (!Array.isArray(values) || values.length === 0 || !values.every((value) => isText(value) && fits(value))) throw new InvalidOptionError(`events(): ${name}`, values, expected)
  return new Set(values)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
