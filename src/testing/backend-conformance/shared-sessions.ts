import { type Cases, bytes } from './bench.ts'
import { Session, attending, textOf } from './shared-bench.ts'

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
