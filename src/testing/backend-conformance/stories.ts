import { historyLimit, logLimit } from '../../jobs/history.ts'
import { type Cases, bytes, deliver, error, newJob, read, ref, request, settlement, spent, succeed } from './bench.ts'

/** What is kept of a job besides itself: its history, its progress, its logs. */
export const storyCases: Cases = {
  async 'the history tells what happened, in order'({ backend, clock, expect }) {
    const began = clock.now()
    const first = await deliver(backend)
    await clock.advance(10)
    await backend.settle([settlement(first, { event: 'retry', delay: 5, error, spent })])
    await clock.advance(5)
    const { deliveries: [second] } = await backend.reserve(request({ worker: 'worker-2' }))
    await clock.advance(20)
    await backend.settle([succeed(second!)])
    expect((await backend.story(first.job))?.history).toEqual([
      { at: began, event: 'publish', attempt: 0, token: 0, worker: undefined, startedAt: undefined, error: undefined, spent: undefined },
      { at: began + 10, event: 'retry', attempt: 1, token: 1, worker: 'worker-1', startedAt: began, error, spent },
      { at: began + 35, event: 'succeed', attempt: 2, token: 2, worker: undefined, startedAt: began + 15, error: undefined, spent }
    ])
    expect(await read(backend, first.job)).toMatchObject({ startedAt: began + 15, finishedAt: began + 35 })
  },

  async 'one under way is told as handed out; an unknown job has no story'({ backend, expect }) {
    const delivery = await deliver(backend)
    expect((await backend.story(delivery.job))?.history.map(({ event, worker }) => [event, worker])).toEqual([['publish', undefined], ['reserve', 'worker-1']])
    expect(await backend.story('nobody-knows')).toBe(undefined)
  },

  async 'no more than the newest entries are kept'({ backend, expect }) {
    const job = newJob()
    await backend.publish([job])
    for (let times = 0; times < historyLimit + 5; times++) {
      const { deliveries: [delivery] } = await backend.reserve(request())
      await backend.settle([settlement(delivery!, { event: 'release' })])
    }
    const history = (await backend.story(job.id))!.history
    expect([history.length, history[1]?.token, history.at(-1)?.token]).toEqual([historyLimit + 1, 6, historyLimit + 5])
  },

  async 'progress is what the newest attempt said last'({ backend, expect }) {
    const first = await deliver(backend)
    await backend.report([{ ...ref(first), progress: { done: 1 } }])
    await backend.report([{ ...ref(first), progress: { done: 2, total: 4, note: 'half' } }])
    expect((await read(backend, first.job)).progress).toEqual({ done: 2, total: 4, note: 'half' })
    await backend.settle([settlement(first, { event: 'release' })])
    const { deliveries: [second] } = await backend.reserve(request())
    expect((await read(backend, first.job)).progress).toBe(undefined)
    await backend.report([{ ...ref(first), progress: { done: 3 } }])
    expect((await read(backend, first.job)).progress).toBe(undefined)
    await backend.report([{ ...ref(second!), progress: { done: 4 } }])
    await backend.settle([succeed(second!)])
    expect((await read(backend, first.job)).progress).toEqual({ done: 4 })
    expect((await backend.list({ limit: 1 }))[0]?.progress).toEqual({ done: 4 })
  },

  async 'a revived job has made no progress yet'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.report([{ ...ref(delivery), progress: { done: 1 } }])
    await backend.settle([settlement(delivery, { event: 'fail', error })])
    await backend.commit([{ job: delivery.job, event: 'revive' }])
    expect((await read(backend, delivery.job)).progress).toBe(undefined)
  },

  async 'logs are kept in order, and bounded'({ backend, expect }) {
    const delivery = await deliver(backend)
    const line = (message: string): { at: number, level: 'info', attempt: number, token: number, message: string, fields: string } =>
      ({ at: 5, level: 'info', attempt: 1, token: delivery.token, message, fields: '{"n":1}' })
    await backend.report([{ ...ref(delivery), logs: [line('one'), line('two')] }])
    expect((await backend.story(delivery.job))?.logs).toEqual([line('one'), line('two')])
    for (let part = 0; part < 3; part++) {
      await backend.report([{ ...ref(delivery), logs: Array.from({ length: logLimit / 2 }, (_, at) => line(`${part} ${at}`)) }])
    }
    const logs = (await backend.story(delivery.job))!.logs
    expect([logs.length, logs[0]?.message]).toEqual([logLimit, '1 0'])
    await backend.report([{ job: delivery.job, token: delivery.token + 1, logs: [line('of nobody')] }, { job: 'nobody-knows', token: 1, logs: [line('lost')] }])
    expect((await backend.story(delivery.job))?.logs.at(-1)?.message).toBe(`2 ${logLimit / 2 - 1}`)
  },

  async 'a job that is revived with another payload keeps the one that it came with'({ backend, expect }) {
    const delivery = await deliver(backend, { payload: bytes('first') })
    const plain = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'fail', error }), settlement(plain, { event: 'fail', error })])
    await backend.commit([{ job: plain.job, event: 'revive' }])
    for (const mended of ['second', 'third']) {
      await backend.commit([{ job: delivery.job, event: 'revive', payload: bytes(mended) }])
      const { deliveries } = await backend.reserve(request())
      const again = deliveries.find(({ job }) => job === delivery.job)!
      expect(again.payload).toEqual(bytes(mended))
      await backend.settle(deliveries.map((one) => settlement(one, { event: 'fail', error })))
    }
    // What cannot be revived is not mended either.
    expect(await backend.commit([{ job: (await deliver(backend)).job, event: 'revive', payload: bytes('no') }])).toEqual(['active'])
    expect(await backend.story(delivery.job)).toMatchObject({ payload: bytes('third'), original: bytes('first') })
    expect((await backend.story(plain.job))!.original).toBe(undefined)
    await backend.purge({ states: ['failed'], olderThan: 0, limit: 10 })
    await backend.publish([newJob({ id: delivery.job })])
    expect((await backend.story(delivery.job))!.original).toBe(undefined)
  },

  async 'a purged job leaves no story'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.report([{ ...ref(delivery), progress: { done: 1 } }])
    await backend.settle([settlement(delivery, { event: 'fail', error })])
    await backend.purge({ states: ['failed'], olderThan: 0, limit: 10 })
    expect(await backend.story(delivery.job)).toBe(undefined)
  }
}
