import type * as FastCheck from 'fast-check'
import type { Backend } from '../../backends/backend.ts'
import type { AttemptRef, Reservation, ReserveRequest, Settlement } from '../../backends/broker.ts'
import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import { type NewJob, lines } from '../../jobs/job.ts'
import { type FinalState, finalStates } from '../../jobs/states.ts'
import type { UniqueRule } from '../../jobs/unique.ts'
import type { Progress } from '../../tasks/progress.ts'
import { places } from '../../tasks/task.ts'
import { BackendModel } from '../backend-model.ts'
import { type Bench, type Cases, bytes, error, result, spent } from './bench.ts'
import { events, lastOf } from './bus.ts'

type Outcome = Settlement['outcome']

/** One thing that somebody does. Jobs and deliveries are named by number, of those that there are by then. */
type Step =
  | { readonly does: 'publish', readonly jobs: readonly (Omit<NewJob, 'id' | 'payload' | 'unique' | 'links' | 'key' | 'ordered'> & { readonly unique: UniqueRule | undefined, readonly of: Pick<NewJob, 'key' | 'ordered'>, readonly again: number | undefined })[] }
  | { readonly does: 'reserve', readonly request: ReserveRequest }
  | { readonly does: 'settle', readonly ends: readonly { readonly delivery: number, readonly outcome: Outcome }[], readonly next: ReserveRequest | undefined }
  | { readonly does: 'extend', readonly worker: string, readonly held: readonly number[], readonly lease: number }
  | { readonly does: 'sweep' }
  | { readonly does: 'leave' | 'announce', readonly worker: string }
  | { readonly does: 'report', readonly deliveries: readonly number[], readonly progress: Progress }
  | { readonly does: 'cancel' | 'revive', readonly jobs: readonly number[] }
  | { readonly does: 'purge', readonly states: readonly FinalState[], readonly olderThan: number, readonly limit: number }
  | { readonly does: 'gate', readonly changes: readonly (GateName & GateChange)[] }
  | { readonly does: 'pass', readonly ms: number }

/** @param gated whether jobs have keys, and queues gates */
function steps(fc: typeof FastCheck, gated: boolean): FastCheck.Arbitrary<Step[]> {
  const some = fc.nat(40)
  const worker = fc.constantFrom('worker-1', 'worker-2', 'worker-3')
  const lease = fc.constantFrom(50, 300, 2_000)
  const request = fc.record({
    worker,
    lease,
    queues: gated ? fc.constantFrom(['a'], ['a'], ['a', 'b']) : fc.constantFrom(['a'], ['b'], ['a', 'b'], ['b', 'a', 'b', 'none'], []),
    room: fc.record(Object.fromEntries(lines.map((line) => [line, fc.nat(gated ? 4 : 2)])), { requiredKeys: gated ? ['thread'] : [] })
  })
  const outcome: FastCheck.Arbitrary<Outcome> = fc.oneof(
    fc.constant<Outcome>({ event: 'succeed', result, spent }),
    fc.record({ event: fc.constant('retry' as const), delay: fc.constantFrom(0, 33.3, 400), error: fc.constant(error), died: fc.boolean() }),
    fc.constantFrom<Outcome>({ event: 'fail', error, spent }, { event: 'fail', error, died: true }, { event: 'release' }, { event: 'stop' }, { event: 'bury', error }, { event: 'defer', delay: 90, error })
  )
  const job = fc.record({
    // With gates most meet in one line: so they are in each other's way.
    queue: gated ? fc.constantFrom('a', 'a', 'a', 'b') : fc.constantFrom('a', 'b'),
    place: gated ? fc.constantFrom('thread' as const, 'thread' as const, 'thread' as const, 'loop' as const) : fc.constantFrom(...places),
    priority: gated ? fc.constantFrom(0, 0, 0, 1) : fc.integer({ min: -1, max: 1 }),
    delay: fc.constantFrom(0, 0, 0, 20, 20.5, ...gated ? [0, 0, 0] : [700]),
    expires: fc.constantFrom(Infinity, Infinity, ...gated ? [Infinity, Infinity, Infinity] : [], 30, 500),
    tags: fc.constantFrom([], [], ['x'], ['x', 'y']),
    unique: fc.option(fc.record({
      key: fc.constantFrom('k', 'l'), window: fc.constantFrom(0, 0, 60, 1_000), taken: fc.constantFrom('reject' as const, 'merge' as const, 'replace' as const)
    }), { nil: undefined, freq: 2 }),
    again: fc.option(some, { nil: undefined, freq: 8 }),
    task: gated ? fc.constantFrom('task', 'other') : fc.constant('task'),
    of: gated ? fc.constantFrom<Pick<NewJob, 'key' | 'ordered'>>({}, { key: 'k' }, { key: 'l' }, { key: 'l', ordered: true }, { key: 'm', ordered: true }) : fc.constant({}),
    cost: gated ? fc.constantFrom(1, 1, 3, 0.5) : fc.constant(1)
  })
  const gate = fc.record({
    name: fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom({}, { task: 'task' }, { key: 'k' }, { key: 'l' }, { key: '*' })).map(([queue, of]): GateName => ({ queue, ...of })),
    change: fc.constantFrom<GateChange>(
      { rule: { concurrency: 1 } }, { rule: { concurrency: 3, weight: 3 } }, { rule: { rate: { limit: 2, per: 100 } } }, { rule: { rate: { limit: 1, per: 30 }, concurrency: 2 } }, { rule: null },
      { rule: { weight: 3 } }, { rule: { weight: 0.3 } }, { paused: true }, { paused: false }, { holdFor: 40 }
    )
  }).map(({ name, change }) => ({ ...name, ...(name.key === '*' && change.rule === undefined ? { rule: null } : change) }))
  const step: FastCheck.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant('publish' as const), jobs: fc.array(job, { maxLength: 4 }) }) },
    { weight: gated ? 8 : 4, arbitrary: fc.record({ does: fc.constant('reserve' as const), request }) },
    { weight: gated ? 8 : 4, arbitrary: fc.record({
      does: fc.constant('settle' as const),
      ends: fc.array(fc.record({ delivery: some, outcome }), { maxLength: 5 }),
      next: fc.option(request, { nil: undefined })
    }) },
    ...gated ? [{ weight: 3, arbitrary: fc.record({ does: fc.constant('gate' as const), changes: fc.array(gate, { maxLength: 2 }) }) }] : [],
    { weight: 3, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.constantFrom(0.5, 10, 33, 300, 2_500) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('cancel' as const, 'revive' as const), jobs: fc.array(some, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('purge' as const), states: fc.subarray([...finalStates]), olderThan: fc.constantFrom(0, 1_000), limit: fc.constant(1_000) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('sweep' as const) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('extend' as const), worker, held: fc.array(some, { maxLength: 4 }), lease }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('leave' as const, 'announce' as const), worker }) },
    { weight: 1, arbitrary: fc.record({
      does: fc.constant('report' as const),
      deliveries: fc.array(some, { maxLength: 3 }),
      progress: fc.constantFrom({ done: 1 }, { done: 0.5, total: 2 }, { done: 3, total: 3, note: 'all' })
    }) }
  )
  return fc.array(step, { minLength: gated ? 20 : 0, maxLength: gated ? 60 : 30, size: 'max' })
}

export const historyCases: Cases = {
  'after each step of a random history it is where the model is': (bench) => replayRandomly(bench, { handles: 1, share: 1 }),
  'so it is where two handles take the steps in turn': (bench) => replayRandomly(bench, { handles: 2, share: 1 / 3 }),
  'so it is where jobs have keys, and queues have gates': (bench) => replayRandomly(bench, { handles: 1, share: 1 / 3, gated: true })
}

interface Replaying {
  /** How many there are on the same jobs. */
  readonly handles: number
  /** Of the histories that the suite is to replay. */
  readonly share: number
  readonly gated?: boolean
}

/** Some are heard: then backends may not go the ways that are short because nobody is told. */
async function replayRandomly(bench: Bench, { handles, share, gated = false }: Replaying): Promise<void> {
  const fc = await import('fast-check')
  await fc.assert(
    fc.asyncProperty(steps(fc, gated), fc.boolean(), (history, isHeard) => replay(history, { handles, gated, isHeard }, bench)),
    { numRuns: Math.ceil(bench.histories.runs * share), ...(bench.histories.seed === undefined ? {} : { seed: bench.histories.seed }) }
  )
}

async function replay(history: readonly Step[], { handles: count, gated, isHeard }: { handles: number, gated: boolean, isHeard: boolean }, { fresh, clock, expect }: Bench): Promise<void> {
  await using place = fresh()
  const handles = await Promise.all(Array.from({ length: count }, () => place.open()))
  const model = new BackendModel(clock.now())
  using ear = isHeard ? await events(handles.at(-1)!) : undefined
  const seen: Seen = { ids: [], deliveries: [] }
  for (const [at, step] of history.entries()) {
    const backend = handles[at % count]!
    const [expected, got] = await take(step, { backend, model, clock, seen, gated })
    const story = `step ${at + 1}, ${step.does}`
    expect(got, story).toEqual(expected)
    expect(await backend.read(seen.ids), story).toEqual(seen.ids.map((id) => model.jobs.find((job) => job.id === id)))
    for (const id of seen.ids) expect((await backend.story(id))?.history, story).toEqual(model.history(id))
    expect(sortedStats(await backend.stats(), gated), story).toEqual(sortedStats(model.stats(), gated))
    expect(sortedGates(await backend.gates()), story).toEqual(sortedGates(model.gates()))
  }
  if (!ear) return
  const told = (await ear.until(await lastOf(handles[0]!))).filter((event) => 'job' in event).slice(0, -1)
  expect(Object.groupBy(told, ({ job }) => job), 'what was told of each job, in order').toEqual(Object.groupBy(model.news, ({ job }) => job))
}

/** Every job that was published and every delivery that was made, in order. */
interface Seen {
  readonly ids: string[]
  readonly deliveries: AttemptRef[]
}

interface Stage {
  readonly backend: Backend
  readonly model: BackendModel
  readonly clock: Bench['clock']
  readonly seen: Seen
  readonly gated: boolean
}

/** Takes a step on both; what the model answered, and what the backend did. */
async function take(step: Step, { backend, model, clock, seen, gated }: Stage): Promise<[unknown, unknown]> {
  const jobAt = (at: number): string => seen.ids[at % (seen.ids.length + 1)] ?? 'nobody-knows'
  const deliveryAt = (at: number): AttemptRef => seen.deliveries[at % (seen.deliveries.length + 1)] ?? { job: 'nobody-knows', token: 1 }
  const note = (reservation: Reservation | undefined): void => {
    seen.deliveries.unshift(...(reservation?.deliveries ?? []).map(({ job, token }) => ({ job, token })))
  }
  switch (step.does) {
    case 'publish': {
      let made = seen.ids.length
      const jobs = step.jobs.map(({ again, unique, of, ...job }): NewJob => {
        // One that was purged would be as new, with an id that is not. Who publishes again publishes the same, so to the same queue.
        const known = again === undefined || model.jobs.length === 0 ? undefined : model.jobs[again % model.jobs.length]!
        const id = known?.id ?? `job-${String(made++).padStart(4, '0')}`
        return { ...job, ...(unique ? { unique } : {}), queue: known?.queue ?? job.queue, id, ...of, payload: bytes(id) }
      })
      seen.ids.push(...jobs.map(({ id }) => id).filter((id) => !seen.ids.includes(id)))
      return [model.publish(jobs), await backend.publish(jobs)]
    }
    case 'reserve': {
      const expected = model.reserve(step.request)
      note(expected)
      return [sorted(expected, gated), sorted(await backend.reserve(step.request), gated)]
    }
    case 'settle': {
      const settlements = step.ends.map(({ delivery, outcome }) => ({ ...deliveryAt(delivery), outcome }))
      const expected = model.settle(settlements, step.next)
      note(expected.reservation)
      const got = await backend.settle(settlements, step.next)
      return [[expected.stale, sorted(expected.reservation, gated)], [got.stale, sorted(got.reservation, gated)]]
    }
    case 'extend': {
      const held = step.held.map(deliveryAt)
      return [model.extend(step.worker, held, step.lease), await backend.extend(step.worker, held, step.lease)]
    }
    case 'sweep': {
      const [expected, got] = [model.sweep(), await backend.sweep(Infinity)]
      return [expected, got].map(({ rescued, buried, stalled }) => ({ rescued: rescued.toSorted(byJob), buried: buried.toSorted(), stalled })) as [unknown, unknown]
    }
    case 'announce':
      return [model.announce(step.worker), await backend.announce(step.worker)]
    case 'report': {
      const reports = step.deliveries.map((at) => ({ ...deliveryAt(at), progress: step.progress }))
      return [model.report(reports), await backend.report(reports)]
    }
    case 'leave':
      return [model.leave(step.worker), await backend.leave(step.worker)]
    case 'purge':
      return [model.purge(step), (await backend.purge(step)).jobs]
    case 'cancel':
    case 'revive': {
      const changes = step.jobs.map((at) => ({ job: jobAt(at), event: step.does }))
      return [model.commit(changes), await backend.commit(changes)]
    }
    case 'gate':
      return [model.gate(step.changes), await backend.gate(step.changes)]
    case 'pass':
      await clock.advance(step.ms)
      model.now = clock.now()
      return [undefined, undefined]
  }
}

/** @param gated when a gate opens, and how old what waits before it is, a backend knows only of those that it has come to */
function sorted(reservation: Reservation | undefined, gated: boolean): unknown {
  return reservation && { ...reservation, cancelling: reservation.cancelling.toSorted(byJob), ...(gated ? { nextDue: 0 } : {}) }
}

function sortedGates(gates: readonly Gate[]): readonly Gate[] {
  return gates.toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
}

function sortedStats({ queues, workers, oldestReady }: ReturnType<BackendModel['stats']>, gated: boolean): unknown {
  // A backend may know a queue by its gates alone.
  const own = gated ? Object.fromEntries(Object.entries(queues).filter(([, counts]) => Object.values(counts).some((count) => count > 0))) : queues
  return { queues: own, oldestReady: gated ? 0 : oldestReady, workers: workers.toSorted((a, b) => a.id < b.id ? -1 : 1) }
}

function byJob(a: AttemptRef, b: AttemptRef): number {
  return a.job < b.job ? -1 : 1
}
