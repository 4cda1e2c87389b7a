import type { Cases } from './bench.ts'
import { Session, textOf } from './shared-bench.ts'

export const sharedQueueCases: Cases = {
  async 'items come in the order in which they were put, and are held until they are kept'({ backend, expect }) {
    const session = new Session(backend)
    for (const text of ['1', '2', '']) expect((await session.put(text)).is).toBe('done')
    const got = [await session.get(), await session.get(), await session.get()]
    expect(got.map(textOf)).toEqual(['1', '2', ''])
    expect(textOf(await session.look(got[1]!))).toBe('2')
    expect([await session.keep(got[0]!), await session.keep(got[0]!)]).toEqual([{ is: 'done' }, { is: 'refused' }])
    await session.giveBack(got[2]!)
    await session.giveBack(got[1]!)
    expect(textOf(await session.get())).toBe('2')
    expect(await session.do({ does: 'statistics', kind: 'queue', name: 'a' })).toMatchObject({ statistics: { size: 1, held: 1, bytes: 0, unfinished: 3 } })
  },

  async 'whoever puts waits while it is full, in items or in bytes, and nobody overtakes'({ backend, expect }) {
    const session = new Session(backend)
    const bounds = { maxSize: 2, maxBytes: 4 }
    await session.put('12', bounds)
    const [large, small] = [await session.put('345', bounds), await session.put('6', bounds)]
    expect([large.is, small.is, (await session.put('7', { ...bounds, waits: false })).is]).toEqual(['waiting', 'waiting', 'refused'])
    expect(textOf(await session.get())).toBe('12')
    expect([(await session.look(large)).is, (await session.look(small)).is]).toEqual(['gone', 'gone'])
    // One that is larger than the queue goes in where that is empty.
    const huge = await session.put('123456789', bounds)
    expect([textOf(await session.get()), (await session.look(huge)).is]).toEqual(['345', 'waiting'])
    expect([textOf(await session.get()), (await session.look(huge)).is]).toEqual(['6', 'gone'])
  },

  async 'one who gives up a put hears whether it was put; one at the front lets those behind it in'({ backend, expect }) {
    const session = new Session(backend)
    await session.put('12', { maxBytes: 3 })
    const [large, small] = [await session.put('34', { maxBytes: 3 }), await session.put('5', { maxBytes: 3 })]
    expect((await session.giveBack(large)).is).toBe('done')
    expect((await session.giveBack(small)).is).toBe('gone')
    expect([textOf(await session.get()), textOf(await session.get())]).toEqual(['12', '5'])
  },

  async 'the newest bounds count'({ backend, expect }) {
    const session = new Session(backend)
    await session.put('1', { maxSize: 1, opens: true })
    const waiting = await session.put('2', { maxSize: 9 })
    expect(waiting.is).toBe('waiting')
    expect((await session.put('3', { maxSize: 2, opens: true, waits: false })).is).toBe('refused')
    expect((await session.look(waiting)).is).toBe('gone')
  },

  async 'who waits for an item gets it in the order of asking; who gives up takes none with it'({ backend, expect }) {
    const [one, other] = [new Session(backend), new Session(backend)]
    const waiting = [await one.get(), await other.get(), await one.get()]
    await one.put('1')
    await one.put('2')
    await other.giveBack(waiting[1]!)
    expect([textOf(await one.look(waiting[0]!)), textOf(await one.look(waiting[2]!))]).toEqual(['1', '2'])
    expect((await one.get(false)).is).toBe('refused')
  },

  async 'join waits until all is finished'({ backend, expect }) {
    const session = new Session(backend)
    expect((await session.wait('queue')).is).toBe('done')
    await session.put('1')
    await session.put('2')
    const joining = await session.wait('queue')
    await session.keep(await session.get())
    expect(await session.do({ does: 'finish', name: 'a' })).toEqual({ is: 'done' })
    expect((await session.look(joining)).is).toBe('waiting')
    await session.keep(await session.get(), true)
    expect((await session.look(joining)).is).toBe('gone')
    expect(await session.do({ does: 'finish', name: 'a' })).toEqual({ is: 'refused' })
  },

  async 'shut down it gives what it holds, also what comes back, and then says so'({ backend, expect }) {
    const session = new Session(backend)
    await session.put('1', { maxSize: 1 })
    const [putting, got] = [await session.put('2', { maxSize: 1 }), await session.get()]
    const waiting = [await session.get(), await session.get()]
    expect((await session.look(putting)).is).toBe('gone')
    const late = await session.put('3', { maxSize: 1 })
    await session.do({ does: 'shutdown', name: 'a', immediate: false })
    expect([late.is, (await session.put('4')).is]).toEqual(['done', 'shut'])
    expect([textOf(await session.look(waiting[0]!)), textOf(await session.look(waiting[1]!))]).toEqual(['2', '3'])
    const last = await session.get()
    expect(last.is).toBe('waiting')
    await session.giveBack(got)
    expect(textOf(await session.look(last))).toBe('1')
    for (const one of [...waiting, last]) await session.keep(one)
    expect((await session.get()).is).toBe('shut')
  },

  async 'of sessions whose leases ran out together nothing goes from one to another'({ backend, clock, expect }) {
    const [first, second] = [new Session(backend, 100), new Session(backend, 200)]
    await new Session(backend).put('x', { maxBytes: 4 })
    // It would have room once the one before it is gone.
    const puts = [await first.put('large', { maxBytes: 4 }), await second.put('y', { maxBytes: 4 })]
    expect(puts.map(({ is }) => is)).toEqual(['waiting', 'waiting'])
    await clock.advance(1_000)
    const taker = new Session(backend)
    expect([textOf(await taker.get()), (await taker.get(false)).is]).toEqual(['x', 'refused'])
  },

  async 'a session that leaves may hold the very item that it waits for itself'({ backend, expect }) {
    // In whatever order its tickets are given up.
    for (let round = 0; round < 8; round++) {
      const [putter, taker] = [new Session(backend), new Session(backend)]
      await putter.put('x')
      await taker.get()
      for (let at = 0; at < round; at++) await taker.wait('queue')
      await putter.do({ does: 'shutdown', name: 'a', immediate: true })
      await taker.wait('queue')
      expect((await taker.leave()).lost).toBe(false)
      await putter.do({ does: 'statistics', kind: 'queue', name: 'a' })
      await putter.leave()
    }
  },

  async 'shut down at once it drops what it holds, and what comes back; whoever waits hears so'({ backend, expect }) {
    const session = new Session(backend)
    for (const text of ['1', '2', '3']) await session.put(text, { maxSize: 2 })
    const [got, joining] = [await session.get(), await session.wait('queue')]
    const putting = await session.put('4', { maxSize: 2 })
    await session.do({ does: 'shutdown', name: 'a', immediate: true })
    expect([putting.is, (await session.look(putting)).is]).toEqual(['waiting', 'shut'])
    const waiting = await session.get()
    expect([waiting.is, (await session.look(joining)).is]).toEqual(['waiting', 'waiting'])
    await session.giveBack(got)
    expect([(await session.look(waiting)).is, (await session.look(joining)).is]).toEqual(['shut', 'gone'])
  }
}
