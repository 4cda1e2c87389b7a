import type * as FastCheck from 'fast-check'
import type { Backend } from '../../backends/backend.ts'
import type { AttemptRef, Reservation, ReserveRequest, Settlement, Sweep } from '../../backends/broker.ts'
import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import { type Job, type NewJob, lines } from '../../jobs/job.ts'
import type { Link } from '../../jobs/link.ts'
import { type FinalState, finalStates } from '../../jobs/states.ts'
import type { UniqueRule } from '../../jobs/unique.ts'
import type { Progress } from '../../tasks/progress.ts'
import { places } from '../../tasks/task.ts'
import type { BackendModel } from '../backend-model.ts'
import { type Bench, bytes, error, result, spent } from './bench.ts'

type Outcome = Settlement['outcome']

/** One thing that somebody does. Jobs and deliveries are named by number, of those that there are by then. */
export type Step =
  | { readonly does: 'publish', readonly jobs: readonly (Omit<NewJob, 'id' | 'payload' | 'unique' | 'links' | 'key' | 'ordered'> & { readonly unique: UniqueRule | undefined, readonly of: Pick<NewJob, 'key' | 'ordered'>, readonly again: number | undefined, readonly follower: Link['on'] | undefined })[] }
  | { readonly does: 'reserve', readonly request: ReserveRequest }
  | { readonly does: 'settle', readonly ends: readonly { readonly delivery: number, readonly outcome: Outcome }[], readonly next: ReserveRequest | undefined }
  /** With success, so many of the deliveries that are under way: the latest. */
  | { readonly does: 'succeed', readonly latest: number, readonly next: ReserveRequest | undefined }
  | { readonly does: 'extend', readonly worker: string, readonly held: readonly number[], readonly lease: number, readonly unanswered: number }
  | { readonly does: 'sweep' }
  | { readonly does: 'leave' | 'announce', readonly worker: string }
  | { readonly does: 'report', readonly deliveries: readonly number[], readonly progress: Progress }
  | { readonly does: 'cancel' | 'revive', readonly jobs: readonly number[] }
  | { readonly does: 'purge', readonly states: readonly FinalState[], readonly olderThan: number, readonly limit: number }
  | { readonly does: 'gate', readonly changes: readonly (GateName & GateChange)[] }
  | { readonly does: 'pass', readonly ms: number }

/** Who takes part. */
export const workers: readonly string[] = ['worker-1', 'worker-2', 'worker-3']

export interface StepKind {
  /** Jobs have keys, and queues gates. */
  readonly gated: boolean
  /** The ends of some jobs publish others, into a queue of which nothing is taken: in what order those arrive is not looked at. */
  readonly linked?: boolean
  /** Most jobs are as most jobs are elsewhere: for these backends have ways of their own. */
  readonly usual?: boolean
}

export function stepsOf(fc: typeof FastCheck, { gated, linked = false, usual = false }: StepKind): FastCheck.Arbitrary<Step> {
  const some = fc.nat(40)
  const worker = fc.constantFrom(...workers)
  const lease = fc.constantFrom(50, 300, 2_000)
  const request = fc.record({
    worker,
    lease,
    queues: gated ? fc.constantFrom(['a'], ['a'], ['a', 'b']) : fc.constantFrom(['a'], ['b'], ['a', 'b'], ['b', 'a', 'b', 'none'], []),
    room: fc.record(Object.fromEntries(lines.map((line) => [line, fc.nat(gated ? 4 : 2)])), { requiredKeys: gated ? ['thread'] : [] }),
    waits: fc.boolean()
  })
  const outcome: FastCheck.Arbitrary<Outcome> = fc.oneof(
    { weight: usual ? 20 : 1, arbitrary: fc.constant<Outcome>({ event: 'succeed', result, spent }) },
    fc.record({ event: fc.constant('retry' as const), delay: fc.constantFrom(0, 33.3, 400), error: fc.constant(error), died: fc.boolean() }),
    fc.constantFrom<Outcome>({ event: 'fail', error, spent }, { event: 'fail', error, died: true }, { event: 'release' }, { event: 'stop' }, { event: 'bury', error }, { event: 'defer', delay: 90, error })
  )
  const anyJob = fc.record({
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
    cost: gated ? fc.constantFrom(1, 1, 3, 0.5) : fc.constant(1),
    follower: linked ? fc.constantFrom(undefined, undefined, 'success' as const, 'failure' as const) : fc.constant(undefined)
  })
  const plain = anyJob.map((job): typeof job => ({ ...job, queue: 'a', priority: 0, delay: 0, expires: Infinity, tags: [], unique: undefined, again: undefined, of: {}, cost: 1, follower: undefined }))
  const job = fc.oneof({ weight: usual ? 30 : 1, arbitrary: plain }, { weight: usual ? 1 : 4, arbitrary: anyJob })
  const jobs = fc.oneof(fc.array(job, { maxLength: 4 }), plain.map((one) => [one]), ...usual ? [fc.tuple(plain, fc.integer({ min: 8, max: 10 })).map(([one, many]) => Array.from({ length: many }, () => one))] : [])
  const gate = fc.record({
    name: fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom({}, { task: 'task' }, { key: 'k' }, { key: 'l' }, { key: '*' })).map(([queue, of]): GateName => ({ queue, ...of })),
    change: fc.constantFrom<GateChange>(
      { rule: { concurrency: 1 } }, { rule: { concurrency: 3, weight: 3 } }, { rule: { rate: { limit: 2, per: 100 } } }, { rule: { rate: { limit: 1, per: 30 }, concurrency: 2 } }, { rule: null },
      { rule: { weight: 3 } }, { rule: { weight: 0.3 } }, { paused: true }, { paused: false }, { holdFor: 40 }
    )
  }).map(({ name, change }) => ({ ...name, ...(name.key === '*' && change.rule === undefined ? { rule: null } : change) }))
  const next = fc.option(request, { nil: undefined })
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant('publish' as const), jobs }) },
    { weight: gated ? 8 : 4, arbitrary: fc.record({ does: fc.constant('reserve' as const), request }) },
    { weight: gated ? 8 : usual ? 1 : 4, arbitrary: fc.record({
      does: fc.constant('settle' as const),
      ends: fc.array(fc.record({ delivery: some, outcome }), { maxLength: 5 }),
      next
    }) },
    { weight: usual ? 12 : 1, arbitrary: fc.record({ does: fc.constant('succeed' as const), latest: fc.nat(6), next }) },
    ...gated ? [{ weight: 3, arbitrary: fc.record({ does: fc.constant('gate' as const), changes: fc.array(gate, { maxLength: 2 }) }) }] : [],
    { weight: 3, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: usual ? fc.constantFrom(0.5, 10, 33, 33, 33, 300) : fc.constantFrom(0.5, 10, 33, 300, 2_500) }) },
    { weight: usual ? 1 : 2, arbitrary: fc.record({ does: fc.constantFrom('cancel' as const, 'revive' as const), jobs: fc.array(some, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('purge' as const), states: fc.subarray([...finalStates]), olderThan: fc.constantFrom(0, 1_000), limit: fc.constant(1_000) }) },
    { weight: usual ? 1 : 2, arbitrary: fc.record({ does: fc.constant('sweep' as const) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('extend' as const), worker, held: fc.array(some, { maxLength: 4 }), lease: fc.constantFrom(5, 50, 300, 2_000), unanswered: fc.constantFrom(0, 0, 20, 500) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('leave' as const, 'announce' as const), worker }) },
    { weight: 1, arbitrary: fc.record({
      does: fc.constant('report' as const),
      deliveries: fc.array(some, { maxLength: 3 }),
      progress: fc.constantFrom({ done: 1 }, { done: 0.5, total: 2 }, { done: 3, total: 3, note: 'all' })
    }) }
  )
}

/** Every job that was published, and every delivery that somebody was told of, the latest first. */
export interface Seen {
  readonly ids: string[]
  readonly deliveries: AttemptRef[]
}

/** What a step asks: of the model, and of a backend; what they answer can be compared. */
export interface Ask {
  readonly model: (model: BackendModel) => unknown
  readonly backend: (backend: Backend) => Promise<unknown>
  /** The job that is published, where that is one alone: it may be handed to a worker that waits. */
  readonly alone?: string
}

/** @param known the jobs that there are */
export function askOf(step: Step, { seen, known, clock, gated, linked = false }: StepKind & { readonly seen: Seen, readonly known: readonly Job[], readonly clock: Bench['clock'] }): Ask {
  const jobAt = (at: number): string => seen.ids[at % (seen.ids.length + 1)] ?? 'nobody-knows'
  const deliveryAt = (at: number): AttemptRef => seen.deliveries[at % (seen.deliveries.length + 1)] ?? { job: 'nobody-knows', token: 1 }
  const noted = (reservation: Reservation | undefined): unknown => {
    seen.deliveries.unshift(...(reservation?.deliveries ?? []).map(({ job, token }) => ({ job, token })))
    return sorted(reservation, gated)
  }
  const settling = (settlements: readonly Settlement[], next: ReserveRequest | undefined): Ask => ({
    model(model) {
      const { stale, reservation } = model.settle(settlements, next)
      return [stale, sorted(reservation, gated)]
    },
    async backend(backend) {
      const { stale, reservation } = await backend.settle(settlements, next)
      return [stale, noted(reservation)]
    }
  })
  switch (step.does) {
    case 'publish': {
      let made = seen.ids.length
      const jobs = step.jobs.map(({ again, unique, of, follower, cost, ...common }): NewJob => {
        const job = { ...common, ...(cost === 1 ? {} : { cost }) }
        // One that was purged would be as new, with an id that is not. Who publishes again publishes the same, so to the same queue.
        const republished = again === undefined || known.length === 0 ? undefined : known[again % known.length]!
        const id = republished?.id ?? `job-${String(made++).padStart(4, '0')}`
        const links = follower && [{ on: follower, job: { ...job, id: `${id}-then`, queue: 'linked', delay: 0, expires: Infinity, payload: bytes('then') } }]
        return { ...job, ...(unique ? { unique } : {}), queue: republished?.queue ?? job.queue, id, ...of, payload: bytes(id), ...(links ? { links } : {}) }
      })
      for (const id of jobs.flatMap(({ id: own, links = [] }) => [own, ...links.map(({ job }) => job.id)])) if (!seen.ids.includes(id)) seen.ids.push(id)
      return { model: (model) => model.publish(jobs), backend: (backend) => backend.publish(jobs), ...(jobs.length === 1 ? { alone: jobs[0]!.id } : {}) }
    }
    case 'reserve':
      return { model: (model) => sorted(model.reserve(step.request), gated), backend: async (backend) => noted(await backend.reserve(step.request)) }
    case 'settle':
      return settling(step.ends.map(({ delivery, outcome }) => ({ ...deliveryAt(delivery), outcome })), step.next)
    case 'succeed': {
      const underWay = seen.deliveries.filter((one) => known.some(({ id, state, token }) => id === one.job && token === one.token && state === 'active'))
      return settling(underWay.slice(0, step.latest).map((one) => ({ ...one, outcome: { event: 'succeed', result, spent } })), step.next)
    }
    case 'extend': {
      const held = step.held.map(deliveryAt)
      return { model: (model) => model.extend(step.worker, held, step.lease, step.unanswered), backend: (backend) => backend.extend(step.worker, held, step.lease, undefined, step.unanswered) }
    }
    case 'sweep': {
      const inOrder = ({ rescued, buried, stalled }: Sweep): unknown => ({ rescued: rescued.toSorted(byJob), buried: buried.toSorted(), stalled })
      return { model: (model) => inOrder(model.sweep()), backend: async (backend) => inOrder(await backend.sweep(Infinity)) }
    }
    case 'announce':
      return { model: (model) => model.announce(step.worker), backend: (backend) => backend.announce(step.worker) }
    case 'report': {
      const reports = step.deliveries.map((at) => ({ ...deliveryAt(at), progress: step.progress }))
      return { model: (model) => model.report(reports), backend: (backend) => backend.report(reports) }
    }
    case 'leave':
      return { model: (model) => model.leave(step.worker), backend: (backend) => backend.leave(step.worker) }
    case 'purge': {
      const inOrder = (jobs: readonly string[]): readonly string[] => linked ? jobs.toSorted() : jobs
      return { model: (model) => inOrder(model.purge(step)), backend: async (backend) => inOrder((await backend.purge(step)).jobs) }
    }
    case 'cancel':
    case 'revive': {
      const changes = step.jobs.map((at) => ({ job: jobAt(at), event: step.does }))
      return { model: (model) => model.commit(changes), backend: (backend) => backend.commit(changes) }
    }
    case 'gate':
      return { model: (model) => model.gate(step.changes), backend: (backend) => backend.gate(step.changes) }
    case 'pass':
      return { model: (model) => { model.now = clock.now() }, backend: () => clock.advance(step.ms) }
  }
}

/** All that can be seen of a backend. */
export async function lookAt(backend: Backend, { ids }: Seen, gated: boolean): Promise<unknown> {
  const [jobs, stories, stats, gates] = [await backend.read(ids), await Promise.all(ids.map((id) => backend.story(id))), await backend.stats(), await backend.gates()]
  return { jobs, histories: stories.map((story) => story?.history), stats: sortedStats(stats, gated), gates: sortedGates(gates) }
}

/** The same of the model. */
export function lookAtModel(model: BackendModel, { ids }: Seen, gated: boolean): unknown {
  return {
    jobs: ids.map((id) => model.jobs.find((job) => job.id === id)), histories: ids.map((id) => model.history(id)),
    stats: sortedStats(model.stats(), gated), gates: sortedGates(model.gates())
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
