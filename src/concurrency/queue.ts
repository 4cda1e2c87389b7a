import { InvalidOptionError, QueueEmptyError, QueueFullError, QueueShutDownError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { currentScope } from './cancel-scope.ts'
import { Fifo } from './fifo.ts'
import { itemsOf } from './items-of.ts'
import { type WaitOptions, suspend } from './suspend.ts'
import { type WaitHooks, WaitList } from './wait-list.ts'

export interface QueueOptions<T> {
  /** How many items it holds; who puts more waits. Default: any number. */
  maxSize?: number
  /** How many bytes of items it holds, by `sizeOf`. Default: any number. */
  maxBytes?: number
  /** How many bytes an item takes, the same as long as it is in the queue. Default: the `byteLength` of what has one, the length of a text in UTF-8. */
  sizeOf?: (item: T) => number
}

export interface QueueStatistics {
  readonly size: number
  readonly bytes: number
  readonly putting: number
  readonly getting: number
  /** Put, and not done yet. */
  readonly unfinished: number
}

/** What a queue does, whatever lies between those who put and those who get. Python's words: `queue.Queue`, `asyncio.Queue`. */
export interface QueueLike<T> extends AsyncIterable<T> {
  /**
   * Puts an item, and waits while the queue is full. Whoever waits is served in the order of asking.
   *
   * @throws QueueShutDownError; CancelledError, DeadlineExceededError, the reason of the signal: then it was not put
   */
  put(item: T, options?: WaitOptions): Promise<void>
  /**
   * Takes an item, and waits while there is none. Whoever waits is served in the order of asking.
   *
   * @throws QueueShutDownError once it was shut down and is empty; CancelledError, DeadlineExceededError, the reason of the signal: then nothing was taken
   */
  get(options?: WaitOptions): Promise<T>
  /** What was got has been worked on: `join` counts. Of a queue in a store it resolves when that knows. @throws InvalidOptionError where it is said more often than was put */
  taskDone(): void | Promise<void>
  /** Waits until everything that was put has been said to be done. */
  join(options?: WaitOptions): Promise<void>
  /**
   * Nothing more is put, and once it is empty nothing got. At once: what it holds is dropped, and counts as done.
   *
   * As `queue.Queue.shutdown` of Python 3.13.
   */
  shutdown(options?: { immediate?: boolean }): void | Promise<void>
}

const shutDown = Symbol('shut down')
const queueOptions = { maxSize: true, maxBytes: true, sizeOf: true } as const

/** Where the items lie, and so which comes next. */
export interface Shelf<T> {
  readonly size: number
  /** @throws where it is nothing that can lie here: from then on it can, and nothing here throws */
  check?(item: T): void
  push(item: T): void
  /** So that they are the next again, in the order in which they were taken, where that of the shelf lets them. */
  putBack(items: readonly T[]): void
  shift(): T | undefined
}

interface Putting<T> {
  readonly item: T
  readonly bytes: number
  readonly resume: (outcome: typeof shutDown | undefined) => void
  gone: boolean
}

/**
 * A queue within a thread, first in first out. `for await` takes its items until it is shut down.
 *
 * @example
 * const queue = new Queue<number>({ maxSize: 2 })
 * await queue.put(1)
 * queue.putNow(2)
 * queue.shutdown()
 * const all: number[] = []
 * for await (const item of queue) all.push(item)
 * all   // [ 1, 2 ]
 */
export class Queue<T> implements QueueLike<T> {
  readonly maxSize: number
  readonly maxBytes: number
  readonly #sizeOf: (item: T) => number
  readonly #shelf: Shelf<T>
  readonly #getting = new WaitList<T | typeof shutDown>('An item of the queue')
  readonly #joining = new WaitList('The end of what is in the queue')
  /** Those who gave up lie among them until they come to the front. */
  readonly #putting = new Fifo<Putting<T>>()
  #puttingNow = 0
  #bytes = 0
  #unfinished = 0
  /** Taken for somebody elsewhere, and neither arrived there nor put back. */
  #onTheWay = 0
  readonly #sends = { woken: (item: T | typeof shutDown): void => { if (item !== shutDown) this.#onTheWay++ } }
  #open = true
  #dropsAll = false

  /** @throws InvalidOptionError */
  constructor(options: QueueOptions<T> = {}) {
    const { maxSize = Infinity, maxBytes = Infinity, sizeOf = byteLength } = checkOptions('A queue', options, this.optionNames())
    const least = this.leastSize()
    if (maxSize !== Infinity && (!Number.isInteger(maxSize) || maxSize < least)) throw new InvalidOptionError('maxSize', maxSize, `a whole number, ${least} or more`)
    if (typeof maxBytes !== 'number' || !(maxBytes > 0)) throw new InvalidOptionError('maxBytes', maxBytes, 'a number, more than 0')
    this.maxSize = maxSize
    this.maxBytes = maxBytes
    this.#sizeOf = maxBytes === Infinity ? () => 0 : sizeOf
    this.#shelf = this.shelf(options)
  }

  /** Python's 0, for any number, would be read as none. */
  protected leastSize(): number {
    return 1
  }

  protected optionNames(): Record<keyof QueueOptions<T>, true> {
    return queueOptions
  }

  /** How its items lie: as they came. */
  protected shelf(_options: QueueOptions<T>): Shelf<T> {
    const items = new Fifo<T>()
    return { get size() { return items.size }, push: (item) => items.push(item), putBack: (taken) => items.putBack(taken), shift: () => items.shift() }
  }

  /** How many items it holds. */
  get size(): number {
    return this.#shelf.size
  }

  async put(item: T, options: WaitOptions = {}): Promise<void> {
    currentScope()?.throwIfCancelled()
    options.signal?.throwIfAborted()
    const bytes = this.#checkedSize(item)
    if (!this.#open) throw new QueueShutDownError()
    if (this.#mayPut(bytes)) return this.#add(item, bytes)
    const outcome = await suspend<typeof shutDown | undefined>('Room in the queue', options, (resume) => {
      const putting: Putting<T> = { item, bytes, resume, gone: false }
      this.#putting.push(putting)
      this.#puttingNow++
      return () => {
        putting.gone = true
        this.#puttingNow--
        this.#putting.sweep(this.#puttingNow, ({ gone }) => !gone)
        // A large one at the front may have kept smaller ones behind it.
        this.#refill()
      }
    })
    if (outcome === shutDown) throw new QueueShutDownError()
  }

  /** @throws QueueFullError, QueueShutDownError */
  putNow(item: T): void {
    if (!this.offer(item)) throw new QueueFullError()
  }

  /** Puts an item, where there is room at once. @throws QueueShutDownError */
  offer(item: T): boolean {
    const bytes = this.#checkedSize(item)
    if (!this.#open) throw new QueueShutDownError()
    if (!this.#mayPut(bytes)) return false
    this.#add(item, bytes)
    return true
  }

  get(options: WaitOptions = {}): Promise<T> {
    return this.#get(options)
  }

  /** @throws QueueEmptyError, QueueShutDownError */
  getNow(): T {
    if (this.hasNext) return this.#take()
    throw this.#mayCome ? new QueueEmptyError() : new QueueShutDownError()
  }

  /** Whether an item can be taken at once. */
  get hasNext(): boolean {
    return this.#shelf.size > 0 || this.#puttingNow > 0
  }

  /** As `getNow`, for somebody elsewhere: until `arrived` or `putBack` the item is on its way, and nobody is told that there are no more. */
  sendNow(): T {
    const item = this.getNow()
    this.#onTheWay++
    return item
  }

  /** As `get`, for somebody elsewhere. */
  send(options: WaitOptions): Promise<T> {
    return this.#get(options, this.#sends)
  }

  /** So many of those that were on their way are there. */
  arrived(count: number): void {
    this.#onTheWay -= count
    this.#endIfOver()
  }

  /** What was on its way to somebody who never got it is put back: before all others, whatever the bounds say. It was counted when it was put. */
  putBack(items: readonly T[]): void {
    this.#onTheWay -= items.length
    if (this.#dropsAll) for (const _ of items) this.#dropped()
    else {
      let given = 0
      while (given < items.length && this.#getting.wakeFirst(items[given]!)) given++
      const rest = items.slice(given)
      this.#shelf.putBack(rest)
      for (const item of rest) this.#bytes += this.#sizeOf(item)
    }
    this.#endIfOver()
  }

  taskDone(): void {
    if (this.#unfinished === 0) throw new InvalidOptionError('taskDone()', 'one call more', 'no more calls than items were put')
    if (--this.#unfinished === 0) this.#joining.wakeAll()
  }

  async join(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    if (this.#unfinished > 0) return this.#joining.wait(options)
    currentScope()?.throwIfCancelled()
  }

  shutdown({ immediate = false }: { immediate?: boolean } = {}): void {
    this.#open = false
    for (let putting = this.#putting.shift(); putting; putting = this.#putting.shift()) {
      if (putting.gone) continue
      this.#puttingNow--
      putting.resume(shutDown)
    }
    if (immediate) {
      this.#dropsAll = true
      while (this.#shelf.size > 0) {
        this.#take()
        this.#dropped()
      }
    }
    this.#endIfOver()
  }

  /** Takes its items until it is shut down and empty. Each counts as done when the next is asked for, or the loop is left. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return itemsOf<T>({
      next: (signal) => this.send({ signal }),
      kept: () => this.arrived(1),
      putBack: (item) => this.putBack([item]),
      taskDone: () => this.taskDone()
    })
  }

  statistics(): QueueStatistics {
    return { size: this.size, bytes: this.#bytes, putting: this.#puttingNow, getting: this.#getting.size, unfinished: this.#unfinished }
  }

  /** Nobody who waits is overtaken. */
  #mayPut(bytes: number): boolean {
    return this.#getting.size > 0 || (this.#puttingNow === 0 && this.#fits(bytes))
  }

  #fits(bytes: number): boolean {
    return this.#shelf.size < this.maxSize && this.#bytes + bytes <= this.maxBytes
  }

  #add(item: T, bytes: number): void {
    // Whoever waits finds it empty.
    if (this.#getting.size > 0) this.#getting.wakeFirst(item)
    else {
      this.#shelf.push(item)
      this.#bytes += bytes
    }
    this.#unfinished++
  }

  /** Whether there may be items yet, where there are none now. */
  get #mayCome(): boolean {
    return this.#open || this.#onTheWay > 0
  }

  #endIfOver(): void {
    if (!this.#mayCome && this.#shelf.size === 0) this.#getting.wakeAll(shutDown)
  }

  async #get(options: WaitOptions, hooks?: WaitHooks<T | typeof shutDown>): Promise<T> {
    currentScope()?.throwIfCancelled()
    options.signal?.throwIfAborted()
    if (this.hasNext) {
      const item = this.#take()
      hooks?.woken?.(item)
      return item
    }
    if (!this.#mayCome) throw new QueueShutDownError()
    const item = await this.#getting.wait(options, hooks)
    if (item === shutDown) throw new QueueShutDownError()
    return item
  }

  /** It counts as done, unless it was said to be already. */
  #dropped(): void {
    if (this.#unfinished > 0) this.taskDone()
  }

  #take(): T {
    if (this.#shelf.size === 0) return this.#handOver()
    const item = this.#shelf.shift() as T
    this.#bytes -= this.#sizeOf(item)
    this.#refill()
    return item
  }

  /** From the first who waits to put, where the queue holds nothing at all. */
  #handOver(): T {
    let first = this.#putting.shift()!
    while (first.gone) first = this.#putting.shift()!
    this.#puttingNow--
    this.#unfinished++
    first.resume(undefined)
    return first.item
  }

  #refill(): void {
    for (let first = this.#putting.peek(); first; first = this.#putting.peek()) {
      if (!first.gone) {
        if (!this.#fits(first.bytes)) return
        this.#puttingNow--
        this.#add(first.item, first.bytes)
        first.resume(undefined)
      }
      this.#putting.shift()
    }
  }

  #checkedSize(item: T): number {
    this.#shelf.check?.(item)
    const bytes = this.#sizeOf(item)
    if (typeof bytes !== 'number' || !(bytes >= 0)) throw new InvalidOptionError('sizeOf', bytes, 'a number of bytes, 0 or more')
    if (bytes > this.maxBytes) throw new InvalidOptionError('An item', `one of ${bytes} bytes`, `no more bytes than the queue's maxBytes, ${this.maxBytes}`)
    return bytes
  }
}

function byteLength(item: unknown): number {
  if (typeof item === 'string') return Buffer.byteLength(item)
  const { byteLength: bytes } = (item ?? {}) as { byteLength?: unknown }
  if (typeof bytes !== 'number') throw new InvalidOptionError('sizeOf', undefined, 'a function that says how many bytes an item takes, where items are neither texts nor bytes')
  return bytes
}
