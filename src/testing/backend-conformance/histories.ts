import { BackendModel } from '../backend-model.ts'
import type { Bench, Cases } from './bench.ts'
import { events, lastOf } from './bus.ts'
import { type Seen, type Step, askOf, lookAt, lookAtModel, stepsOf } from './steps.ts'

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
  for (const [at, step] of history.entries()) {
    const backend = handles[at % count]!
    const story = `step ${at + 1}, ${step.does}`
    const ask = askOf(step, { seen, known: model.jobs, clock, gated })
    const got = await ask.backend(backend)
    expect(got, story).toEqual(ask.model(model))
    expect(await lookAt(backend, seen, gated), story).toEqual(lookAtModel(model, seen, gated))
  }
  if (!ear) return
  const told = (await ear.until(await lastOf(handles[0]!))).filter((event) => 'job' in event).slice(0, -1)
  expect(Object.groupBy(told, ({ job }) => job), 'what was told of each job, in order').toEqual(Object.groupBy(model.news, ({ job }) => job))
}
