import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedPlaces } from './shared-places.ts'

const withRedis = testWithRedis()
const places = sharedPlaces()

describe.each(Object.entries(places))('queues shared through %s', (name, open) => {
  const it = name === 'redis' ? withRedis : test

  it('an item that was got, though the store could not be told so, is given to no other', async () => {
    await using place = open()
    const [one, other] = [await place.client(30_000), await place.client(30_000)]
    const [here, there] = [one.shared.queue<number>('kept'), other.shared.queue<number>('kept')]
    for (const item of [1, 2]) await there.put(item)
    const taken = await here.take()
    one.line.refuses = ['keep']
    expect(await here.get()).toBe(2)
    await expect(taken.done()).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 2 })
    one.line.refuses = []
    await taken.done()
    await place.pass(1_500)
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 0, unfinished: 1 })
  })

  it('an item that was taken, and not done, goes to the next when its taker is gone; done, to nobody', async () => {
    await using place = open()
    const [taker, next] = [await place.client(), await place.client()]
    const [here, there] = [taker.shared.queue<{ n: number }>('work'), next.shared.queue<{ n: number }>('work')]
    for (const n of [1, 2, 3]) await there.put({ n })
    const [first, second] = [await here.take(), await here.take()]
    await first.done()
    await first.done()
    expect(second.value).toEqual({ n: 2 })
    taker.line.isCut = true
    await place.pass(4_000)
    const [again, third] = [await there.take(), await there.take()]
    expect([again.value, third.value]).toEqual([{ n: 2 }, { n: 3 }])
    expect(again.fence).toBeGreaterThan(second.fence)
    taker.line.isCut = false
    await expect(second.done()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    third.putBack()
    await expect(third.done()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    third.putBack()
    expect((await there.take()).value).toEqual({ n: 3 })
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 2, unfinished: 2 })
  })

  it('a loop that is left gives the next item to others, and each that it took is done', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.queue<number>('loop', { maxSize: 2 }), other.shared.queue<number>('loop')]
    const putting = (async () => { for (let n = 0; n < 10; n++) await there.put(n) })()
    const got: number[] = []
    for await (const item of here) {
      got.push(item)
      if (item === 4) break
    }
    for (let n = 5; n < 10; n++) got.push(await there.get())
    await putting
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 0, unfinished: 5 })
    await expect(here.getNow()).rejects.toMatchObject({ code: 'QUEUE_EMPTY' })
    await here.putNow(10)
    await there.putNow(11)
    await expect(here.putNow(12)).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  })

  it('one who gives up a put hears whether it was put', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.queue<number>('full', { maxSize: 1 }), other.shared.queue<number>('full', { maxSize: 1 })]
    const got: number[] = []
    const put: number[] = []
    await expect(there.put(-2, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
    expect((await here.statistics()).size).toBe(0)
    await here.put(-1)
    for (let round = 0; round < 20; round++) {
      const scope = new CancelScope()
      const putting = scope.run(() => there.put(round))
      for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
      const taking = round % 3 === 0 ? here.get() : undefined
      scope.cancel()
      await putting
      if (!scope.cancelledCaught) put.push(round)
      if (taking) got.push(await taking)
      while ((await here.statistics()).size < 1) await here.put(100 + round)
    }
    got.push(await here.get())
    expect(got.filter((item) => item >= 0 && item < 100)).toEqual(put)
  })
})
