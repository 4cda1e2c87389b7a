import type { SharedKind, SharedOutcome, SharedReply, SharedRequest, SharedStatistics, SharedStep } from '../backends/shared-store.ts'

type Step<Does extends SharedStep['does']> = Extract<SharedStep, { does: Does }>

interface Waiter {
  readonly session: string
  readonly ticket: number
  readonly kind: SharedKind
  readonly name: string
  readonly wants: 'permit' | 'room' | 'item' | 'event' | 'end'
  /** What it puts, or was given. */
  item?: Item
  held: boolean
}

interface Item {
  readonly order: number
  readonly bytes: Uint8Array
}

interface Queue {
  maxSize: number
  maxBytes: number
  items: Item[]
  unfinished: number
  shut: 'open' | 'shut' | 'dropped'
}

/**
 * What a store of shared things does, in the plainest words: every question is answered by going through all that wait and hold.
 * The yardstick for those that are fast.
 */
export class SharedModel {
  now: number
  /** Versions are what the backend made of them. */
  readonly versions: Map<string, number> = new Map<string, number>()
  readonly #sessions = new Map<string, number>()
  /** In the order of asking. */
  #waiters: Waiter[] = []
  readonly #limits = new Map<string, number>()
  readonly #queues = new Map<string, Queue>()
  readonly #counters = new Map<string, number>()
  readonly #values = new Map<string, Uint8Array>()
  readonly #events = new Set<string>()
  #order = 0

  constructor(now: number) {
    this.now = now
  }

  /** What a ticket holds a part of. */
  thingOf(session: string, ticket: number): string | undefined {
    const waiter = this.#waiters.find((one) => one.held && one.session === session && one.ticket === ticket)
    return waiter && `${waiter.kind} ${waiter.name}`
  }

  /** Fences are the backend's own, and left out here. @param told what the backend made of the same request: versions are its own */
  share({ session, lease, begins, leaves, steps }: SharedRequest, told: readonly SharedOutcome[]): SharedReply {
    this.#end([...this.#sessions].filter(([, until]) => until <= this.now).map(([id]) => id))
    const lost = !begins && !this.#sessions.has(session)
    const outcomes: SharedOutcome[] = []
    if (!lost) {
      this.#sessions.set(session, this.now + lease)
      for (const [at, step] of steps.entries()) {
        outcomes.push(this.#take(session, step, told[at]?.number))
        this.#serve()
      }
      if (leaves) this.#end([session])
    }
    return { lost, outcomes, nextEnd: Math.min(Infinity, ...this.#sessions.values()) - this.now }
  }

  #take(session: string, step: SharedStep, version: number | undefined): SharedOutcome {
    const known = 'ticket' in step ? this.#waiters.find((one) => one.session === session && one.ticket === step.ticket) : undefined
    if (known && ['acquire', 'put', 'get', 'wait'].includes(step.does)) return this.#stands(known)
    switch (step.does) {
      case 'acquire': {
        const { kind, name, ticket, limit, opens, waits } = step
        if (kind === 'semaphore' && (opens || !this.#limits.has(name))) this.#limits.set(name, limit)
        return this.#ask({ session, ticket, kind, name, wants: 'permit', held: false }, waits)
      }
      case 'put': {
        const { name, ticket, item, waits } = step
        if (this.#opened(step).shut !== 'open') return { is: 'shut' }
        const asked = this.#ask({ session, ticket, kind: 'queue', name, wants: 'room', item: { order: this.#order++, bytes: item }, held: false }, waits)
        return asked.is === 'gone' ? { is: 'done' } : asked
      }
      case 'get':
        this.#opened(step)
        return this.#ask({ session, ticket: step.ticket, kind: 'queue', name: step.name, wants: 'item', held: false }, step.waits)
      case 'wait': {
        const { kind, name, ticket } = step
        const asked = this.#ask({ session, ticket, kind, name, wants: kind === 'event' ? 'event' : 'end', held: false }, true)
        return asked.is === 'gone' ? { is: 'done' } : asked
      }
      case 'look':
        return known ? this.#stands(known) : { is: 'gone' }
      case 'giveBack':
        if (known) this.#giveBack(known)
        return { is: known ? 'done' : 'gone' }
      case 'keep':
        if (!known?.held || known.wants !== 'item') return { is: 'refused' }
        this.#drop(known)
        if (step.finishes) this.#finish(known.name)
        return { is: 'done' }
      case 'finish':
        return this.#finish(step.name) ? { is: 'done' } : { is: 'refused' }
      case 'shutdown':
        return this.#shutDown(step)
      case 'statistics':
        return { is: 'done', statistics: this.#statistics(step) }
      case 'add': {
        const before = this.#counters.get(step.name) ?? 0
        if (!Number.isSafeInteger(before + step.amount)) return { is: 'refused', number: before }
        this.#counters.set(step.name, before + step.amount)
        return { is: 'done', number: before }
      }
      case 'exchange': {
        const before = this.#counters.get(step.name) ?? 0
        if (step.expected !== null && step.expected !== before) return { is: 'refused', number: before }
        this.#counters.set(step.name, step.number)
        return { is: 'done', number: before }
      }
      case 'read':
        return this.#value(step.name)
      case 'write':
        if (step.expected !== null && step.expected !== (this.versions.get(step.name) ?? 0)) return { ...this.#value(step.name), is: 'refused' }
        if (step.item) this.#values.set(step.name, step.item)
        else this.#values.delete(step.name)
        this.versions.set(step.name, version ?? NaN)
        return { is: 'done' }
      case 'set':
        if (step.isSet) this.#events.add(step.name)
        else this.#events.delete(step.name)
        return { is: 'done' }
    }
  }

  #ask(waiter: Waiter, waits: boolean): SharedOutcome {
    this.#waiters.push(waiter)
    this.#serve()
    const stands = this.#waiters.includes(waiter) ? this.#stands(waiter) : { is: 'gone' as const }
    if (stands.is !== 'waiting' || waits) return stands
    this.#drop(waiter)
    return { is: 'refused' }
  }

  /** A wait that cannot end well any more ends where it is looked at. */
  #stands(waiter: Waiter): SharedOutcome {
    if (waiter.held) return { is: 'held', ...(waiter.item ? { item: waiter.item.bytes } : {}) }
    const queue = waiter.kind === 'queue' ? this.#queue(waiter.name) : undefined
    const isShut = queue && queue.shut !== 'open' && (waiter.wants === 'room' || (waiter.wants === 'item' && queue.items.length === 0 && this.#held(waiter).length === 0))
    if (!isShut) return { is: 'waiting' }
    this.#drop(waiter)
    return { is: 'shut' }
  }

  /** Until nobody who waits can have what it waits for. */
  #serve(): void {
    while (this.#waiters.some((waiter) => !waiter.held && this.#isFirst(waiter) && this.#satisfy(waiter))) { /* the next one */ }
  }

  #isFirst({ kind, name, wants, session, ticket }: Waiter): boolean {
    const first = this.#waiters.find((other) => !other.held && other.kind === kind && other.name === name && other.wants === wants)!
    return first.session === session && first.ticket === ticket
  }

  #satisfy(waiter: Waiter): boolean {
    const { kind, name, wants } = waiter
    switch (wants) {
      case 'permit':
        return this.#held(waiter).length < (kind === 'lock' ? 1 : this.#limits.get(name)!) && (waiter.held = true)
      case 'event':
        return this.#events.has(name) && this.#drop(waiter)
      case 'end':
        return this.#queue(name).unfinished === 0 && this.#drop(waiter)
      case 'room': {
        const queue = this.#queue(name)
        const fits = queue.items.length === 0 || (queue.items.length < queue.maxSize && bytesOf(queue) + waiter.item!.bytes.length <= queue.maxBytes)
        if (queue.shut !== 'open' || !fits) return false
        queue.items.push(waiter.item!)
        queue.unfinished++
        return this.#drop(waiter)
      }
      case 'item': {
        const item = this.#queue(name).items.shift()
        if (!item) return false
        waiter.item = item
        return waiter.held = true
      }
    }
  }

  #giveBack(waiter: Waiter): void {
    this.#drop(waiter)
    if (!waiter.held || waiter.wants !== 'item') return
    const queue = this.#queue(waiter.name)
    if (queue.shut === 'dropped') return void this.#finish(waiter.name)
    queue.items.push(waiter.item!)
    queue.items.sort((a, b) => a.order - b.order)
  }

  #end(sessions: readonly string[]): void {
    for (const waiter of this.#waiters.filter(({ session }) => sessions.includes(session))) this.#giveBack(waiter)
    for (const session of sessions) this.#sessions.delete(session)
    this.#serve()
  }

  #finish(name: string): boolean {
    const queue = this.#queue(name)
    if (queue.unfinished === 0) return false
    queue.unfinished--
    return true
  }

  #shutDown({ name, immediate }: Step<'shutdown'>): SharedOutcome {
    const queue = this.#queue(name)
    if (immediate || queue.shut === 'dropped') {
      queue.shut = 'dropped'
      for (const _ of queue.items.splice(0)) this.#finish(name)
    } else queue.shut = 'shut'
    return { is: 'done' }
  }

  #statistics({ kind, name }: Step<'statistics'>): SharedStatistics {
    const waiting = (...wants: readonly Waiter['wants'][]): number => this.#waiters.filter((one) => !one.held && one.kind === kind && one.name === name && wants.includes(one.wants)).length
    const all = { size: kind === 'event' && this.#events.has(name) ? 1 : 0, bytes: 0, putting: waiting('room'), getting: waiting('permit', 'item', 'event'), held: this.#held({ kind, name }).length, unfinished: 0 }
    if (kind !== 'queue') return all
    const queue = this.#queue(name)
    return { ...all, size: queue.items.length, bytes: bytesOf(queue), unfinished: queue.unfinished }
  }

  #held({ kind, name }: Pick<Waiter, 'kind' | 'name'>): Waiter[] {
    return this.#waiters.filter((one) => one.held && one.kind === kind && one.name === name)
  }

  #drop(waiter: Waiter): true {
    this.#waiters = this.#waiters.filter((one) => one !== waiter)
    return true
  }

  #value(name: string): SharedOutcome {
    const item = this.#values.get(name)
    return { is: 'done', number: this.versions.get(name) ?? 0, ...(item ? { item } : {}) }
  }

  #opened({ name, bounds, opens }: Step<'put' | 'get'>): Queue {
    const queue = this.#queue(name)
    if (opens || queue.maxSize === 0) Object.assign(queue, bounds)
    this.#serve()
    return queue
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (!queue) this.#queues.set(name, queue = { maxSize: 0, maxBytes: 0, items: [], unfinished: 0, shut: 'open' })
    return queue
  }
}

function bytesOf({ items }: Queue): number {
  return items.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
