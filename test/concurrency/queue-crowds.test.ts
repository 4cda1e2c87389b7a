import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Queue } from '../../src/concurrency/queue.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { crews } from './participants.ts'

// Any number of threads or processes that put and get, and are killed at any instruction.
describe.each(Object.entries(crews))('a queue among %s', { timeout: 120_000 }, (_, gather) => {
  test('1,000,000 items: nothing is lost or doubled, and each sees those of each in order', async () => {
    const [putters, getters, each] = [2, 2, 500_000]
    const queue = new Queue<number>({ maxSize: 10_000 })
    await using crew = await gather(queue)
    const getting = Array.from({ length: getters }, () => once(crew.start('get'), 'message') as Promise<[number[]]>)
    const putting = Array.from({ length: putters }, (_, putter) => once(crew.start('put', { from: putter * each, count: each }), 'exit'))
    await Promise.all(putting)
    await queue.join()
    queue.shutdown()
    const got = (await Promise.all(getting)).map(([items]) => items)
    const times = new Uint8Array(putters * each)
    for (const own of got) {
      const last = [-1, -1]
      for (const item of own) {
        times[item]!++
        const putter = Math.floor(item / each)
        if (item <= last[putter]!) throw new Error(`${item} came after ${last[putter]}`)
        last[putter] = item
      }
    }
    expect(times.every((count) => count === 1)).toBe(true)
  })

  // What a queue may have done is told by a small model: an item is put once at most, in the order of its putter; it was got by one at most;
  // what was said to be put is there or was got; only what the killed had in hand may be nowhere.
  test('those who put and get are killed: what was put is got once, or is there', async () => {
    const queue = new Queue<number>({ maxSize: 50 })
    await using crew = await gather(queue)
    const said = new Set<number>()
    const got: number[] = []
    let inHand = 0
    const each = 100_000
    for (let round = 0; round < 8; round++) {
      const putter = crew.start('putEach', { from: round * each, count: each })
      putter.on('message', (item: number) => said.add(item))
      const getter = crew.start('tell')
      const mine: number[] = []
      getter.on('message', (item: number | 'ready') => { if (item !== 'ready') mine.push(item) })
      while (mine.length < 20 + round * 37) await sleep(1)
      await crew.kill(round % 2 === 0 ? putter : getter)
      if (round % 2 === 0) {
        // The queue runs dry: the one who gets has all that the killed one put.
        while (queue.size > 0 || queue.statistics().getting === 0) await sleep(1)
        await crew.kill(getter)
      } else {
        inHand++
        while (queue.statistics().putting === 0) await sleep(1)
        await crew.kill(putter)
      }
      while (queue.statistics().putting > 0 || queue.statistics().getting > 0) await sleep(1)
      expect(mine.filter((item) => Math.floor(item / each) === round)).toEqual(mine.filter((item) => Math.floor(item / each) === round).toSorted((a, b) => a - b))
      got.push(...mine)
    }
    while (queue.size > 0) got.push(queue.getNow())
    expect(new Set(got).size).toBe(got.length)
    const all = new Set(got)
    const lost = [...said].filter((item) => !all.has(item))
    expect(lost.length).toBeLessThanOrEqual(inHand)
    // Of each who put, what is there is all up to some item: nothing is missing between.
    for (let round = 0; round < 8; round++) {
      const own = got.filter((item) => Math.floor(item / each) === round).toSorted((a, b) => a - b)
      expect(own.length).toBeGreaterThanOrEqual((own.at(-1) ?? round * each - 1) - round * each + 1 - inHand)
    }
    expect(queue.statistics()).toMatchObject({ size: 0, putting: 0, getting: 0 })
  })
})
