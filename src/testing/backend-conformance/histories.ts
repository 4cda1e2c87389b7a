import { BackendModel } from '../backend-model.ts'
import type { Bench, Cases } from './bench.ts'
import { events, lastOf } from './bus.ts'
import type { Delivery } from '../../backends/broker.ts'
import { type Seen, type Step, askOf, lookAt, lookAtModel, stepsOf, workers } from './steps.ts'

export const historyCases: Cases = {
  'after each step of a random history it is where the model is': (bench) => replayRandomly(bench, { handles: 1, share: 1 }),
  'so it is where two handles take the steps in turn': (bench) => replayRandomly(bench, { handles: 2, share: 1 / 3 }),
  'so it is where jobs have keys, and queues have gates': (bench) => replayRandomly(bench, { handles: 1, share: 1 / 3, gated: true }),
  'so it is where most jobs are usual': (bench) => replayRandomly(bench, { handles: 1, share: 1 / 3, usual: true })
}

interface Replaying {
  /** How many there are on the same jobs. */
  readonly handles: number
  /** Of the histories that the suite is to replay. */
  readonly share: number
  readonly gated?: boolean
  readonly usual?: boolean
}

/** Some are heard: then backends may not go the ways that are short because nobody is told. */
async function replayRandomly(bench: Bench, { handles, share, gated = false, usual = false }: Replaying): Promise<void> {
  const fc = await import('fast-check')
  await fc.assert(
    fc.asyncProperty(fc.array(stepsOf(fc, { gated, usual }), { minLength: gated || usual ? 20 : 0, maxLength: gated || usual ? 60 : 30, size: 'max' }), usual ? fc.constant(false) : fc.boolean(), (history, isHeard) => replay(history, { handles, gated, isHeard }, bench)),
    { numRuns: Math.ceil(bench.histories.runs * share), ...(bench.histories.seed === undefined ? {} : { seed: bench.histories.seed }) }
  )
}

async function replay(history: readonly Step[], { handles: count, gated, isHeard }: { handles: number, gated: boolean, isHeard: boolean }, { fresh, clock, expect }: Bench): Promise<void> {
  await using place = fresh()
  const handles = await Promise.all(Array.from({ length: count }, () => place.open()))
  const model = new BackendModel(clock.now())
  using ear = isHeard ? await events(handles.at(-1)!) : undefined
  const seen: Seen = { ids: [], deliveries: [] }
  const handed = new Handed()
  for (const worker of workers) handles[0]!.receive?.(worker, (delivery) => handed.take(delivery))
  for (const [at, step] of history.entries()) {
    const backend = handles[at % count]!
    const story = `step ${at + 1}, ${step.does}`
    const ask = askOf(step, { seen, known: model.jobs, clock, gated })
    const got = await ask.backend(backend)
    expect(got, story).toEqual(ask.model(model))
    // Whether a job that is published is handed to somebody who waits, and to whom, is the backend's affair, where that could have asked for it.
    for (const { id } of step.does === 'publish' ? model.jobs.filter(({ state }) => state === 'ready') : []) {
      const [now] = await backend.read([id])
      if (now?.state !== 'active') continue
      expect(model.hand(id, now.worker!), `${story}: to whom it was handed`).toEqual(await handed.of(id))
      seen.deliveries.unshift({ job: id, token: now.token })
    }
    expect(await lookAt(backend, seen, gated), story).toEqual(lookAtModel(model, seen, gated))
  }
  if (!ear) return
  const told = (await ear.until(await lastOf(handles[0]!))).filter((event) => 'job' in event).slice(0, -1)
  expect(Object.groupBy(told, ({ job }) => job), 'what was told of each job, in order').toEqual(Object.groupBy(model.news, ({ job }) => job))
}

/** What workers were handed, or will have been soon. */
class Handed {
  readonly #deliveries = new Map<string, PromiseWithResolvers<Delivery>>()

  take(delivery: Delivery): void {
    this.#entry(delivery.job).resolve(delivery)
  }

  of(job: string): Promise<Delivery> {
    return this.#entry(job).promise
  }

  #entry(job: string): PromiseWithResolvers<Delivery> {
    let entry = this.#deliveries.get(job)
    if (!entry) this.#deliveries.set(job, entry = Promise.withResolvers())
    return entry
  }
}
