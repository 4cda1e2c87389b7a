import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LeasedItem, LeasedPermit } from '../../src/client/shared/leased.ts'
import { testWithRedis } from '../support/requirements.ts'
import { type Place, sharedPlaces } from './shared-places.ts'

const places = sharedPlaces()
const runs = { memory: 400, sqlite: 20, redis: 40 } as const

type Move =
  | { readonly does: 'acquire' | 'take' | 'put' | 'giveUp' | 'release' | 'finish' | 'cut' | 'mend' | 'loseAnswers', readonly who: number }
  | { readonly does: 'stall' | 'pass', readonly who: number, readonly ms: number }

const who = fc.nat(2)
const moves = fc.array(fc.oneof(
  { weight: 8, arbitrary: fc.record({ does: fc.constantFrom('acquire' as const, 'take' as const, 'put' as const), who }) },
  { weight: 8, arbitrary: fc.record({ does: fc.constantFrom('giveUp' as const, 'release' as const, 'finish' as const), who }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constantFrom('cut' as const, 'mend' as const, 'mend' as const, 'loseAnswers' as const), who }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('pass' as const), who, ms: fc.constantFrom(10, 700, 2_000, 4_000) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('stall' as const), who, ms: fc.constantFrom(1_000, 5_000) }) }
), { minLength: 10, maxLength: 80, size: 'max' })

/** Programs that share a lock and a queue, are cut off, stand still and give up; and what each believes that it holds. */
async function replay(place: Place, history: readonly Move[]): Promise<void> {
  await using _place = place
  const programs = await Promise.all([3_000, 3_000, 10_000].map(async (lease) => {
    const client = await place.client(lease)
    return { ...client, permits: [] as LeasedPermit[], items: [] as LeasedItem<number>[], waiting: new Set<AbortController>() }
  }))
  const fences: number[] = []
  let put = 0
  const acknowledged: number[] = []
  /** Whether they are done cannot be told in any case. */
  const tried = new Set<number>()
  const finished: number[] = []
  const refused = (error: unknown): void => { expect(['LEASE_LOST', 'BACKEND_FAILED']).toContain((error as { code?: unknown }).code ?? (error as Error).name) }
  const giveUp = new Error('given up')

  for (const move of history) {
    const program = programs[move.who]!
    const { shared, line, clock, permits, items, waiting } = program
    const wait = <T>(ask: (signal: AbortSignal) => Promise<T>, got: (value: T) => void): void => {
      const controller = new AbortController()
      waiting.add(controller)
      ask(controller.signal).then(got, (error: unknown) => { if (error !== giveUp) refused(error) }).finally(() => waiting.delete(controller)).catch((error: unknown) => { throw error })
    }
    switch (move.does) {
      case 'acquire':
        wait((signal) => shared.lock('lock').acquire({ signal }), (permit) => {
          permits.push(permit)
          fences.push(permit.fence)
        })
        break
      case 'take':
        wait((signal) => shared.queue<number>('queue').take({ signal }), (item) => items.push(item))
        break
      case 'put': {
        const item = put++
        wait((signal) => shared.queue<number>('queue', { maxSize: 2 }).put(item, { signal }), () => acknowledged.push(item))
        break
      }
      case 'giveUp':
        for (const controller of waiting) controller.abort(giveUp)
        break
      case 'release':
        for (const permit of permits.splice(0)) permit.release()
        break
      case 'finish':
        for (const item of items.splice(0)) {
          tried.add(item.value)
          item.done().then(() => finished.push(item.value), (error: unknown) => {
            refused(error)
            // It may be tried again.
            if ((error as { code?: unknown }).code === 'BACKEND_FAILED') items.push(item)
          })
        }
        break
      case 'cut':
        line.isCut = true
        break
      case 'loseAnswers':
        line.losesAnswersTo = ['acquire', 'get', 'put', 'giveBack', 'look']
        break
      case 'mend':
        line.isCut = false
        line.losesAnswersTo = []
        break
      case 'stall':
        clock.stalled += move.ms
        break
      case 'pass':
        await place.pass(move.ms)
    }
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    const holders = programs.flatMap((one) => one.permits).filter(({ signal }) => !signal.aborted)
    expect(holders.length, `holders after ${JSON.stringify(move)}`).toBeLessThanOrEqual(1)
    const taken = programs.flatMap((one) => one.items).filter(({ signal }) => !signal.aborted).map(({ value }) => value)
    expect(new Set(taken).size, `takers after ${JSON.stringify(move)}`).toBe(taken.length)
  }
  expect(new Set(fences).size).toBe(fences.length)
  expect(new Set(finished).size).toBe(finished.length)

  // Whatever happened: once all lines stand, and all gave back what they had, all is to be had again.
  for (const { line, permits, items, waiting } of programs) {
    line.isCut = false
    line.losesAnswersTo = []
    for (const controller of waiting) controller.abort(giveUp)
    for (const permit of permits.splice(0)) permit.release()
    for (const item of items.splice(0)) item.putBack()
  }
  await place.pass(15_000)
  for (const { waiting } of programs) expect(waiting.size).toBe(0)
  const lock = programs[0]!.shared.lock('lock')
  expect(await lock.statistics()).toEqual({ held: 0, waiting: 0 })
  expect((await lock.acquireNow()).fence).toBeGreaterThan(Math.max(0, ...fences))
  const queue = programs[1]!.shared.queue<number>('queue')
  expect(await queue.statistics()).toMatchObject({ putting: 0, getting: 0, taken: 0 })
  const left: number[] = []
  for (let { size } = await queue.statistics(); size > 0; size--) left.push(await queue.getNow())
  expect(left.filter((item) => finished.includes(item))).toEqual([])
  expect(acknowledged.filter((item) => !left.includes(item) && !tried.has(item))).toEqual([])
}

describe.each(Object.entries(places))('random histories of programs that share through %s', (name, open) => {
  const it = name === 'redis' ? testWithRedis() : test

  it('nobody believes that it holds what another does; nothing is lost, done twice, or held up for ever', { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(moves, (history) => replay(open(), history)), { numRuns: runs[name as keyof typeof runs], timeout: 4_000 })
  })
})
