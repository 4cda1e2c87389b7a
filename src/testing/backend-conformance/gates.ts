import type { Backend } from '../../backends/backend.ts'
import type { Delivery } from '../../backends/broker.ts'
import type { NewJob } from '../../jobs/job.ts'
import { type Cases, error, ids, newJob, request, settlement, succeed, woken } from './bench.ts'

function many(count: number, given: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, () => newJob(given))
}

async function take(backend: Backend, room: number, worker = 'worker-1'): Promise<readonly Delivery[]> {
  return (await backend.reserve(request({ worker, room: { thread: room } }))).deliveries
}

/** What is held back of what is ready: by limits, by turns, by order. */
export const gateCases: Cases = {
  async 'no more of a queue, a task or a key run at once than its gate lets through, whatever the worker'({ backend, expect }) {
    for (const [name, mine, others] of [
      [{ queue: 'default' }, {}, 0], [{ queue: 'default', task: 'task' }, {}, 3], [{ queue: 'default', key: 'k' }, { key: 'k' }, 3], [{ queue: 'default', key: '*' }, { key: 'l' }, 3]
    ] as const) {
      await backend.gate([{ ...name, rule: { concurrency: 2 } }])
      await backend.publish([...many(5, mine), ...many(3, { task: 'other' })])
      const first = await take(backend, 10)
      const second = await take(backend, 10, 'worker-2')
      const own = (all: readonly Delivery[]): readonly Delivery[] => others === 0 ? all : all.filter(({ task }) => task === 'task')
      expect([own(first).length, own(second).length, first.length]).toEqual([2, 0, 2 + others])
      const { reservation } = await backend.settle([succeed(own(first)[0]!)], request({ worker: 'worker-2' }))
      expect(own(reservation!.deliveries).length).toBe(1)
      await backend.settle([settlement(own(first)[1]!, { event: 'retry', delay: 0, error })])
      expect(own(await take(backend, 10)).length).toBe(1)
      await backend.gate([{ ...name, rule: null }])
      const rest = await take(backend, 20)
      expect(own(rest).length).toBe(others === 0 ? 5 : 2)
      await backend.leave('worker-1')
      await backend.leave('worker-2')
      await backend.settle((await take(backend, 100)).map(succeed))
    }
  },

  async 'a limit that is set while jobs run counts them, and one that is lifted lets the rest go'({ backend, expect }) {
    await backend.publish(many(3))
    const running = await take(backend, 3)
    await backend.gate([{ queue: 'default', task: 'task', rule: { concurrency: 3 } }])
    const [waiting] = many(1)
    await backend.publish([waiting!])
    expect(await take(backend, 3)).toEqual([])
    await backend.settle([succeed(running[0]!)])
    expect((await take(backend, 3)).map(({ job }) => job)).toEqual([waiting!.id])
  },

  async 'paused, a queue and a key give nothing, and what runs goes on; resumed, they give all'({ backend, expect }) {
    for (const name of [{ queue: 'default' }, { queue: 'default', key: 'k' }]) {
      await backend.publish(many(3, { key: 'k' }))
      const [running] = await take(backend, 1)
      await backend.gate([{ ...name, paused: true }])
      expect(await take(backend, 5)).toEqual([])
      expect(await backend.gates()).toEqual([{ ...name, rule: {}, paused: true, heldUntil: 0 }])
      expect((await backend.settle([succeed(running!)])).stale).toEqual([])
      expect(await take(backend, 5)).toEqual([])
      using listening = await woken(backend, ['default'])
      await backend.gate([{ ...name, paused: false }])
      await listening.heard
      const rest = await take(backend, 5)
      expect(rest.length).toBe(2)
      await backend.settle(rest.map(succeed))
      expect(await backend.gates()).toEqual([])
    }
  },

  async 'jobs of a key that comes new are next, however many others wait, and weights are shares'({ backend, expect }) {
    const [many1, few] = [many(50, { key: 'many' }), many(3, { key: 'few' })]
    await backend.publish(many1)
    await backend.settle((await take(backend, 20)).map(succeed))
    await backend.publish(few)
    const got = await take(backend, 8)
    expect(got.filter(({ job }) => few.some(({ id }) => id === job)).length).toBe(3)
    await backend.settle((await take(backend, 100)).map(succeed))
    await backend.gate([{ queue: 'default', key: 'heavy', rule: { weight: 3 } }])
    const [heavy, light] = [many(30, { key: 'heavy' }), many(30, { key: 'light' })]
    await backend.publish([...light, ...heavy])
    const share = (await take(backend, 20)).filter(({ job }) => heavy.some(({ id }) => id === job)).length
    expect([share >= 14, share <= 16]).toEqual([true, true])
  },

  async 'a key that was away has no credit: it takes its turn with those that waited'({ backend, expect }) {
    await backend.publish(many(10, { key: 'early' }))
    await backend.settle((await take(backend, 10)).map(succeed))
    const [waits, late] = [many(10, { key: 'early' }), many(10, { key: 'late' })]
    await backend.publish([...waits, ...late])
    const got = await take(backend, 10)
    const share = got.filter(({ job }) => late.some(({ id }) => id === job)).length
    expect([share >= 4, share <= 6]).toEqual([true, true])
  },

  async 'what one handle is asked to publish in the same moment has its turns in that order'({ backend, expect }) {
    const [keyed, plain, next, other] = [newJob({ key: 'k' }), newJob(), newJob(), newJob({ key: 'm' })]
    await Promise.all([backend.publish([keyed]), backend.publish([plain])])
    await backend.publish([next, other])
    expect((await take(backend, 4)).map(({ job }) => job)).toEqual([keyed.id, plain.id, other.id, next.id])
  },

  async 'ordered jobs of a key run one at a time in their order, through retries; a cancel, a failure and a death let the next go'({ backend, clock, expect }) {
    const own = many(5, { key: 'k', ordered: true })
    const others = many(2, { key: 'l', ordered: true })
    await backend.publish([...own, ...others])
    const [first, other] = await take(backend, 10)
    expect([first!.job, other!.job]).toEqual([own[0]!.id, others[0]!.id])
    await backend.settle([settlement(first!, { event: 'retry', delay: 5_000, error })])
    expect(await take(backend, 10)).toEqual([])
    await clock.advance(5_000)
    const [again] = await take(backend, 10)
    expect(again!.job).toBe(own[0]!.id)
    await backend.settle([settlement(again!, { event: 'fail', error })])
    const [second] = await take(backend, 10)
    expect(second!.job).toBe(own[1]!.id)
    await backend.settle([settlement(second!, { event: 'retry', delay: 60_000, error })])
    await backend.commit([{ job: second!.job, event: 'cancel' }])
    const [third] = await take(backend, 10)
    expect(third!.job).toBe(own[2]!.id)
    await backend.commit([{ job: own[3]!.id, event: 'cancel' }])
    using listening = await woken(backend, ['default'])
    await backend.settle([settlement(third!, { event: 'bury', error })])
    await listening.heard
    expect((await take(backend, 10)).map(({ job }) => job)).toEqual([own[4]!.id])
  },

  async 'ordered jobs of a key run one at a time in whatever places and with whatever priorities'({ backend, expect }) {
    const own = [newJob({ key: 'k', ordered: true }), newJob({ key: 'k', ordered: true, place: 'loop' }), newJob({ key: 'k', ordered: true, place: 'loop', priority: 5, task: 'other' })]
    await backend.publish(own)
    const began: string[] = []
    while (began.length < own.length) {
      const { deliveries } = await backend.reserve(request({ room: { thread: 5, loop: 5 } }))
      expect(deliveries.length).toBe(1)
      expect((await backend.reserve(request({ worker: 'worker-2', room: { thread: 5, loop: 5 } }))).deliveries).toEqual([])
      began.push(deliveries[0]!.job)
      await backend.settle(deliveries.map(succeed))
    }
    expect(began.toSorted()).toEqual(own.map(({ id }) => id))
    expect(began.indexOf(own[2]!.id)).toBeLessThanOrEqual(began.indexOf(own[1]!.id))
  },

  async 'a rate lets through as much as it says, at once and then one by one; costs count'({ backend, clock, expect }) {
    await backend.gate([{ queue: 'default', task: 'task', rule: { rate: { limit: 10, per: 1_000 } } }])
    await backend.publish(many(25))
    expect((await take(backend, 30)).length).toBe(10)
    const { deliveries, nextDue } = await backend.reserve(request({ worker: 'worker-2' }))
    expect([deliveries, nextDue]).toEqual([[], 100])
    await clock.advance(100)
    expect((await take(backend, 30)).length).toBe(1)
    await clock.advance(450)
    expect((await take(backend, 30)).length).toBe(4)
    await clock.advance(60_000)
    await backend.settle((await take(backend, 30)).map(succeed))
    await backend.publish([newJob(), newJob({ cost: 8 }), newJob({ cost: 25 })])
    await clock.advance(60_000)
    await backend.settle((await take(backend, 30)).map(succeed))
    await clock.advance(60_000)
    await backend.settle((await take(backend, 30)).map(succeed))
    await backend.publish([newJob({ cost: 8 }), newJob({ cost: 8 })])
    await clock.advance(60_000)
    expect((await take(backend, 30)).length).toBe(1)
    await clock.advance(500)
    expect(await take(backend, 30)).toEqual([])
    await clock.advance(100)
    expect((await take(backend, 30)).length).toBe(1)
  },

  async 'the same rate of a queue, and of each key apart'({ backend, clock, expect }) {
    await backend.gate([{ queue: 'default', rule: { rate: { limit: 4, per: 1_000 } } }, { queue: 'default', key: '*', rule: { rate: { limit: 1, per: 1_000 } } }])
    await backend.publish([...many(5, { key: 'k' }), ...many(5, { key: 'l' }), ...many(5)])
    expect((await take(backend, 30)).map(({ job }) => job).length).toBe(4)
    const { deliveries, nextDue } = await backend.reserve(request())
    expect([deliveries, nextDue]).toEqual([[], 250])
    await clock.advance(250)
    expect((await take(backend, 30)).length).toBe(1)
  },

  async 'what is held for a time is let go after it, and the longer of two times counts'({ backend, clock, expect }) {
    await backend.publish(many(2))
    await backend.gate([{ queue: 'default', task: 'task', holdFor: 5_000 }])
    await backend.gate([{ queue: 'default', task: 'task', holdFor: 1_000 }])
    expect((await backend.reserve(request())).nextDue).toBe(5_000)
    expect(await backend.gates()).toEqual([{ queue: 'default', task: 'task', rule: {}, paused: false, heldUntil: clock.now() + 5_000 }])
    await clock.advance(5_000)
    expect((await take(backend, 5)).length).toBe(2)
  },

  async 'what waits before a gate is found, cancelled, expired and purged as what stands in its line'({ backend, clock, expect }) {
    await backend.gate([{ queue: 'default', task: 'task', paused: true }])
    const [cancelled, dies, stays] = [newJob(), newJob({ expires: 1_000 }), newJob()]
    await backend.publish([cancelled, dies, stays])
    expect(await take(backend, 5)).toEqual([])
    expect((await backend.list({ state: 'ready', limit: 10 })).map(({ id }) => id)).toEqual([cancelled.id, dies.id, stays.id])
    expect(await backend.commit([{ job: cancelled.id, event: 'cancel' }])).toEqual(['cancelled'])
    await clock.advance(1_000)
    expect((await backend.sweep(Infinity)).buried).toEqual([dies.id])
    expect((await backend.purge({ states: ['cancelled', 'dead'], olderThan: 0, limit: 10 })).jobs).toEqual([cancelled.id, dies.id])
    await backend.gate([{ queue: 'default', task: 'task', paused: false }])
    expect(ids(await backend.reserve(request()))).toEqual([stays.id])
    expect((await backend.stats()).queues['default']).toMatchObject({ ready: 0, active: 1 })
  },

  async 'a free slot wakes who listens, and is taken by whoever has room'({ backend, expect }) {
    await backend.gate([{ queue: 'default', key: 'k', rule: { concurrency: 1 } }])
    await backend.publish(many(2, { key: 'k' }))
    const [running] = await take(backend, 1)
    expect(await take(backend, 1, 'worker-2')).toEqual([])
    using listening = await woken(backend, ['default'])
    await backend.settle([succeed(running!)])
    await listening.heard
    expect((await take(backend, 1, 'worker-2')).length).toBe(1)
  },

  async 'what has ended is not counted by a gate that came with its own link'({ backend, expect }) {
    const link = { on: 'success', job: newJob({ task: 'other', key: 'k' }) } as const
    await backend.publish([newJob(), newJob({ links: [link] }), newJob({ queue: 'more' })])
    await backend.settle((await backend.reserve(request({ queues: ['default', 'more'] }))).deliveries.map(succeed))
    await backend.gate([{ queue: 'default', task: 'task', rule: { concurrency: 2 } }])
    await backend.publish(many(3))
    expect((await take(backend, 10)).filter(({ task }) => task === 'task').length).toBe(2)
  },

  async 'a job that is published as another expires, in a queue that had no gates, is counted'({ backend, clock, expect }) {
    await backend.publish([newJob({ expires: 10, links: [{ on: 'failure', job: newJob({ key: 'k' }) }] }), ...many(2)])
    await clock.advance(10)
    const got = await take(backend, 10)
    expect(got.length).toBe(3)
    await backend.gate([{ queue: 'default', task: 'task', rule: { concurrency: 2 } }])
    await backend.publish(many(3))
    await backend.settle(got.slice(1).map(succeed))
    expect((await take(backend, 10)).length).toBe(1)
  },

  async 'a flood before a gate is passed over in goes, each no longer than others can wait, and comes whole when it opens'({ backend, expect }) {
    const flood = many(2_500, { priority: 1 })
    await backend.gate([{ queue: 'default', task: 'task', paused: true }])
    await backend.publish(flood)
    await backend.publish(many(1, { task: 'other' }))
    let goes = 0
    let last = await backend.reserve(request())
    for (; last.deliveries.length === 0 && last.nextDue === 0; goes++) last = await backend.reserve(request())
    expect([last.deliveries.map(({ task }) => task), goes]).toEqual([['other'], 2])
    expect((await backend.reserve(request())).nextDue).toBe(Infinity)
    await backend.gate([{ queue: 'default', task: 'task', paused: false }])
    const got: string[] = []
    for (let taken = await take(backend, 400); taken.length > 0; taken = await take(backend, 400)) got.push(...taken.map(({ job }) => job))
    expect(got).toEqual(flood.map(({ id }) => id))
  },

  async 'a gate before which jobs of other lines wait is in nobody\'s way, however many there are'({ backend, expect }) {
    const keys = Array.from({ length: 1_200 }, (_, at) => `k${at}`)
    await backend.gate([{ queue: 'default', key: '*', rule: { concurrency: 1 } }])
    await backend.publish([...keys.map((key) => newJob({ key })), ...keys.map((key) => newJob({ key, place: 'process' }))])
    const running = await take(backend, 2_000)
    await backend.reserve(request({ room: { process: 2_000 } }))
    const late = keys.filter((_, at) => at % 100 === 0).map((key) => newJob({ key, task: 'late' }))
    await backend.publish(late)
    expect(await take(backend, 100)).toEqual([])
    await backend.settle(running.map(succeed))
    expect((await take(backend, 100)).map(({ job }) => job).toSorted()).toEqual(late.map(({ id }) => id))
  },

  async 'what costs less than 1 goes through as often as the rate allows'({ backend, clock, expect }) {
    await backend.gate([{ queue: 'default', task: 'task', rule: { rate: { limit: 2, per: 100 } } }])
    await backend.publish(many(10, { cost: 0.5 }))
    expect((await take(backend, 10)).length).toBe(4)
    await clock.advance(100)
    expect((await take(backend, 10)).length).toBe(4)
  },

  async 'an order, a limit of the task and one of the key hold, whatever waits before which'({ backend, expect }) {
    await backend.gate([{ queue: 'default', task: 'task', rule: { concurrency: 3 } }, { queue: 'default', key: '*', rule: { concurrency: 2 } }])
    const jobs = Array.from({ length: 120 }, (_, at) => newJob({ key: `k${at % 4}`, ordered: at % 4 < 2, priority: at % 3 - 1 }))
    await backend.publish(jobs)
    const begun: string[] = []
    let running = await take(backend, 10)
    while (running.length > 0) {
      begun.push(...running.map(({ job }) => job))
      const keys = running.map(({ job }) => jobs.find(({ id }) => id === job)!)
      expect([running.length <= 3, keys.filter(({ key }) => key === 'k0').length <= 1, keys.filter(({ key }) => key === 'k2').length <= 2]).toEqual([true, true, true])
      running = (await backend.settle(running.map(succeed), request({ worker: 'worker-1' }))).reservation!.deliveries
    }
    expect(begun.toSorted()).toEqual(jobs.map(({ id }) => id))
  },

  async 'an ordered job waits for those of its key before it, also where a gate or the room of another place holds those back'({ backend, expect }) {
    const ordered = { key: 'k', ordered: true }
    const [held, behind] = [newJob({ ...ordered, task: 'held' }), newJob(ordered)]
    await backend.gate([{ queue: 'default', task: 'held', paused: true }])
    await backend.publish([held, behind])
    expect(ids(await backend.reserve(request()))).toEqual([])
    using listening = await woken(backend, ['default'])
    await backend.gate([{ queue: 'default', task: 'held', paused: false }])
    await listening.heard
    const [first] = (await backend.reserve(request())).deliveries
    expect(first!.job).toBe(held.id)
    const [elsewhere, last] = [newJob({ ...ordered, place: 'process' }), newJob(ordered)]
    await backend.publish([elsewhere, last])
    await backend.settle([succeed(first!)])
    const [second] = await take(backend, 10)
    expect(second!.job).toBe(behind.id)
    await backend.settle([succeed(second!)])
    expect(await take(backend, 10)).toEqual([])
    const third = (await backend.reserve(request())).deliveries
    expect(third.map(({ job }) => job)).toEqual([elsewhere.id])
    expect(await take(backend, 10)).toEqual([])
    await backend.settle([settlement(third[0]!, { event: 'retry', delay: 0, error })])
    expect(await take(backend, 10)).toEqual([])
    await backend.commit([{ job: elsewhere.id, event: 'cancel' }])
    expect((await take(backend, 10)).map(({ job }) => job)).toEqual([last.id])
  },

  async 'a rate opens for what costs least of those that are first in their lines'({ backend, clock, expect }) {
    await backend.gate([{ queue: 'default', task: 'task', rule: { rate: { limit: 2, per: 100 } } }])
    await backend.publish(many(2))
    await take(backend, 2)
    for (const job of [newJob({ cost: 0.5 }), newJob({ place: 'loop' })]) {
      await backend.publish([job])
      expect((await backend.reserve(request())).deliveries).toEqual([])
    }
    expect((await backend.reserve(request())).nextDue).toBe(25)
    await clock.advance(25)
    expect((await backend.reserve(request())).deliveries.map(({ place }) => place)).toEqual(['thread'])
  }
}
