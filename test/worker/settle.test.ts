import { expect, test } from 'vitest'
import { deferred, settlementOf } from '../../src/worker/settle.ts'

const attempt = { job: 'job', token: 40, task: 'task', attempt: 1, suspect: false, deaths: 0, deferrals: 0, retry: { limit: 0, initial: 0, factor: 1, max: 0, jitter: 'none' as const }, ownRetry: false }
const error = { name: 'AnyError', message: 'no' }

test('what a worker cannot run rests longer each time, and is dead after twenty times in a row', () => {
  const outcomes = Array.from({ length: 20 }, (_, deferrals) => deferred({ ...attempt, deferrals }, error).outcome)
  expect(outcomes.slice(0, 3)).toMatchObject([{ event: 'defer', delay: 5_000 }, { event: 'defer', delay: 10_000 }, { event: 'defer', delay: 20_000 }])
  expect(outcomes[18]).toMatchObject({ event: 'defer', delay: 600_000 })
  expect(outcomes[19]).toMatchObject({ event: 'bury', error })
})

test('where no thread or process can be started the job rests; handed back otherwise it is ready at once', () => {
  for (const code of ['PROCESS_START_FAILED', 'THREAD_START_FAILED']) {
    expect(settlementOf(attempt, { kind: 'handedBack', error: { ...error, code } }, 0).outcome).toMatchObject({ event: 'defer', delay: 5_000 })
  }
  expect(settlementOf(attempt, { kind: 'handedBack', error }, 0).outcome).toEqual({ event: 'release' })
})

test('the third death sets a job aside with its cause; a suspect is not charged before', () => {
  const died = { kind: 'died' as const, error }
  expect(settlementOf({ ...attempt, deaths: 2 }, died, 0).outcome).toMatchObject({ event: 'bury', died: true, error: { code: 'JOB_POISONED', cause: { $error: error } } })
  expect(settlementOf({ ...attempt, suspect: true, deaths: 1 }, died, 0).outcome).toMatchObject({ event: 'retry', died: true, delay: 2_000 })
  expect(settlementOf(attempt, died, 0).outcome).toMatchObject({ event: 'fail', died: true })
})
