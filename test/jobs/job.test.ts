import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvalidTransitionError } from '../../src/kernel/errors.ts'
import { type Happening, type Job, born, happen } from '../../src/jobs/job.ts'
import { hasExpired, rescue } from '../../src/jobs/rescue.ts'
import { rescueLimit } from '../../src/jobs/limits.ts'
import { type JobState, isFinal, transitions } from '../../src/jobs/states.ts'
import { error, newJob, result, spent } from '../../src/testing/backend-conformance/bench.ts'

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('worker-1', 'worker-2').map((worker) => ({ event: 'reserve' as const, worker })) },
  { weight: 4, arbitrary: fc.constantFrom<Happening>({ event: 'due' }, { event: 'release' }, { event: 'rescue' }) },
  fc.constantFrom<Happening>(
    { event: 'succeed', result, spent }, { event: 'fail', error, spent }, { event: 'stop' }, { event: 'bury', error }, { event: 'cancel' }, { event: 'unblock' }
  ),
  { weight: 3, arbitrary: fc.nat(100).map((delay) => ({ event: 'retry' as const, delay, error, spent })) },
  fc.nat(100).map((delay) => ({ event: 'defer' as const, delay, error }))
)

/** A random life: each that can happen in its turn does; the job before and after, and what happened. */
const life = fc.tuple(fc.array(fc.tuple(happening, fc.nat(50)), { maxLength: 40, size: 'max' }), fc.constantFrom(0, 10)).map(([all, delay]) => {
  const steps: { before: Job, what: Happening, after: Job, now: number }[] = []
  let now = 1_000
  let job = born(newJob({ delay }), now)
  for (const [what, wait] of all) {
    now += wait
    if (transitions[job.state][what.event] === undefined) {
      expect(() => happen({ ...job, cancelling: false }, what, now)).toThrow(InvalidTransitionError)
      continue
    }
    const after = happen(job, what, now)
    steps.push({ before: job, what, after, now })
    job = after
  }
  return steps
})

/** Holds for every step of every life. */
function always(law: (before: Job, after: Job, what: Happening, now: number) => void): void {
  fc.assert(fc.property(life, (steps) => {
    for (const { before, after, what, now } of steps) law(before, after, what, now)
  }), { numRuns: 300 })
}

test('a worker is set exactly while the job is active', () => {
  always((_before, after) => expect(after.worker !== undefined).toBe(after.state === 'active'))
})

test('the token never falls, and rises with each delivery', () => {
  always((before, after, what) => expect(after.token - before.token).toBe(what.event === 'reserve' ? 1 : 0))
})

test('no more attempts are charged than were delivered, and never fewer than none', () => {
  always((_before, after) => {
    expect(after.attempt).toBeGreaterThanOrEqual(after.state === 'active' ? 1 : 0)
    expect(after.attempt).toBeLessThanOrEqual(after.token)
    expect(after.attempt + after.rescues).toBeLessThanOrEqual(after.token)
  })
})

test('it has a time of its end exactly when it has ended', () => {
  always((_before, after, _what, now) => expect(after.finishedAt).toBe(isFinal(after.state) ? now : undefined))
})

test('a cancel that came while it was active ends it whenever it would run again', () => {
  always((before, after, { event }) => {
    if (!before.cancelling) return
    const runsAgain: readonly JobState[] = ['ready', 'scheduled']
    expect(runsAgain.includes(after.state)).toBe(false)
    if (['retry', 'release', 'defer', 'rescue'].includes(event)) expect(after.state).toBe('cancelled')
  })
})

test('only an active job is being cancelled', () => {
  always((_before, after) => {
    if (after.cancelling) expect(after.state).toBe('active')
  })
})

test('a result comes with success alone, and then there is no error', () => {
  always((_before, after) => {
    expect(after.result !== undefined).toBe(after.state === 'succeeded')
    if (after.state === 'succeeded') expect(after.error).toBeUndefined()
    if (after.state === 'failed' || after.state === 'dead') expect(after.error).toEqual(error)
  })
})

test('what the client decided never changes, and the job that was is left as it was', () => {
  always((before, after) => {
    const { id, task, queue, place, priority, createdAt, expiresAt } = before
    expect(after).toMatchObject({ id, task, queue, place, priority, createdAt, expiresAt })
    expect(after).not.toBe(before)
  })
})

test('a rescue that is one too many sets the job aside with its cause', () => {
  const active = happen(born(newJob(), 0), { event: 'reserve', worker: 'worker-1' }, 1)
  expect(rescue({ ...active, rescues: rescueLimit - 2 }, false, 2)).toMatchObject({ state: 'ready', rescues: rescueLimit - 1, attempt: 0 })
  expect(rescue({ ...active, rescues: rescueLimit - 1 }, false, 2)).toMatchObject({ state: 'dead', rescues: rescueLimit, error: { code: 'WORKER_LOST' } })
  expect(rescue({ ...active, rescues: rescueLimit - 1, cancelling: true }, false, 2)).toMatchObject({ state: 'cancelled' })
})

test('only a job that never started expires, and not before its time', () => {
  const job = born(newJob({ expires: 10 }), 100)
  expect([hasExpired(job, 109), hasExpired(job, 110), hasExpired({ ...job, attempt: 1 }, 110)]).toEqual([false, true, false])
  expect(hasExpired(born(newJob(), 100), Number.MAX_VALUE)).toBe(false)
})
