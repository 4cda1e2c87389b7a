import type { Cases } from './bench.ts'
import { Session, textOf } from './shared-bench.ts'

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
