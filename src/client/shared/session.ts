import type { SharedOutcome, SharedReply, SharedStep, SharedStore } from '../../backends/shared-store.ts'
import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import type { WaitOptions } from '../../concurrency/suspend.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { LeaseLostError } from '../../kernel/errors.ts'
import { Hold } from './hold.ts'
import { SharedWait } from './shared-wait.ts'

export interface SessionParts {
  readonly id: string
  readonly store: SharedStore
  readonly clock: Clock
  /** Milliseconds. */
  readonly lease: number
}

/** What a wait ended with. */
export interface Granted {
  readonly outcome: SharedOutcome
  /** Where it is held. */
  readonly hold: Hold | undefined
}

export type WaitStep = Extract<SharedStep, { readonly does: 'acquire' | 'put' | 'get' | 'wait' }>

interface Asked {
  readonly step: SharedStep
  readonly answer: PromiseWithResolvers<SharedOutcome>
}

/** For what no notice told of: whoever waits looks so often, in milliseconds. */
const lookEvery = 5_000
/** So many of each line, where there is news. */
const looksFirst = 2
/** So often a lease is renewed while it lasts. */
const renewals = 3
/** So much of a lease is counted on: clocks do not run equally fast, and timers fire late. */
const countedOn = 0.95
/** What was told, and not heard, is told again so much later, in milliseconds. */
const retryAfter = 1_000

/**
 * One life of a client among those that share things: it ends when its lease has run out, and then all that it held and waited for is lost.
 *
 * It counts a lease from before it was asked for, and not to its very end, so it knows of the loss before anybody else can be given what it held. While it neither
 * holds nor waits for anything it asks for nothing.
 */
export class Session {
  readonly #parts: SessionParts
  readonly #waits = new Map<number, SharedWait>()
  readonly #holds = new Map<number, Hold>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #listening: Disposable
  #batch: Asked[] = []
  /** Told, and not heard: they are told again. Each can be, as often as need be. */
  #owed: SharedStep[] = []
  #queued = false
  #lastTicket = 0
  #begun = false
  #lost: Error | undefined
  /** On `elapsed()` of the clock: when the lease may have run out, when it was last asked for, and when those who wait look. */
  #until = Infinity
  #sentAt = 0
  #lookAt = Infinity
  /** How often it was told of news. */
  #news = 0
  #looking = false
  #looksAgain = false
  #timer: { readonly at: number, readonly background: boolean, readonly set: Timer } | undefined

  /** @throws ClosedError */
  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#listening = parts.store.attend(parts.id, () => {
      this.#news++
      this.#look()
    })
  }

  /** It is over, or has nothing to lose and may have been forgotten. */
  get isOver(): boolean {
    this.check()
    return this.#lost !== undefined || (this.#isIdle && this.#parts.clock.elapsed() >= this.#until)
  }

  /** Why nothing more can be asked in it. */
  get lost(): Error | undefined {
    return this.#lost
  }

  /** What is asked in one tick is one request. @throws what `lost` says where it was not done since the session is over; BackendError where that cannot be told */
  ask(step: SharedStep): Promise<SharedOutcome> {
    if (this.#lost) return Promise.reject(this.#lost)
    const answer = Promise.withResolvers<SharedOutcome>()
    this.#batch.push({ step, answer })
    this.#sendSoon()
    return answer.promise
  }

  /** For what may be repeated, and nobody waits for. */
  tell(step: SharedStep): void {
    this.ask(step).catch(() => {
      if (this.#lost) return
      this.#owed.push(step)
      this.#schedule()
    })
  }

  /**
   * Asks for what may have to be waited for.
   *
   * @param undoable whoever gives up goes on at once, and what comes all the same is given back; otherwise it is heard first whether it was done
   */
  wait(what: string, step: (ticket: number) => WaitStep, options: WaitOptions | undefined, undoable: boolean): Promise<Granted> {
    const ticket = ++this.#lastTicket
    const asked = step(ticket)
    const wait = new SharedWait(ticket, lineOf(asked), undoable, (given) => this.#giveUp(given))
    if (this.#lost) wait.fail(this.#lost)
    else wait.begin(what, options)
    if (wait.reason) wait.fail(wait.reason.error)
    if (wait.isOver) return wait.promise
    this.#waits.set(ticket, wait)
    const news = this.#news
    this.ask(asked).then((outcome) => {
      this.#answered(wait, outcome)
      // They may have come before the answer that it waits.
      if (news !== this.#news) this.#look()
    }, (error: unknown) => {
      this.#waits.delete(ticket)
      wait.fail(error)
      // It may have been done all the same.
      this.tell({ does: 'giveBack', ticket })
    })
    return wait.promise
  }

  /** What is held is not: it is given back. */
  giveBack(hold: Hold): void {
    if (this.#holds.delete(hold.ticket)) this.tell({ does: 'giveBack', ticket: hold.ticket })
  }

  /** An item is the holder's own from now on. @throws LeaseLostError where it is not; BackendError: then it may be tried again */
  async keep(hold: Hold, finishes: boolean): Promise<void> {
    const { ticket } = hold
    if (this.#lost) throw this.#lost
    if (!this.#holds.delete(ticket)) return
    const { is } = await this.ask({ does: 'keep', ticket, finishes }).catch((error: unknown) => {
      if (!this.#lost) this.#holds.set(ticket, hold)
      throw error
    })
    if (is === 'refused') throw new LeaseLostError()
  }

  /** As `keep`, for one who does not wait. */
  keepSoon({ ticket }: Hold, finishes: boolean): void {
    if (this.#holds.delete(ticket)) this.tell({ does: 'keep', ticket, finishes })
  }

  /** After a stall no timer has fired yet. */
  check(): void {
    if (!this.#lost && !this.#isIdle && this.#parts.clock.elapsed() >= this.#until) this.lose(new LeaseLostError())
  }

  lose(why: Error): void {
    if (this.#lost) return
    this.#lost = why
    this.#listening[Symbol.dispose]()
    this.#timer?.set[Symbol.dispose]()
    for (const hold of this.#holds.values()) hold.lose(why)
    for (const wait of this.#waits.values()) wait.fail(why)
    for (const { answer } of this.#batch.splice(0)) answer.reject(why)
    this.#holds.clear()
    this.#waits.clear()
  }

  /** Gives everything back, and ends; what was asked before is still done. */
  async leave(why: Error): Promise<void> {
    const { id, store, lease } = this.#parts
    if (this.#batch.length > 0) this.#send()
    await Promise.all(this.#underWay)
    const isThere = this.#begun && !this.#lost
    const steps = this.#owed
    this.lose(why)
    // Where nothing answers, it ends with its lease.
    if (isThere) await store.share({ session: id, lease, begins: false, leaves: true, steps }).catch(() => {})
  }

  get #isIdle(): boolean {
    return this.#waits.size === 0 && this.#holds.size === 0 && this.#owed.length === 0 && this.#batch.length === 0 && this.#underWay.size === 0
  }

  get #sendAt(): number {
    return this.#sentAt + (this.#owed.length > 0 ? Math.min(retryAfter, this.#parts.lease / renewals) : this.#parts.lease / renewals)
  }

  #sendSoon(): void {
    if (this.#queued) return
    this.#queued = true
    afterMicrotasks(() => {
      this.#queued = false
      if (this.#batch.length > 0 || this.#owed.length > 0) this.#send()
    })
  }

  #send(): void {
    if (this.#lost) return
    const sent = this.#exchange(this.#batch.splice(0), this.#owed.splice(0)).finally(() => {
      this.#underWay.delete(sent)
      this.#schedule()
    })
    this.#underWay.add(sent)
  }

  async #exchange(asked: readonly Asked[], owed: SharedStep[]): Promise<void> {
    const { id, store, clock, lease } = this.#parts
    const sentAt = this.#sentAt = clock.elapsed()
    let reply: SharedReply
    try {
      reply = await store.share({ session: id, lease, begins: !this.#begun, leaves: false, steps: [...owed, ...asked.map(({ step }) => step)] })
    } catch (error) {
      this.#owed.unshift(...owed)
      for (const { answer } of asked) answer.reject(error)
      return
    }
    if (reply.lost) {
      this.lose(new LeaseLostError())
      for (const { answer } of asked) answer.reject(this.#lost)
      return
    }
    this.#begun = true
    const until = sentAt + lease * countedOn
    this.#until = this.#until === Infinity ? until : Math.max(this.#until, until)
    this.#lookAt = Math.min(this.#lookAt, clock.elapsed() + Math.max(1, reply.nextEnd))
    for (const [at, { answer }] of asked.entries()) answer.resolve(reply.outcomes[owed.length + at]!)
  }

  #answered(wait: SharedWait, outcome: SharedOutcome): void {
    this.check()
    // With the session, it was told already.
    if (this.#lost) return
    const { ticket } = wait
    if (outcome.is === 'waiting') {
      wait.isInLine = true
      if (wait.reason) return this.#giveUp(wait)
      this.#lookAt = Math.min(this.#lookAt, this.#parts.clock.elapsed() + lookEvery)
      return this.#schedule()
    }
    this.#waits.delete(ticket)
    if (outcome.is !== 'held') return wait.resume({ outcome, hold: undefined })
    if (wait.isOver) return this.tell({ does: 'giveBack', ticket })
    const hold = new Hold(this, ticket, outcome.number!)
    this.#holds.set(ticket, hold)
    wait.resume({ outcome, hold })
  }

  #giveUp(wait: SharedWait): void {
    const { ticket, isUndoable } = wait
    if (isUndoable) wait.fail(wait.reason!.error)
    // Until it is known how it stands, nothing can be undone.
    if (!wait.isInLine || !this.#waits.delete(ticket)) return
    if (isUndoable) return this.tell({ does: 'giveBack', ticket })
    this.ask({ does: 'giveBack', ticket }).then(({ is }) => {
      if (is === 'gone') wait.resume({ outcome: { is: 'done' }, hold: undefined })
      else wait.fail(wait.reason!.error)
    }, (error: unknown) => {
      this.tell({ does: 'giveBack', ticket })
      wait.fail(error)
    })
  }

  /**
   * How those stand who wait, of each line the first, by one request. Nobody overtakes: behind one who still waits all do, so only where none of them does as many again are looked at. Once more where somebody told of
   * news meanwhile.
   */
  #look(most = looksFirst): void {
    this.#looksAgain = this.#looking
    if (this.#looking || this.#lost) return
    const lines = [...Map.groupBy([...this.#waits.values()].filter(({ isInLine }) => isInLine), ({ line }) => line).values()]
    if (lines.length === 0) return
    this.#looking = true
    const looks = lines.flatMap((line) => line.slice(0, most)).map(async (wait) => {
      const outcome = await this.ask({ does: 'look', ticket: wait.ticket })
      // It was given up meanwhile.
      if (!this.#waits.has(wait.ticket)) return
      this.#answered(wait, outcome.is === 'gone' ? { is: 'done' } : outcome)
    })
    // Where nothing answers, whoever waits goes on waiting, while the lease lasts.
    void Promise.allSettled(looks).then(() => {
      this.#looking = false
      if (lines.some((line) => line.length > most && line.slice(0, most).every(({ ticket }) => !this.#waits.has(ticket)))) this.#look(2 * most)
      else if (this.#looksAgain) this.#look()
    })
  }

  #schedule(): void {
    const isNeeded = !this.#lost && !this.#isIdle
    const background = this.#waits.size === 0
    const at = Math.min(this.#sendAt, this.#until, background ? Infinity : this.#lookAt)
    if (isNeeded && this.#timer && this.#timer.at <= at && this.#timer.background === background) return
    this.#timer?.set[Symbol.dispose]()
    this.#timer = undefined
    if (!isNeeded) return
    const { clock } = this.#parts
    // Whole milliseconds: one that fires a little too soon would be set again for no time at all.
    const set = clock.after(Math.ceil(Math.max(0, at - clock.elapsed())), () => {
      this.#timer = undefined
      this.#tick()
    }, { background })
    this.#timer = { at, background, set }
  }

  #tick(): void {
    this.check()
    if (this.#lost) return
    const now = this.#parts.clock.elapsed()
    if (this.#waits.size > 0 && now >= this.#lookAt) {
      this.#lookAt = now + lookEvery
      this.#look(Infinity)
    } else if (now >= this.#sendAt) this.#send()
    this.#schedule()
  }
}

function lineOf(step: WaitStep): string {
  return `${step.does} ${'kind' in step ? step.kind : ''} ${step.name}`
}
