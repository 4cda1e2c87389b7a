import { describe, expect, test } from 'vitest'
import { mayRetry } from '../../src/kernel/retry-options.ts'

class QuotaError extends Error {
  readonly code = 'E_QUOTA'
}

describe('mayRetry', () => {
  const quota = new QuotaError('used up')

  test.each([
    ['all errors, without rules', quota, {}, true],
    ['one named by its class', quota, { on: ['QuotaError'] }, true],
    ['one named by its code', quota, { on: ['E_QUOTA'] }, true],
    ['not one that is not named', new Error('other'), { on: ['QuotaError'] }, false],
    ['not one to give up on, by code', quota, { giveUpOn: ['E_QUOTA'] }, false],
    ['not one to give up on, by a function', quota, { giveUpOn: [(error: unknown) => error instanceof QuotaError] }, false],
    ['not one that both rules name', quota, { on: ['E_QUOTA'], giveUpOn: ['QuotaError'] }, false],
    ['a thrown value that is no error', 'oops', {}, true],
    ['not a thrown value where errors are named', 'oops', { on: ['Error'] }, false]
  ])('%s', (_, error, { on, giveUpOn = [] }: { on?: string[], giveUpOn?: (string | ((error: unknown) => boolean))[] }, may) => {
    expect(mayRetry(error, { on, giveUpOn })).toBe(may)
  })
})
