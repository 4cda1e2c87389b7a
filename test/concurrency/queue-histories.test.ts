import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Queue } from '../../src/concurrency/queue.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { type Done, isLinearizable } from './linearizable.ts'
import { crews } from './participants.ts'

test('the check of histories finds what no queue does', () => {
  const put = (value: number, began: number, ended: number): Done => ({ kind: 'put', value, began, ended })
  const get = (value: number | undefined, began: number, ended: number): Done => ({ kind: 'get', value, began, ended })
  expect(isLinearizable([put(1, 0, 1), put(2, 2, 3), get(1, 4, 5), get(2, 6, 7)], 5)).toBe(true)
  expect(isLinearizable([put(1, 0, 1), put(2, 2, 3), get(2, 4, 5)], 5)).toBe(false)
  expect(isLinearizable([put(1, 0, 3), put(2, 0, 3), get(2, 4, 5), get(1, 6, 7)], 5)).toBe(true)
  expect(isLinearizable([put(1, 0, 1), get(1, 2, 3), get(1, 2, 3)], 5)).toBe(false)
  expect(isLinearizable([put(1, 0, 1), put(2, 2, 3)], 1)).toBe(false)
  expect(isLinearizable([put(1, 0, 1), put(2, 2, 3), get(1, 0, Infinity)], 1)).toBe(true)
  expect(isLinearizable([put(1, 0, 1), put(2, 0, 1), get(undefined, 2, Infinity), get(2, 3, 4), get(1, 5, 6)], 5)).toBe(true)
  expect(isLinearizable([put(1, 0, 1), put(2, 2, 3), get(undefined, 4, Infinity), get(1, 5, 6), get(1, 7, 8)], 5)).toBe(false)
  expect(isLinearizable([get(1, 0, 1), put(1, 0.5, Infinity)], 1)).toBe(true)
  expect(isLinearizable([get(1, 0, 1), put(1, 2, Infinity)], 1)).toBe(false)
})

describe.each(Object.entries(crews))('what %s do to a queue', { timeout: 120_000 }, (_, gather) => {
  test('can be told as one after another, also where one is killed at it', async () => {
    const [maxSize, parties, steps, rounds] = [2, 3, 5, 60]
    let item = 0
    for (let round = 0; round < rounds;) {
      const queue = new Queue<number>({ maxSize })
      await using crew = await gather(queue)
      const crowd = Array.from({ length: parties }, () => crew.start('history'))
      await Promise.all(crowd.map((one) => once(one, 'message')))
      // Until one is killed.
      for (let killed = false; !killed && round < rounds; round++) {
        killed = round % 10 === 9
        const began = Number(process.hrtime.bigint())
        const gets = fc.sample(fc.array(fc.boolean(), { minLength: steps, maxLength: steps }), { seed: round, numRuns: parties })
        const plans = gets.map((each) => each.map((isGet) => isGet ? 'get' as const : ++item))
        const told: { at: number, began: number, ended: number, value?: number }[][] = crowd.map(() => [])
        const followed = crowd.map((one, party) => new Promise<void>((resolve) => {
          one.on('message', (word: 'followed' | { at: number, began: number, ended: number, value?: number }) => {
            if (word !== 'followed') return void told[party]!.push(word)
            one.removeAllListeners('message')
            resolve()
          })
          if ('postMessage' in one) one.postMessage(plans[party], [])
          else one.send(plans[party]!)
        }))
        if (killed) {
          while (told[0]!.length < 1 + round % (steps - 1)) await sleep(0)
          await crew.kill(crowd[0]!)
        }
        await Promise.all(killed ? followed.slice(1) : followed)
        // What the killed one waited for is given up, and what was on its way to it is back.
        while (queue.statistics().putting + queue.statistics().getting > 0) await sleep(0)
        const history: Done[] = []
        for (const [party, plan] of plans.entries()) {
          for (const [at, step] of plan.entries()) {
            const kind = step === 'get' ? 'get' : 'put'
            const outcome = told[party]!.find((each) => each.at === at)
            if (!outcome) history.push({ kind, value: step === 'get' ? undefined : step, began, ended: Infinity })
            // What was given up was not done.
            else if (outcome.value !== undefined) history.push({ kind, value: outcome.value, began: outcome.began, ended: outcome.ended })
          }
        }
        while (queue.size > 0) {
          const at = Number(process.hrtime.bigint())
          history.push({ kind: 'get', value: queue.getNow(), began: at, ended: Number(process.hrtime.bigint()) })
        }
        expect(isLinearizable(history, maxSize), JSON.stringify({ round, history })).toBe(true)
      }
    }
  })
})
