import { type Cases, bytes } from './bench.ts'
import { Session } from './shared-bench.ts'

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
