import { type Cases, bytes } from './bench.ts'
import { Session, attending, textOf } from './shared-bench.ts'

export const sharedLockCases: Cases = {
  async 'a lock is held by one; the others get it in the order of asking, each with a larger fence'({ backend, expect }) {
    const sessions = [new Session(backend), new Session(backend), new Session(backend)]
    const asked = []
    for (const session of sessions) asked.push(await session.acquire())
    expect(asked.map(({ is }) => is)).toEqual(['held', 'waiting', 'waiting'])
    const fences = []
    for (const [at, session] of sessions.entries()) {
      const stands = []
      for (const [other, one] of sessions.entries()) stands.push((await one.look(asked[other]!)).is)
      expect(stands).toEqual(sessions.map((_, other) => other < at ? 'gone' : other === at ? 'held' : 'waiting'))
      fences.push((await session.look(asked[at]!)).number!)
      await session.giveBack(asked[at]!)
    }
    expect(fences).toEqual(fences.toSorted((a, b) => a - b))
    expect(new Set(fences).size).toBe(3)
  },

  async 'a fence rises also when nobody held it for long, and nothing is kept of it'({ backend, clock, expect }) {
    const fences: number[] = []
    for (let round = 0; round < 4; round++) {
      const session = new Session(backend)
      fences.push((await session.acquire()).number!)
      await session.leave()
      await clock.advance(round * 100_000)
    }
    for (let at = 1; at < fences.length; at++) expect(fences[at]).toBeGreaterThan(fences[at - 1]!)
  },

  async 'asked again with the same ticket it is the same permit; given back twice it frees one'({ backend, expect }) {
    const [one, other] = [new Session(backend), new Session(backend)]
    const step = { does: 'acquire', kind: 'semaphore', name: 'a', ticket: 7, limit: 2, opens: true, waits: true } as const
    const first = await one.do(step)
    expect(await one.do(step)).toEqual(first)
    expect(await other.do(step)).toMatchObject({ is: 'held' })
    expect(await other.do({ ...step, ticket: 8 })).toEqual({ is: 'waiting' })
    expect(await other.do({ ...step, ticket: 8 })).toEqual({ is: 'waiting' })
    expect([await one.giveBack({ ...first, ticket: 7 }), await one.giveBack({ ...first, ticket: 7 })]).toEqual([{ is: 'done' }, { is: 'gone' }])
    expect(await other.do({ does: 'statistics', kind: 'semaphore', name: 'a' })).toMatchObject({ statistics: { held: 2, getting: 0 } })
  },

  async 'who does not wait is refused, also where others wait before it'({ backend, expect }) {
    const [one, other] = [new Session(backend), new Session(backend)]
    await one.acquire()
    expect((await other.acquire('a', { waits: false })).is).toBe('refused')
    expect((await other.acquire('b', { waits: false })).is).toBe('held')
  },

  async 'who gives up waits no longer, and takes nothing with it'({ backend, expect }) {
    const [holder, leaver, next] = [new Session(backend), new Session(backend), new Session(backend)]
    const held = await holder.acquire()
    const [given, waiting] = [await leaver.acquire(), await next.acquire()]
    await leaver.giveBack(given)
    await holder.giveBack(held)
    expect((await leaver.look(given)).is).toBe('gone')
    const granted = await next.look(waiting)
    expect(granted.is).toBe('held')
    // One who was given it before it could say so gives it back.
    const late = await leaver.acquire()
    await next.giveBack(waiting)
    await leaver.giveBack(late)
    expect((await holder.acquire('a', { waits: false })).is).toBe('held')
  },

  async 'of a semaphore as many permits are held as the newest limit says'({ backend, expect }) {
    const session = new Session(backend)
    const first = await session.acquire('a', { kind: 'semaphore', limit: 2, opens: true })
    await session.acquire('a', { kind: 'semaphore', limit: 9 })
    const waiting = [await session.acquire('a', { kind: 'semaphore', limit: 9 }), await session.acquire('a', { kind: 'semaphore', limit: 9 })]
    expect(waiting.map(({ is }) => is)).toEqual(['waiting', 'waiting'])
    // Raised, it lets in who waits; lowered, nobody more until enough have gone.
    expect((await session.acquire('a', { kind: 'semaphore', limit: 4, opens: true, waits: false })).is).toBe('refused')
    expect((await session.look(waiting[1]!)).is).toBe('held')
    expect((await session.acquire('a', { kind: 'semaphore', limit: 1, opens: true })).is).toBe('waiting')
    await session.giveBack(first)
    expect(await session.do({ does: 'statistics', kind: 'semaphore', name: 'a' })).toMatchObject({ statistics: { held: 3, getting: 1 } })
  },

  async 'names of different kinds have nothing to do with each other'({ backend, expect }) {
    const session = new Session(backend)
    expect((await session.acquire('a')).is).toBe('held')
    expect((await session.acquire('a', { kind: 'semaphore' })).is).toBe('held')
    await session.put('item')
    await session.do({ does: 'add', name: 'a', amount: 3 })
    expect(await session.do({ does: 'read', name: 'a' })).toEqual({ is: 'done', number: 0 })
    expect(await session.do({ does: 'statistics', kind: 'event', name: 'a' })).toMatchObject({ statistics: { size: 0 } })
  }
}

export const sharedLeaseCases: Cases = {
  async 'what a session holds comes free when its lease has run out, and no sooner'({ backend, clock, expect }) {
    const [dead, next] = [new Session(backend, 1_000), new Session(backend)]
    const [held, waiting] = [await dead.acquire(), await next.acquire()]
    await clock.advance(999)
    expect((await next.look(waiting)).is).toBe('waiting')
    await clock.advance(1)
    const granted = await next.look(waiting)
    expect(granted.is).toBe('held')
    expect(granted.number).toBeGreaterThan(held.number!)
    // It learns so, and does nothing more.
    expect(await dead.share([{ does: 'add', name: 'a', amount: 1 }])).toMatchObject({ lost: true, outcomes: [] })
    expect(await next.do({ does: 'add', name: 'a', amount: 0 })).toMatchObject({ number: 0 })
  },

  async 'whatever a session does renews all that it holds'({ backend, clock, expect }) {
    const [session, other] = [new Session(backend, 1_000), new Session(backend)]
    const held = await session.acquire()
    for (let round = 0; round < 5; round++) {
      await clock.advance(900)
      expect((await session.share([])).lost).toBe(false)
    }
    expect((await other.acquire('a', { waits: false })).is).toBe('refused')
    expect((await session.look(held)).number).toBe(held.number)
  },

  async 'a reply says when the next lease ends'({ backend, clock, expect }) {
    await new Session(backend, 1_000).acquire()
    const session = new Session(backend, 5_000)
    await clock.advance(400)
    expect((await session.share([])).nextEnd).toBe(600)
    await clock.advance(600)
    expect((await session.share([])).nextEnd).toBe(5_000)
    expect((await session.leave()).nextEnd).toBe(Infinity)
  },

  async 'one that died in line holds up nobody'({ backend, clock, expect }) {
    const [holder, dead, next] = [new Session(backend), new Session(backend, 1_000), new Session(backend)]
    const held = await holder.acquire()
    await dead.acquire()
    const waiting = await next.acquire()
    await clock.advance(1_000)
    await holder.giveBack(held)
    expect((await next.look(waiting)).is).toBe('held')
  },

  async 'items of a taker that died come first again, in their order, before those who came later are served'({ backend, clock, expect }) {
    const [putter, dead, next] = [new Session(backend), new Session(backend, 1_000), new Session(backend)]
    for (const text of ['1', '2', '3', '4']) await putter.put(text)
    const taken = [await dead.get(), await dead.get(), await dead.get()]
    await dead.keep(taken[1]!)
    expect(textOf(await next.get())).toBe('4')
    const waiting = [await next.get(), await next.get(), await next.get()]
    await clock.advance(1_000)
    await putter.put('5')
    const got = []
    for (const one of waiting) got.push(textOf(await next.look(one)))
    expect(got).toEqual(['1', '3', '5'])
    const again = await next.look(waiting[0]!)
    expect(again.number).toBeGreaterThan(taken[0]!.number!)
  },

  async 'what a session that died had waited to put is not put'({ backend, clock, expect }) {
    const [session, dead] = [new Session(backend), new Session(backend, 1_000)]
    await session.put('kept', { maxSize: 1 })
    await dead.put('lost', { maxSize: 1 })
    const waiting = await session.put('behind', { maxSize: 1 })
    await clock.advance(1_000)
    expect(textOf(await session.get())).toBe('kept')
    expect((await session.look(waiting)).is).toBe('gone')
    expect(textOf(await session.get())).toBe('behind')
  }
}

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

export const sharedValueCases: Cases = {
  async 'a counter adds exactly, and refuses what would not be exact'({ backend, expect }) {
    const session = new Session(backend)
    const add = async (amount: number) => session.do({ does: 'add', name: 'a', amount })
    expect([await add(5), await add(-7), await add(0)]).toEqual([{ is: 'done', number: 0 }, { is: 'done', number: 5 }, { is: 'done', number: -2 }])
    await add(Number.MAX_SAFE_INTEGER)
    expect(await add(3)).toEqual({ is: 'refused', number: Number.MAX_SAFE_INTEGER - 2 })
    const exchange = async (number: number, expected: number | null) => session.do({ does: 'exchange', name: 'a', number, expected })
    expect(await exchange(1, 4)).toEqual({ is: 'refused', number: Number.MAX_SAFE_INTEGER - 2 })
    expect(await exchange(1, null)).toEqual({ is: 'done', number: Number.MAX_SAFE_INTEGER - 2 })
    expect(await exchange(0, 1)).toEqual({ is: 'done', number: 1 })
    expect(await exchange(8, 0)).toEqual({ is: 'done', number: 0 })
  },

  async 'a value is replaced where it is still the one that was read'({ backend, expect }) {
    const session = new Session(backend)
    const write = async (text: string | null, expected: number | null) => session.do({ does: 'write', name: 'a', item: text === null ? null : bytes(text), expected })
    expect((await write('first', 5)).is).toBe('refused')
    const first = await write('first', 0)
    expect(await session.do({ does: 'read', name: 'a' })).toEqual({ is: 'done', number: first.number, item: bytes('first') })
    const second = await write('second', first.number!)
    expect(second.number).toBeGreaterThan(first.number!)
    expect(await write('third', first.number!)).toEqual({ is: 'refused', number: second.number, item: bytes('second') })
    expect(await write(null, null)).toEqual({ is: 'done', number: 0 })
    expect(await session.do({ does: 'read', name: 'a' })).toEqual({ is: 'done', number: 0 })
    expect((await write('', 0)).number).toBeGreaterThan(second.number!)
    expect((await session.do({ does: 'read', name: 'a' })).item).toEqual(new Uint8Array())
  },

  async 'an event that is set ends all waits for it, before and after'({ backend, expect }) {
    const [one, other] = [new Session(backend), new Session(backend)]
    const waiting = [await one.wait('event'), await other.wait('event')]
    expect(waiting.map(({ is }) => is)).toEqual(['waiting', 'waiting'])
    await one.do({ does: 'set', name: 'a', isSet: true })
    expect([(await one.look(waiting[0]!)).is, (await other.look(waiting[1]!)).is, (await other.wait('event')).is]).toEqual(['gone', 'gone', 'done'])
    await one.do({ does: 'set', name: 'a', isSet: false })
    expect((await other.wait('event')).is).toBe('waiting')
  },

  async 'many that add, and replace, at the same time lose nothing'({ backend, expect }) {
    const sessions = Array.from({ length: 8 }, () => new Session(backend))
    await Promise.all(sessions.map(async (session) => {
      for (let round = 0; round < 20; round++) {
        await session.do({ does: 'add', name: 'a', amount: 1 })
        for (let before = await session.do({ does: 'read', name: 'a' }); ;) {
          const written = await session.do({ does: 'write', name: 'a', item: bytes('x'.repeat((before.item?.length ?? 0) + 1)), expected: before.number! })
          if (written.is === 'done') break
          before = written
        }
      }
    }))
    expect((await sessions[0]!.do({ does: 'add', name: 'a', amount: 0 })).number).toBe(160)
    expect((await sessions[0]!.do({ does: 'read', name: 'a' })).item?.length).toBe(160)
  }
}

export const sharedWakingCases: Cases = {
  async 'whoever waits is told of what comes: a permit, an item, room, an event, an end'({ backend, expect }) {
    const [session, other] = [new Session(backend), new Session(backend)]
    const held = await other.acquire()
    await other.put('1', { maxSize: 1 })
    const waits = [await session.acquire(), await session.put('2', { maxSize: 1 }), await session.wait('event'), await session.wait('queue')]
    const comes = [
      () => other.giveBack(held),
      async () => other.keep(await other.get(), true),
      () => other.do({ does: 'set', name: 'a', isSet: true }),
      async () => other.keep(await other.get(), true)
    ]
    for (const [at, come] of comes.entries()) {
      expect((await session.look(waits[at]!)).is).toBe('waiting')
      using attention = await attending(backend, session)
      await come()
      await attention.heard
      expect((await session.look(waits[at]!)).is).toBe(at === 0 ? 'held' : 'gone')
    }
    const item = await session.get()
    using attention = await attending(backend, session)
    await other.put('3')
    await attention.heard
    expect(textOf(await session.look(item))).toBe('3')
  },

  async 'whoever waits is told of what a session leaves, and of the end of a queue'({ backend, expect }) {
    const [session, other] = [new Session(backend), new Session(backend)]
    await other.acquire()
    const [permit, item] = [await session.acquire(), await session.get()]
    const putter = new Session(backend)
    using first = await attending(backend, session)
    await other.leave()
    await first.heard
    expect((await session.look(permit)).is).toBe('held')
    using second = await attending(backend, session)
    await new Session(backend).do({ does: 'shutdown', name: 'a', immediate: false })
    await second.heard
    expect((await session.look(item)).is).toBe('shut')
    const put = async (text: string) => putter.do({ does: 'put', name: 'full', ticket: Number(text), item: bytes(text), bounds: { maxSize: 1, maxBytes: 9 }, opens: false, waits: true })
    await put('1')
    expect((await put('2')).is).toBe('waiting')
    using third = await attending(backend, putter)
    await session.share([{ does: 'shutdown', name: 'full', immediate: false }])
    await third.heard
    expect((await putter.do({ does: 'look', ticket: 2 })).is).toBe('shut')
  },

  async 'who was disposed hears nothing'({ backend, expect }) {
    const [session, other] = [new Session(backend), new Session(backend)]
    const held = await other.acquire()
    await session.acquire()
    let heard = 0
    backend.attend(session.id, () => heard++)[Symbol.dispose]()
    using attention = await attending(backend, session)
    await other.giveBack(held)
    await attention.heard
    expect(heard).toBe(0)
  }
}

export const sharedHandleCases: Cases = {
  async 'what is shared is shared by all handles, and outlives them'({ backend, another, expect }) {
    const [here, there] = [new Session(backend), new Session(await another())]
    const held = await here.acquire()
    await here.put('item')
    await here.do({ does: 'add', name: 'a', amount: 4 })
    await here.do({ does: 'set', name: 'a', isSet: true })
    const waiting = await there.acquire()
    expect([waiting.is, textOf(await there.get()), (await there.wait('event')).is]).toEqual(['waiting', 'item', 'done'])
    await here.giveBack(held)
    expect((await there.look(waiting)).number).toBeGreaterThan(held.number!)
    await backend.close()
    expect(await new Session(await another()).do({ does: 'add', name: 'a', amount: 0 })).toEqual({ is: 'done', number: 4 })
  },

  async 'whoever waits is told of what comes through another handle'({ backend, another, expect }) {
    const other = await another()
    const [here, there] = [new Session(backend), new Session(other)]
    const held = await here.acquire()
    for (let round = 0; round < 3; round++) {
      const waiting = await there.acquire()
      using attention = await attending(other, there)
      await here.giveBack(round === 0 ? held : { ticket: round + 1, is: 'held' })
      await attention.heard
      expect((await there.look(waiting)).is).toBe('held')
      await there.giveBack(waiting)
      await here.acquire()
    }
  },

  async 'handles that work at the same time hold a lock one at a time, by rising fences'({ backend, another, expect }) {
    const handles = [backend, await another(), await another()]
    const fences: number[] = []
    await Promise.all(handles.map(async (handle) => {
      const session = new Session(handle)
      for (let round = 0; round < 15; round++) {
        using attention = await attending(handle, session)
        let asked = await session.acquire()
        while (asked.is === 'waiting') {
          await attention.heard
          asked = { ...await session.look(asked), ticket: asked.ticket }
        }
        fences.push(asked.number!)
        await session.giveBack(asked)
      }
    }))
    expect(fences.length).toBe(45)
    expect(fences).toEqual(fences.toSorted((a, b) => a - b))
  }
}

export const sharedClosingCases: Cases = {
  async 'once closed it shares nothing, and nobody who attends hears anything more'({ backend, expect }) {
    let heard = 0
    const session = new Session(backend)
    await session.acquire()
    backend.attend(session.id, () => heard++)
    await backend.read([])
    heard = 0
    await backend.close()
    await expect(session.share([])).rejects.toMatchObject({ code: 'CLOSED' })
    expect(heard).toBe(0)
  }
}
