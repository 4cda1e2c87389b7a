import type { Client } from '../../client/client.ts'
import { local } from '../../client/local.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Progress } from './progress.ts'
import { StallMeter } from './stall.ts'
import { downloadOnLoop, downloadOnThread, invertOnLoop, invertOnThread, nothingOnLoop, nothingOnThread, processorTime } from './tasks.ts'

export type WhereRun = 'loop' | 'thread' | 'queue'
export type Kind = 'IO' | 'CPU'

/** The same calls in one place; times in milliseconds. */
export interface PlaceRun {
  readonly kind: Kind
  readonly task: string
  readonly place: WhereRun
  readonly calls: number
  readonly wall: number
  /** Processor time of caller and worker together. */
  readonly cpu: number
  readonly stall: number
  /** What a call costs that does nothing, where many are made at once. */
  readonly costOfMany: number
  /** The same, where each waits for the one before. */
  readonly costOfOne: number
  /** From this run time of a call on, many of them are done sooner than by calling the function here; undefined for never. */
  readonly paysFrom: number | undefined
}

/** One way to run the two tasks, and to do nothing. */
interface Bench {
  readonly place: WhereRun
  readonly download: () => Promise<unknown>
  readonly invert: () => Promise<unknown>
  readonly nothing: (kind: Kind) => Promise<unknown>
  /** Processor time so far, in milliseconds. */
  readonly cpu: () => Promise<number>
  readonly many: number
  readonly one: number
}

export interface PlacesOptions {
  readonly client: Client
  readonly server: string
  readonly file: string
  readonly matrix: string
  readonly folder: string
  readonly progress: Progress
}

const calls: Readonly<Record<Kind, number>> = { IO: 12, CPU: 24 }
const matrixSize = 240

/** A place must be faster than the loop by more than chance before it can be said to pay. */
const noise = 1.2

/** Runs one IO and one CPU task on the caller's loop, on its threads, and through the queue. */
export async function comparePlaces({ client, server, file, matrix, folder, progress }: PlacesOptions): Promise<readonly PlaceRun[]> {
  await using here = local()
  const benches: readonly Bench[] = [
    {
      place: 'loop',
      many: 5_000,
      one: 500,
      download: () => here.run(downloadOnLoop, server, file, folder),
      invert: () => here.run(invertOnLoop, matrix, matrixSize),
      nothing: () => here.run(nothingOnLoop),
      cpu: async () => processorTime()
    },
    {
      place: 'thread',
      many: 5_000,
      one: 500,
      download: () => here.run(downloadOnThread, server, file, folder),
      invert: () => here.run(invertOnThread, matrix, matrixSize),
      nothing: () => here.run(nothingOnThread),
      cpu: async () => processorTime()
    },
    {
      place: 'queue',
      many: 1_000,
      one: 100,
      download: async () => (await client.enqueue(downloadOnLoop, server, file, folder)).result(),
      invert: async () => (await client.enqueue(invertOnThread, matrix, matrixSize)).result(),
      nothing: async (kind) => (await client.enqueue(kind === 'IO' ? nothingOnLoop : nothingOnThread)).result(),
      cpu: async () => processorTime() + await (await client.enqueue(processorTime)).result()
    }
  ]
  const bar = progress.bar('in each place', 2 * benches.length)
  const runs: PlaceRun[] = []
  for (const kind of ['IO', 'CPU'] as const) {
    let onLoop: Measured | undefined
    for (const bench of benches) {
      const measured = await measure(bench, kind)
      onLoop ??= measured
      const task = kind === 'IO' ? 'download' : 'invertMatrix'
      runs.push({ kind, task, place: bench.place, calls: calls[kind], ...measured, paysFrom: paysFrom(measured, onLoop) })
      bar.advance()
    }
  }
  bar.end()
  return runs
}

type Measured = Pick<PlaceRun, 'wall' | 'cpu' | 'stall' | 'costOfMany' | 'costOfOne'>

async function measure(bench: Bench, kind: Kind): Promise<Measured> {
  const work = kind === 'IO' ? bench.download : bench.invert
  const nothing = (): Promise<unknown> => bench.nothing(kind)
  // Not measured: threads start, code is compiled, connections open.
  await atOnce(work, calls.IO)
  const { result, stall } = await new StallMeter().during(async () => {
    const before = await bench.cpu()
    const wall = await timed(() => atOnce(work, calls[kind]))
    return { wall, cpu: await bench.cpu() - before }
  })
  await atOnce(nothing, bench.many / 5)
  const many = await timed(() => atOnce(nothing, bench.many))
  const one = await timed(async () => {
    for (let call = 0; call < bench.one; call++) await nothing()
  })
  return { ...result, stall, costOfMany: many / bench.many, costOfOne: one / bench.one }
}

/**
 * Of many plain calls each takes t ms; elsewhere t/p + cost, where p is how many times sooner the measured task was done there.
 * So the place pays where t > cost · p/(p − 1): never, where p is 1.
 */
export function paysFrom(there: Pick<PlaceRun, 'wall' | 'costOfMany'>, onLoop: Pick<PlaceRun, 'wall'>): number | undefined {
  const p = onLoop.wall / there.wall
  return p < noise ? undefined : there.costOfMany * p / (p - 1)
}

async function atOnce(call: () => Promise<unknown>, times: number): Promise<void> {
  await Promise.all(Array.from({ length: times }, call))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = systemClock.elapsed()
  await work()
  return systemClock.elapsed() - began
}
