import { expect } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { call, retry } from '../../src/index.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { onEachBackend } from '../support/each-backend.ts'

onEachBackend('what jobs can do besides succeeding', (test) => {
  test('a task that asks to be tried again is, as often as it asks, and its arguments stay', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const job = await queue.enqueue(tasks.comeBack, 4, 5)
    expect(await job.result()).toBe(4)
    const { history, args } = await job.story()
    expect(args).toEqual([4, 5])
    expect(history.filter(({ event }) => event === 'retry').map(({ error }) => [error?.code, error?.message])).toEqual(Array.from({ length: 3 }, () => ['RETRY_REQUESTED', 'The task asked to be tried again in 5 ms.']))
    await expect((await queue.enqueue(tasks.comeBack.with({ retry: { limit: 1, giveUpOn: ['RETRY_REQUESTED'] } }), 4, 0)).result()).rejects.toMatchObject({ code: 'RETRY_REQUESTED', after: 0, cause: { name: 'RangeError', message: 'busy' } })
    expect(await (await queue.enqueue(tasks.comeBack.with({ retry: { initial: 0 } }), 2, undefined)).result()).toBe(2)
  })

  test('what is linked with a job runs when that has ended, and knows how', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const linked = { link: [call(tasks.parentOf.with({ tags: ['told'], link: call(tasks.parentOf.with({ tags: ['last'] }), 'third') }), 'second')], linkError: call(tasks.parentOf.with({ tags: ['sorry'] }), 'sorry') }
    const good = await queue.enqueue(tasks.add.with(linked), 2, 3)
    const bad = await queue.enqueue(tasks.fail.with(linked))
    expect(await good.result()).toBe(5)
    const found = async (tag: string): Promise<unknown> => {
      for (;;) {
        const [job] = await queue.list({ tag })
        if (job) return queue.job(job.id).result()
      }
    }
    const second = { word: 'second', job: good.id, state: 'succeeded', result: 5, error: undefined }
    expect(await found('told')).toEqual(second)
    expect(await found('last')).toMatchObject({ word: 'third', state: 'succeeded', result: second })
    expect(await found('sorry')).toEqual({ word: 'sorry', job: bad.id, state: 'failed', result: undefined, error: 'quota used up' })
    expect((await queue.list({ tag: 'sorry' })).map(({ parent }) => parent)).toEqual([{ job: bad.id, state: 'failed' }])
    expect((await good.read()).parent).toBe(undefined)
  })

  test('one job serves for many calls with the same arguments, and each handle has its result', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const once = tasks.add.with({ unique: true })
    const [first, second, other] = await Promise.all([queue.enqueue(once, 2, 2), queue.enqueue(once, 2, 2), queue.enqueue(once, 2, 3)])
    expect([first, second, other].map(({ admission }) => admission)).toEqual(['created', 'merged', 'created'])
    expect(second.id).toBe(first.id)
    expect(await queue.enqueue(tasks.add.with({ unique: { taken: 'reject' } }), 2, 2)).toMatchObject({ admission: 'rejected', id: first.id })
    expect(await queue.enqueue(tasks.giveBack.with({ unique: true }), 2)).toMatchObject({ admission: 'created' })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    expect(await Promise.all([first, second, other].map((job) => job.result()))).toEqual([4, 4, 5])
    expect(await queue.enqueue(once, 2, 2)).toMatchObject({ admission: 'created' })
  })

  test('an idempotency key outlives its job, and a newer call replaces one that waits', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const order = tasks.add.with({ idempotencyKey: 'order-17' })
    const debounced = tasks.giveBack.with({ unique: { key: 'k', taken: 'replace' }, delay: 1 })
    const first = await queue.enqueue(order, 1, 1)
    const typed = await queue.enqueue(debounced, 'a')
    const last = await queue.enqueue(debounced, 'ab')
    expect(last).toMatchObject({ admission: 'replaced', id: typed.id })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    expect([await first.result(), await typed.result()]).toEqual([2, 'ab'])
    expect(await queue.enqueue(order, 9, 9)).toMatchObject({ admission: 'merged', id: first.id })
    expect(await (await queue.enqueue(order, 9, 9)).result()).toBe(2)
  })

  test('a job that failed is tried again with other arguments, and keeps those that it came with', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const job = await queue.enqueue(tasks.bytes, -1)
    await expect(job.result()).rejects.toMatchObject({ name: 'RangeError' })
    expect(await queue.retry(job.id, { args: [2] })).toBe('ready')
    expect(await job.result()).toHaveLength(2)
    expect(await job.story()).toMatchObject({ args: [2], originalArgs: [-1] })
    const again = await queue.enqueue(tasks.bytes, -1)
    for (const length of [-2, -3]) {
      await expect(again.result()).rejects.toMatchObject({ name: 'RangeError' })
      expect((await again.story()).originalArgs).toEqual(length === -2 ? undefined : [-1])
      await queue.retry(again.id, { args: [length] })
    }
    await expect(again.result()).rejects.toMatchObject({ name: 'RangeError' })
    expect(await again.story()).toMatchObject({ args: [-3], originalArgs: [-1] })
    await expect(queue.retry(job.id, { args: [1n, () => 1] })).rejects.toMatchObject({ code: 'UNCLONEABLE' })
    await expect(queue.retry(job.id, { args: 'x' as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(queue.retry('nobody', { args: [] })).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
  })

  test('after the soft time the signal aborts, and what comes of it counts; the hard one stops the attempt', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const job = await queue.enqueue(tasks.wrapUp.with({ softTimeout: 20, timeout: '1m' }))
    expect(await job.result()).toBe('SoftTimeoutError')
    await expect((await queue.enqueue(tasks.wrapUp.with({ timeout: 20 }))).result()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(await (await queue.enqueue(tasks.add.with({ softTimeout: 100, timeout: '1m' }), 1, 2)).result()).toBe(3)
  })

  test('nothing is kept of a result that is to be ignored', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const job = await queue.enqueue(tasks.bytes.with({ ignoreResult: true }), 500_000)
    expect(await job.result()).toBe(undefined)
    expect((await backend.read([job.id]))[0]?.result?.length).toBeLessThan(10)
    // It is not even looked at: what could not be sent is no failure.
    expect(await (await queue.enqueue(tasks.unsendable.with({ ignoreResult: true }))).result()).toBe(undefined)
  })

  test('options that say nothing sensible are refused where they are written', async () => {
    for (const [options, message] of [
      [{ unique: { key: '' } }, /unique\.key .*1 to 200 characters/],
      ...['key', 'idempotencyKey'].map((name) => [{ [name]: 'half a \ud83d pair' }, new RegExp(`^${name} takes .*without lone surrogates`)] as const),
      [{ unique: { key: '\udc00' } }, /^unique\.key .*without lone surrogates/],
      [{ unique: { taken: 'kill' } }, /unique\.taken .*'merge', 'reject' or 'replace'/],
      [{ unique: { keys: 'x' } }, /keys/],
      [{ unique: true, idempotencyKey: 'x' }, /without unique/],
      [{ softTimeout: '2s', timeout: '1s' }, /less than timeout/],
      [{ softTimeout: 0 }, /more than 0/],
      [{ link: tasks.add }, /what call\(\) gives/],
      [{ ignoreResult: 'yes' }, /true or false/]
    ] as const) {
      expect(() => tasks.add.with(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(message) as string }))
    }
    expect(() => retry({ after: -1 })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
