import type * as FastCheck from 'fast-check'
import type { Backend } from '../../backends/backend.ts'
import type { SharedKind, SharedOutcome, SharedStep } from '../../backends/shared-store.ts'
import { SharedModel } from '../shared-model.ts'
import type { Bench, Cases } from './bench.ts'

/** What somebody asks for; tickets and versions are named by number, of those that there are by then. */
type Wish = { readonly [Does in SharedStep['does']]: Omit<Extract<SharedStep, { does: Does }>, 'expected'> & { readonly expects?: number | null } }[SharedStep['does']]

type Move =
  | { readonly does: 'share', readonly who: number, readonly lease: number, readonly leaves: boolean, readonly wishes: readonly Wish[] }
  | { readonly does: 'pass', readonly ms: number }

const any = Number.MAX_SAFE_INTEGER
const names = ['a', 'b'] as const
const kinds: readonly SharedKind[] = ['lock', 'semaphore', 'queue', 'event']

function moves(fc: typeof FastCheck): FastCheck.Arbitrary<Move[]> {
  const name = fc.constantFrom(...names)
  const flag = fc.boolean()
  const ticket = fc.nat(12)
  const item = fc.uint8Array({ minLength: 0, maxLength: 5 })
  const bounds = fc.record({ maxSize: fc.constantFrom(1, 2, any), maxBytes: fc.constantFrom(4, 8, any) })
  const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0)
  const of = (does: Wish['does'], rest: object): FastCheck.Arbitrary<Wish> => fc.record({ does: fc.constant(does), ...rest }) as unknown as FastCheck.Arbitrary<Wish>
  const wish: FastCheck.Arbitrary<Wish> = fc.oneof(
    { weight: 4, arbitrary: of('acquire', { kind: fc.constantFrom('lock', 'semaphore'), name, ticket, limit: fc.integer({ min: 1, max: 3 }), opens: rarely, waits: flag }) },
    { weight: 5, arbitrary: of('put', { name, ticket, item, bounds, opens: rarely, waits: flag }) },
    { weight: 5, arbitrary: of('get', { name, ticket, bounds, opens: rarely, waits: flag }) },
    { weight: 2, arbitrary: of('wait', { kind: fc.constantFrom('event', 'queue'), name, ticket }) },
    { weight: 4, arbitrary: of('giveBack', { ticket }) },
    { weight: 3, arbitrary: of('keep', { ticket, finishes: flag }) },
    { weight: 3, arbitrary: of('look', { ticket }) },
    { weight: 1, arbitrary: of('finish', { name }) },
    { weight: 1, arbitrary: of('shutdown', { name: fc.constant('b'), immediate: rarely }) },
    { weight: 1, arbitrary: of('add', { name, amount: fc.constantFrom(1, -3, any) }) },
    { weight: 1, arbitrary: of('exchange', { name, number: fc.integer(), expects: fc.constantFrom(null, 0, 1) }) },
    { weight: 1, arbitrary: of('read', { name }) },
    { weight: 2, arbitrary: of('write', { name, item: fc.option(item), expects: fc.constantFrom(null, 0, 1, 2) }) },
    { weight: 1, arbitrary: of('set', { name, isSet: flag }) }
  )
  return fc.array(fc.oneof(
    { weight: 5, arbitrary: fc.record({ does: fc.constant('share' as const), who: fc.nat(2), lease: fc.constantFrom(50, 300, 2_000), leaves: rarely, wishes: fc.array(wish, { maxLength: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.constantFrom(0.5, 33, 300, 2_500) }) }
  ), { minLength: 1, maxLength: 60, size: 'max' })
}

export const sharedHistoryCases: Cases = {
  async 'what is shared stands, after every step of a random history, as the model says'(bench) {
    await replayRandomly(bench, 1, 100)
  },

  async 'so it does where two handles take the steps in turn'(bench) {
    await replayRandomly(bench, 2, 30)
  }
}

async function replayRandomly(bench: Bench, handles: number, runs: number): Promise<void> {
  const fc = await import('fast-check')
  await fc.assert(fc.asyncProperty(moves(fc), (history) => replay(history, handles, bench)), { numRuns: runs })
}

async function replay(history: readonly Move[], count: number, { fresh, clock, expect }: Bench): Promise<void> {
  await using place = fresh()
  const handles = await Promise.all(Array.from({ length: count }, () => place.open()))
  const model = new SharedModel(clock.now())
  const sessions = [new Generations('x'), new Generations('y'), new Generations('z')]
  const fences = new Fences()
  for (const [at, move] of history.entries()) {
    const backend = handles[at % count]!
    const story = `step ${at + 1}, ${JSON.stringify(move)}`
    if (move.does === 'pass') {
      await clock.advance(move.ms)
      model.now = clock.now()
    } else {
      const session = sessions[move.who]!
      const steps = move.wishes.map((wish) => stepOf(wish, model))
      const request = { session: session.id, lease: move.lease, begins: session.begins, leaves: move.leaves, steps }
      const got = await backend.share(request)
      const expected = model.share(request, got.outcomes)
      expect({ ...got, outcomes: got.outcomes.map((outcome, index) => comparable(outcome, steps[index]!)) }, story)
        .toEqual({ ...expected, outcomes: expected.outcomes.map((outcome, index) => comparable(outcome, steps[index]!)) })
      for (const [index, { is, number }] of got.outcomes.entries()) {
        const step = steps[index]!
        // What a ticket was for is known only where it was for one thing in this move.
        if (is !== 'held' || !('ticket' in step) || steps.filter((other) => 'ticket' in other && other.ticket === step.ticket).length > 1) continue
        const thing = model.thingOf(session.id, step.ticket)
        if (thing !== undefined) expect(fences.fits(thing, `${session.id} ${step.ticket}`, number!), story).toBe(true)
      }
      session.used(got.lost || move.leaves)
    }
    await agree(backend, model, expect, story)
  }
}

/** Whatever can be seen from outside. */
async function agree(backend: Backend, model: SharedModel, expect: Bench['expect'], story: string): Promise<void> {
  const steps = kinds.flatMap((kind) => names.map((name) => ({ does: 'statistics' as const, kind, name })))
  const request = { session: 'observer', lease: 60_000, begins: true, leaves: true, steps }
  expect(await backend.share(request), story).toEqual(model.share(request, []))
}

/** Versions and fences are the backend's own: their order is looked at apart. */
function comparable({ number, ...outcome }: SharedOutcome, { does }: SharedStep): SharedOutcome {
  return outcome.is === 'held' || (does === 'write' && outcome.is === 'done') ? outcome : { ...outcome, ...(number === undefined ? {} : { number }) }
}

function stepOf({ expects, ...wish }: Wish, { versions }: SharedModel): SharedStep {
  if (expects === undefined) return wish as SharedStep
  if (wish.does !== 'write' || expects === null || expects === 0) return { ...wish, expected: expects } as SharedStep
  // The version as it is, or one that never was.
  return { ...wish, expected: expects === 1 ? versions.get(wish.name) ?? 0 : 7 }
}

/** A session that has ended is followed by another one. */
class Generations {
  readonly #name: string
  #number = 0
  begins = true

  constructor(name: string) {
    this.#name = name
  }

  get id(): string {
    return `${this.#name}-${this.#number}`
  }

  used(ended: boolean): void {
    this.begins = ended
    if (ended) this.#number++
  }
}

/** Those that were told: none is given twice, what is held keeps its own, and those of a lock rise from holder to holder. */
class Fences {
  readonly #of = new Map<string, number>()
  readonly #all = new Set<number>()
  readonly #last = new Map<string, number>()

  fits(thing: string, ticket: string, fence: number): boolean {
    const holder = `${thing} ${ticket}`
    if (this.#of.get(holder) === fence) return true
    const isNew = !this.#all.has(fence)
    const rises = !thing.startsWith('lock') || fence > (this.#last.get(thing) ?? 0)
    this.#of.set(holder, fence)
    this.#all.add(fence)
    this.#last.set(thing, fence)
    return isNew && rises
  }
}
