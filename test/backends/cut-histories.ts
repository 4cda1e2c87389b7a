import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { lines } from '../../src/jobs/job.ts'
import { finalStates, isFinal, jobStates } from '../../src/jobs/states.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { BackendModel } from '../../src/testing/backend-model.ts'
import { result, spent } from '../../src/testing/backend-conformance/bench.ts'
import { events, lastOf } from '../../src/testing/backend-conformance/bus.ts'
import { type Ask, type Seen, type Step, askOf, lookAt, lookAtModel, stepsOf, workers } from '../../src/testing/backend-conformance/steps.ts'

/** A handle whose way to what it stands for can be cut. */
export interface Cuttable {
  readonly backend: Backend
  /** Once so much more has gone there, or come back, it is cut: up to 1,500 bytes, or what is as much elsewhere. */
  cut(way: 'there' | 'back', after: number): void
  /** How often it was cut. */
  readonly cuts: number
  /** What a cut means: it goes on, on another connection; it is of no use from then on; or it goes on, and what was cut off has certainly not been done. */
  readonly afterwards: 'unknown' | 'dead' | 'undone'
  /** Nobody uses it any more, and nobody closes it: so do programs that die. */
  drop(): Promise<void>
}

export interface CutPlace extends AsyncDisposable {
  open(): Promise<Cuttable>
  /** A handle that is not cut. */
  observe(): Promise<Backend>
  /** What is left where all jobs are gone, and all gates open. */
  leftovers(): Promise<readonly string[]>
}

interface Move {
  readonly step: Step
  /** Asked in the same moment. */
  readonly also: Step | undefined
  /** Which of two handles. */
  readonly who: number
  readonly cut: { readonly way: 'there' | 'back', readonly after: number } | undefined
  /** The handle closes while this is under way, or is given up after it, and another is opened. */
  readonly drop: 'closed' | 'dropped' | undefined
}

/** Steps with which none is asked at the same time: an id that is removed is not published again. */
const alone: ReadonlySet<Step['does']> = new Set(['pass', 'purge'])

/** With all that jobs and queues can have; or mostly without, where backends have ways of their own. */
interface Kind {
  readonly usual: boolean
}

function moves({ usual }: Kind): fc.Arbitrary<readonly Move[]> {
  const onceIn = <T>(times: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })
  const step = stepsOf(fc, { gated: !usual, linked: !usual, usual })
  return fc.array(fc.record({
    step,
    also: onceIn(4, step.filter(({ does }) => !alone.has(does))),
    who: fc.nat(1),
    cut: onceIn(6, fc.record({ way: fc.constantFrom('there' as const, 'back' as const), after: fc.oneof(fc.nat(40), fc.nat(1_500)) })),
    drop: onceIn(15, fc.constantFrom('closed' as const, 'dropped' as const))
  }), { minLength: 20, maxLength: 50, size: 'max' })
}

/**
 * Replays random histories whose calls are cut off at any byte or statement, and whose handles go. Whoever asked cannot tell then whether it was done; but it was, once and as a whole, or it
 * was not: what is seen afterwards, and told, is what one of both models shows, and so it goes on.
 *
 * @param lanes so many histories at a time, since they wait for connections; of both kinds in turn
 */
export async function replayCut(open: (clock: VirtualClock) => CutPlace, { runs, seed, lanes = 2 }: { readonly runs: number, readonly seed?: number | undefined, readonly lanes?: number }): Promise<void> {
  const tally = { histories: 0, cuts: 0, lost: 0, done: 0, drops: 0, handed: 0 }
  const random = Math.floor(Math.random() * 2 ** 31)
  const kinds: readonly Kind[] = [{ usual: false }, { usual: true }]
  const laneOf = (kind: Kind): fc.IAsyncProperty<[readonly Move[], boolean]> =>
    fc.asyncProperty(moves(kind), kind.usual ? fc.constant(false) : fc.boolean(), (history, isHeard) => replay(history, kind, isHeard, open, tally))
  const all = Array.from({ length: lanes }, (_, at) => fc.assert(laneOf(kinds[at % 2]!), { numRuns: Math.ceil(runs / lanes), seed: (seed ?? random) + at, endOnFailure: seed === undefined }))
  await Promise.allSettled(all)
  await Promise.all(all)
  console.log(`${tally.histories} histories, ${tally.cuts} cuts: ${tally.lost} calls were not answered, of which ${tally.done} are seen to have been done; ${tally.drops} handles went, ${tally.handed} jobs were handed over`)
  expect(tally.cuts, 'something was cut').toBeGreaterThan(0)
}

type Tally = Record<'histories' | 'cuts' | 'lost' | 'done' | 'drops' | 'handed', number>

async function replay(history: readonly Move[], { usual }: Kind, isHeard: boolean, openPlace: (clock: VirtualClock) => CutPlace, tally: Tally): Promise<void> {
  const clock = new VirtualClock()
  const gated = !usual
  await using place = openPlace(clock)
  const observer = await place.observe()
  using ear = isHeard ? await events(observer) : undefined
  const open = async (): Promise<Cuttable> => {
    const handle = await place.open()
    for (const worker of workers) handle.backend.receive?.(worker, () => {})
    return handle
  }
  const handles = [await open(), await open()]
  /** When a call was not answered last. */
  const cutsBefore = new Map<Cuttable, number>()
  const seen: Seen = { ids: [], deliveries: [] }
  let worlds = [{ model: new BackendModel(clock.now()), done: [] as readonly number[], takers: new Map<number, string>() as ReadonlyMap<number, string> }]
  for (const [at, { step, also, who, cut, drop }] of history.entries()) {
    const steps = also && !alone.has(step.does) ? [step, also] : [step]
    const story = `step ${at + 1}, ${steps.map(({ does }) => does).join(' and ')}`
    const handle = handles[who]!
    const asks = steps.map((one) => askOf(one, { seen, known: worlds[0]!.model.jobs, clock, gated, linked: !usual }))
    if (cut) handle.cut(cut.way, cut.after)
    const asked = asks.map((ask) => ask.backend(handle.backend).then((answer) => ({ answer }), (error: unknown) => ({ error })))
    if (drop === 'closed') await handle.backend.close().catch(() => {})
    const heard = await Promise.all(asked)
    const lost = heard.flatMap((one, index) => 'error' in one ? [index] : [])
    for (const index of lost) {
      expect(heard[index], story).toMatchObject({ error: { code: 'BACKEND_FAILED' } })
      // Perhaps before: a handle says something of its own now and then.
      expect(handle.cuts, `${story}: it was cut`).toBeGreaterThan(cutsBefore.get(handle) ?? 0)
    }
    if (lost.length > 0) cutsBefore.set(handle, handle.cuts)
    tally.lost += lost.length
    const ways = orders(asks.map((_, index) => index)).filter((way) => heard.every((one, index) => 'error' in one ? handle.afterwards !== 'undone' || !way.includes(index) : way.includes(index)))
    const waysAndTakers = ways.flatMap((done) => handings(done, asks).map((takers) => ({ done, takers })))
    worlds = matching(worlds.flatMap(({ model }) => waysAndTakers.map((way) => ({ ...way, model: model.copy() }))), ({ model, done, takers }) => {
      for (const index of done) {
        const ask = asks[index]!
        const isNew = !model.jobs.some(({ id }) => id === ask.alone)
        const expected = ask.model(model)
        const one = heard[index]!
        if ('answer' in one) expect(one.answer, `${story}: what it was answered`).toEqual(expected)
        const taker = takers.get(index)
        if (taker) expect(isNew && model.jobs.some(({ id, state }) => id === ask.alone && state === 'ready') && model.hand(ask.alone!, taker), `${story}: may be handed over`).toBeTruthy()
      }
    })
    if (drop || (handle.afterwards === 'dead' && handle.cuts > 0)) {
      if (drop) tally.drops++
      tally.cuts += handle.cuts
      if (drop !== 'closed') await handle.drop()
      handles[who] = await open()
    }
    const found = await lookAt(observer, seen, gated)
    worlds = matching(worlds, ({ model }) => expect(found, `${story}: what is there after it`).toEqual(lookAtModel(model, seen, gated)))
    // Of those that are alike one is enough: else they would become very many.
    worlds = worlds.filter(({ model }, index) => !worlds.slice(0, index).some((before) => before.model.isLike(model)))
    // What was handed over is known to who has it, where that heard of it.
    for (const index of worlds[0]!.takers.keys()) {
      seen.deliveries.unshift({ job: asks[index]!.alone!, token: 1 })
      tally.handed++
    }
    tally.done += Math.min(...worlds.map(({ done }) => done.filter((index) => lost.includes(index)).length))
  }
  for (const handle of handles) {
    tally.cuts += handle.cuts
    await handle.drop()
  }
  if (ear) {
    const told = (await ear.until(await lastOf(observer))).filter((event) => 'job' in event).slice(0, -1)
    const byJob = Object.groupBy(told, ({ job }) => job)
    worlds = matching(worlds, ({ model }) => expect(byJob, 'what was told of each job, in order').toEqual(Object.groupBy(model.news, ({ job }) => job)))
    ear[Symbol.dispose]()
  }
  tally.histories++
  await drain(observer, place, clock, seen, worlds[0]!.model)
}

/** To whom each job that was published alone may have been handed, if to anybody. */
function handings(done: readonly number[], asks: readonly Ask[]): ReadonlyMap<number, string>[] {
  const all = done.filter((index) => asks[index]!.alone !== undefined)
    .reduce<(readonly (readonly [number, string])[])[]>((some, index) => some.flatMap((one) => [one, ...workers.map((worker) => [...one, [index, worker] as const])]), [[]])
  return all.map((one) => new Map(one))
}

/** Every order of every part of them. */
function orders(all: readonly number[]): number[][] {
  return [[], ...all.flatMap((first) => orders(all.filter((one) => one !== first)).map((rest) => [first, ...rest]))]
}

/** Those of which it holds; one, at least. */
function matching<T>(worlds: readonly T[], holds: (world: T) => void): T[] {
  const errors: unknown[] = []
  const left = worlds.filter((world) => {
    try {
      holds(world)
      return true
    } catch (error) {
      errors.push(error)
      return false
    }
  })
  if (left.length === 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, `none of ${worlds.length} ways in which it may have gone is how it is: ${errors.map((error) => (error as Error).message).join('; ')}`, { cause: errors[0] })
  return left
}

/** All that is there comes to one end, and leaves nothing behind. */
async function drain(backend: Backend, place: CutPlace, clock: VirtualClock, { ids }: Seen, model: BackendModel): Promise<void> {
  await backend.gate(['a', 'b'].flatMap((queue) => [{}, { task: 'task' }, { key: 'k' }, { key: 'l' }, { key: '*' }].map((name) => ({ queue, ...name, rule: null, paused: false }))))
  await clock.advance(10_000)
  for (let idle = 0; idle < 3;) {
    const { deliveries, nextDue } = await backend.reserve({ worker: 'after', queues: ['a', 'b', 'linked', 'the last'], room: Object.fromEntries(lines.map((line) => [line, 100])), lease: 60_000 })
    const { stale } = await backend.settle(deliveries.map(({ job, token }) => ({ job, token, outcome: { event: 'succeed', result, spent } })))
    expect(stale).toEqual([])
    const { rescued, buried } = await backend.sweep(Infinity)
    if (nextDue > 0 && nextDue < Infinity) await clock.advance(nextDue)
    idle = deliveries.length + rescued.length + buried.length === 0 && nextDue === Infinity ? idle + 1 : 0
  }
  const all = await backend.list({ limit: 1_000 })
  for (const job of all) expect(isFinal(job.state), `${job.id} is ${job.state}`).toBe(true)
  const had = new Set(model.jobs.map(({ id }) => id))
  expect(ids.filter((id) => had.has(id) && !all.some((job) => job.id === id)), 'what was there is not lost').toEqual([])
  const { queues } = await backend.stats()
  for (const [queue, counts] of Object.entries(queues)) {
    expect(counts, queue).toEqual(Object.fromEntries(jobStates.map((state) => [state, all.filter((job) => job.queue === queue && job.state === state).length])))
  }
  await backend.leave('after')
  await backend.purge({ states: finalStates, olderThan: 0, limit: 1_000 })
  await clock.advance(2_000)
  await backend.sweep(Infinity)
  expect(await backend.list({ limit: 10 })).toEqual([])
  expect(await backend.gates()).toEqual([])
  expect(await place.leftovers()).toEqual([])
}
