import type { SharedKind, SharedOutcome, SharedReply, SharedRequest, SharedStep } from '../shared-store.ts'
import type { Counts, SharedLine, SharedTables, Ticket } from './tables.ts'

type Step<Does extends SharedStep['does']> = Extract<SharedStep, { does: Does }>

/** Something shared, as it is while one request is done. */
interface Thing extends Counts {
  readonly kind: SharedKind
  readonly name: string
}

export interface Shared {
  readonly reply: SharedReply
  /** Sessions of which tickets have come to stand otherwise. */
  readonly told: ReadonlySet<string>
}

const done: SharedOutcome = { is: 'done' }
const waiting: SharedOutcome = { is: 'waiting' }
const refused: SharedOutcome = { is: 'refused' }
const gone: SharedOutcome = { is: 'gone' }
const shut: SharedOutcome = { is: 'shut' }

/** `SharedStore.share` on tables: what memory and SQLite do, and Redis says again in Lua. The conformance suite compares all of them with a model. */
export function shareOn(tables: SharedTables, request: SharedRequest, now: number): Shared {
  return new Turn(tables, now).do(request)
}

class Turn {
  readonly #tables: SharedTables
  readonly #now: number
  readonly #things = new Map<string, Thing>()
  readonly #told = new Set<string>()
  #session = ''

  constructor(tables: SharedTables, now: number) {
    this.#tables = tables
    this.#now = now
  }

  do({ session, lease, begins, leaves, steps }: SharedRequest): Shared {
    this.#session = session
    this.#end(this.#tables.expired(this.#now))
    const lost = !begins && !this.#tables.hasSession(session)
    const outcomes: SharedOutcome[] = []
    if (!lost) {
      this.#tables.renew(session, this.#now + lease)
      for (const step of steps) outcomes.push(this.#take(step))
      if (leaves) this.#end([session])
    }
    for (const thing of this.#things.values()) this.#tables.setCounts(thing.kind, thing.name, thing)
    return { reply: { lost, outcomes, nextEnd: Math.max(0, (this.#tables.nextEnd() ?? Infinity) - this.#now) }, told: this.#told }
  }

  #take(step: SharedStep): SharedOutcome {
    switch (step.does) {
      case 'acquire': return this.#asked(step.ticket) ?? this.#acquire(step)
      case 'put': return this.#asked(step.ticket) ?? this.#put(step)
      case 'get': return this.#asked(step.ticket) ?? this.#get(step)
      case 'wait': return this.#asked(step.ticket) ?? this.#wait(step)
      case 'look': return this.#look(step.ticket)
      case 'giveBack': return this.#giveBack(step.ticket)
      case 'keep': return this.#keep(step)
      case 'finish': return this.#finishOne(this.#thing('queue', step.name))
      case 'shutdown': return this.#shutDown(step)
      case 'statistics': return this.#statistics(step)
      case 'add': return this.#add(step)
      case 'exchange': return this.#exchange(step)
      case 'read': return { ...done, ...this.#value(step.name) }
      case 'write': return this.#write(step)
      case 'set': return this.#set(step)
    }
  }

  #acquire({ kind, name, ticket, limit, opens, waits }: Step<'acquire'>): SharedOutcome {
    const thing = this.#thing(kind, name)
    if (kind === 'semaphore' && (opens || thing.limit === 0)) {
      thing.limit = limit
      this.#serve(thing)
    }
    if (!this.#first(thing, 'get') && thing.held < limitOf(thing)) return this.#hold(thing, ticket, 0)
    return waits ? this.#queueUp(thing, 'get', ticket, this.#next()) : refused
  }

  #put({ name, ticket, item, bounds, opens, waits }: Step<'put'>): SharedOutcome {
    const thing = this.#opened(name, bounds, opens)
    if (thing.shut) return shut
    const fits = !this.#first(thing, 'put') && hasRoom(thing, item.length)
    if (!fits && !waits) return refused
    const seq = this.#next()
    this.#tables.keepItem(seq, item)
    if (!fits) return this.#queueUp(thing, 'put', ticket, seq)
    this.#enter(thing, seq)
    thing.unfinished++
    this.#serve(thing)
    return done
  }

  #get({ name, ticket, bounds, opens, waits }: Step<'get'>): SharedOutcome {
    const thing = this.#opened(name, bounds, opens)
    if (thing.size > 0) {
      const outcome = this.#hold(thing, ticket, this.#leave(thing))
      this.#serve(thing)
      return outcome
    }
    if (isOver(thing)) return shut
    return waits ? this.#queueUp(thing, 'get', ticket, this.#next()) : refused
  }

  #wait({ kind, name, ticket }: Step<'wait'>): SharedOutcome {
    const thing = this.#thing(kind, name)
    if (kind === 'event' ? thing.number > 0 : thing.unfinished === 0) return done
    return this.#queueUp(thing, kind === 'event' ? 'get' : 'join', ticket, this.#next())
  }

  /** How a ticket stands that was given before. */
  #asked(number: number): SharedOutcome | undefined {
    return this.#tables.ticket(this.#session, number) && this.#look(number)
  }

  #look(number: number): SharedOutcome {
    const ticket = this.#tables.ticket(this.#session, number)
    if (!ticket) return gone
    const { kind, name, line, fence, seq } = ticket
    if (fence !== undefined) return { is: 'held', number: fence, ...(kind === 'queue' ? { item: this.#tables.item(seq) } : {}) }
    const thing = this.#thing(kind, name)
    if (!(line === 'put' && thing.shut) && !(kind === 'queue' && line === 'get' && isOver(thing))) return waiting
    this.#withdraw(ticket)
    return shut
  }

  #giveBack(number: number): SharedOutcome {
    const ticket = this.#tables.ticket(this.#session, number)
    if (!ticket) return gone
    this.#serve(this.#withdraw(ticket))
    return done
  }

  #keep({ ticket: number, finishes }: Step<'keep'>): SharedOutcome {
    const ticket = this.#tables.ticket(this.#session, number)
    if (ticket?.fence === undefined || ticket.kind !== 'queue') return refused
    const thing = this.#thing(ticket.kind, ticket.name)
    this.#tables.drop(ticket)
    this.#tables.dropItem(ticket.seq)
    thing.held--
    if (finishes) this.#finishOne(thing)
    this.#serve(thing)
    return done
  }

  #finishOne(thing: Thing): SharedOutcome {
    if (thing.unfinished === 0) return refused
    if (--thing.unfinished === 0) this.#endWaits(thing, 'join')
    return done
  }

  #shutDown({ name, immediate }: Step<'shutdown'>): SharedOutcome {
    const thing = this.#thing('queue', name)
    thing.shut = Math.max(thing.shut, immediate ? 2 : 1)
    if (immediate) {
      while (thing.size > 0) {
        this.#tables.dropItem(this.#leave(thing))
        this.#finishOne(thing)
      }
    }
    for (const { session } of this.#tables.all('queue', name, 'put')) this.#told.add(session)
    this.#serve(thing)
    return done
  }

  #statistics({ kind, name }: Step<'statistics'>): SharedOutcome {
    const thing = this.#thing(kind, name)
    const { size, bytes, held, unfinished } = thing
    const waitingIn = (line: SharedLine): number => this.#tables.all(kind, name, line).length
    return { ...done, statistics: { size: kind === 'event' ? thing.number : size, bytes, held, unfinished, putting: waitingIn('put'), getting: waitingIn('get') } }
  }

  #add({ name, amount }: Step<'add'>): SharedOutcome {
    const thing = this.#thing('counter', name)
    const { number } = thing
    if (!Number.isSafeInteger(number + amount)) return { ...refused, number }
    thing.number += amount
    return { ...done, number }
  }

  #exchange({ name, number: wanted, expected }: Step<'exchange'>): SharedOutcome {
    const thing = this.#thing('counter', name)
    const { number } = thing
    if (expected !== null && expected !== number) return { ...refused, number }
    thing.number = wanted
    return { ...done, number }
  }

  #write({ name, item, expected }: Step<'write'>): SharedOutcome {
    const thing = this.#thing('value', name)
    if (expected !== null && expected !== thing.number) return { ...refused, ...this.#value(name) }
    thing.number = item ? this.#next() : 0
    this.#tables.setValue(name, item ?? undefined)
    return { ...done, number: thing.number }
  }

  #value(name: string): Pick<SharedOutcome, 'number' | 'item'> {
    const item = this.#tables.value(name)
    return { number: this.#thing('value', name).number, ...(item ? { item } : {}) }
  }

  #set({ name, isSet }: Step<'set'>): SharedOutcome {
    const thing = this.#thing('event', name)
    thing.number = isSet ? 1 : 0
    if (isSet) this.#endWaits(thing, 'get')
    return done
  }

  /** Gives back all that sessions hold or wait for, then serves who waited for it: nothing goes to one of them, and no item to one who comes after those before it. */
  #end(sessions: readonly string[]): void {
    const things = new Set(sessions.flatMap((session) => this.#tables.ticketsOf(session)).map((ticket) => this.#withdraw(ticket)))
    for (const session of sessions) this.#tables.forget(session)
    for (const thing of things) this.#serve(thing)
  }

  /** Takes a ticket back; who waited for what it held is yet to be served. */
  #withdraw(ticket: Ticket): Thing {
    const { kind, name, line, seq, fence } = ticket
    const thing = this.#thing(kind, name)
    this.#tables.drop(ticket)
    if (fence === undefined) {
      if (line === 'put') this.#tables.dropItem(seq)
      return thing
    }
    thing.held--
    if (kind !== 'queue') return thing
    if (thing.shut < 2) this.#enter(thing, seq)
    else {
      this.#tables.dropItem(seq)
      this.#finishOne(thing)
    }
    return thing
  }

  /** Gives what has come free to those who wait for it. */
  #serve(thing: Thing): void {
    if (thing.kind !== 'queue') {
      for (let first = this.#first(thing, 'get'); first && thing.held < limitOf(thing); first = this.#first(thing, 'get')) this.#grant(thing, first, first.seq)
      return
    }
    for (;;) {
      const getting = thing.size > 0 && this.#first(thing, 'get')
      if (getting) {
        this.#grant(thing, getting, this.#leave(thing))
        continue
      }
      const putting = !thing.shut && this.#first(thing, 'put')
      if (!putting || !hasRoom(thing, this.#tables.itemLength(putting.seq))) break
      this.#tables.drop(putting)
      this.#told.add(putting.session)
      this.#enter(thing, putting.seq)
      thing.unfinished++
    }
    if (isOver(thing)) for (const { session } of this.#tables.all('queue', thing.name, 'get')) this.#told.add(session)
  }

  #grant(thing: Thing, ticket: Ticket, seq: number): void {
    this.#tables.drop(ticket)
    this.#tables.keep({ ...ticket, seq, fence: this.#next() })
    thing.held++
    this.#told.add(ticket.session)
  }

  #hold({ kind, name }: Thing, ticket: number, seq: number): SharedOutcome {
    this.#tables.keep({ session: this.#session, ticket, kind, name, line: 'get', seq, fence: this.#next() })
    this.#thing(kind, name).held++
    return this.#look(ticket)
  }

  #queueUp({ kind, name }: Thing, line: SharedLine, ticket: number, seq: number): SharedOutcome {
    this.#tables.keep({ session: this.#session, ticket, kind, name, line, seq, fence: undefined })
    return waiting
  }

  #endWaits({ kind, name }: Thing, line: SharedLine): void {
    for (const ticket of this.#tables.all(kind, name, line)) {
      this.#tables.drop(ticket)
      this.#told.add(ticket.session)
    }
  }

  #enter(thing: Thing, seq: number): void {
    this.#tables.push(thing.name, seq)
    thing.size++
    thing.bytes += this.#tables.itemLength(seq)
  }

  #leave(thing: Thing): number {
    const seq = this.#tables.shift(thing.name)
    thing.size--
    thing.bytes -= this.#tables.itemLength(seq)
    return seq
  }

  #opened(name: string, bounds: Step<'put'>['bounds'], opens: boolean): Thing {
    const thing = this.#thing('queue', name)
    if (opens || thing.maxSize === 0) {
      Object.assign(thing, bounds)
      this.#serve(thing)
    }
    return thing
  }

  #first({ kind, name }: Thing, line: SharedLine): Ticket | undefined {
    return this.#tables.first(kind, name, line)
  }

  #thing(kind: SharedKind, name: string): Thing {
    const key = `${kind} ${name}`
    const known = this.#things.get(key)
    if (known) return known
    const thing = { ...this.#tables.counts(kind, name), kind, name }
    this.#things.set(key, thing)
    return thing
  }

  #next(): number {
    const number = Math.max(this.#tables.lastNumber() + 1, Math.floor(this.#now) * 1_000)
    this.#tables.setLastNumber(number)
    return number
  }
}

function limitOf({ kind, limit }: Thing): number {
  return kind === 'lock' ? 1 : limit
}

/** What is larger than all that the queue may hold goes in where it is empty: it would never, otherwise, nor would those behind it. */
function hasRoom({ size, maxSize, bytes, maxBytes }: Thing, length: number): boolean {
  return size === 0 || (size < maxSize && bytes + length <= maxBytes)
}

/** Nothing more will come: what was got and is not kept might be given back. */
function isOver({ shut, size, held }: Thing): boolean {
  return shut > 0 && size === 0 && held === 0
}
