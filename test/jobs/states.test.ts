import { describe, expect, test } from 'vitest'
import { InvalidTransitionError } from '../../src/kernel/errors.ts'
import { type JobEvent, finalStates, isFinal, jobStates, next, transitions } from '../../src/jobs/states.ts'

const events = [...new Set(jobStates.flatMap((state) => Object.keys(transitions[state]) as JobEvent[]))]

test('every state that is not final has a way on, and a way to an end', () => {
  for (const state of jobStates) {
    const reached = new Set([state])
    for (const at of reached) for (const after of Object.values(transitions[at])) reached.add(after)
    expect([...reached].some(isFinal), state).toBe(true)
    if (!isFinal(state)) expect(Object.values(transitions[state]).some((after) => after !== state), state).toBe(true)
  }
})

test('nothing happens to a job in a final state, but that somebody revives one that did not succeed', () => {
  expect(finalStates.toSorted()).toEqual(['cancelled', 'dead', 'failed', 'succeeded'])
  for (const state of finalStates) {
    const others = events.filter((event) => event !== 'revive' || state === 'succeeded')
    for (const event of others) expect(() => next(state, event, 'its story')).toThrow(InvalidTransitionError)
  }
})

test('every state but where a job begins is reached', () => {
  const reached = new Set(jobStates.flatMap((state) => Object.values(transitions[state])))
  expect(jobStates.filter((state) => !reached.has(state))).toEqual(['waiting'])
})

test('whoever waits or runs can be cancelled', () => {
  for (const state of jobStates) if (!isFinal(state)) expect(transitions[state].cancel, state).toBeDefined()
})

describe.each(jobStates)('%s', (state) => {
  test.each(events)('%s leads where the table says, or is refused with the story', (event) => {
    const after = transitions[state][event]
    if (after !== undefined) return expect(next(state, event, '')).toBe(after)
    expect(() => next(state, event, 'sum job-1, attempt 2, delivery 3')).toThrow(`A job that is ${state} cannot ${event}. Its story: sum job-1, attempt 2, delivery 3.`)
  })
})
