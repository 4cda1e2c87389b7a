import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openBackend } from '../../src/backends/registry.ts'
import type { Backend } from '../../src/backends/backend.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { CancelledError, JobDeadError, PayloadTooLargeError, ResultTimeoutError, UncloneableError, UnknownJobError } from '../../src/kernel/errors.ts'
import { type LogFields, lineLogger, silentLogger } from '../../src/kernel/logger.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { task } from '../../src/tasks/task.ts'
import { encode } from '../../src/wire/codec.ts'
import { sealEnvelope } from '../../src/wire/envelope.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { overlaid } from '../support/overlaid.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe.each(['memory', 'sqlite'])('a client and a worker on %s', (kind) => {
  let backend: Backend
  let queue: Client
  let worker: Worker
  let folder: ReturnType<typeof temporaryFolder>
  let log: LogFields[]

  beforeEach(async () => {
    folder = temporaryFolder()
    log = []
    const url = kind === 'memory' ? 'memory:' : `sqlite:${join(folder.path, 'jobs.db')}`
    backend = await openBackend(url, { clock: systemClock, log: silentLogger, threaded: false })
    queue = await connect(backend, { tasks })
    worker = await startWorker(backend, { tasks, threads: 1, lease: '1s', log: lineLogger('debug', (line) => log.push(line)) })
  })

  afterEach(async () => {
    await worker.close({ deadline: 0 })
    await queue.close()
    await backend.close()
    folder[Symbol.dispose]()
  })

  test('a call becomes a job and the job a result, on a thread and on the loop', async () => {
    const [sum, hello] = await Promise.all([queue.enqueue(tasks.add, 2, 3), queue.enqueue(tasks.greet, 'you')])
    expect(await sum.result()).toBe(5)
    expect(await hello.result()).toBe('hello you')
    const job = await sum.read()
    expect(job).toMatchObject({ state: 'succeeded', attempt: 1, token: 1, rescues: 0, worker: undefined })
    expect(job.spent!.wall).toBeGreaterThanOrEqual(0)
  })

  test('in a child process, and on a thread that blocks', async () => {
    const [pid, blocked] = await Promise.all([queue.enqueue(tasks.placeOf), queue.enqueue(tasks.waitBlocking, 10)])
    expect(await pid.result()).not.toBe(process.pid)
    expect(await blocked.result()).toBe('timed-out')
    expect(await pid.read()).toMatchObject({ place: 'process' })
  })

  test('a job that crashes its process is charged for it each time', async () => {
    const job = await queue.enqueue(tasks.selfKill)
    await expect(job.result()).rejects.toMatchObject({ code: 'PROCESS_EXITED' })
    expect(await job.read()).toMatchObject({ state: 'failed', attempt: 2 })
  })

  test('a job of a process that is handed back, since another ended its child, runs in a child again', { timeout: 60_000 }, async () => {
    const pids = async (many: number, end: number): Promise<PromiseSettledResult<number>[]> => {
      const jobs = await queue.enqueueMany(tasks.pidOrEnd, Array.from({ length: many }, (_, at) => [at === end]))
      return await Promise.allSettled(jobs.map((job) => job.result()))
    }
    await pids(200, Infinity)
    // Those that ended just before the death had not said so.
    const ends = await pids(60, 30)
    expect(ends.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'PROCESS_EXITED' } }])
    expect(ends.map((end) => end.status === 'fulfilled' && end.value)).not.toContain(process.pid)
  })

  test('many at once, each with its own result', async () => {
    const jobs = await queue.enqueueMany(tasks.add, Array.from({ length: 500 }, (_, i) => [i, i] as [number, number]))
    expect(await Promise.all(jobs.map((job) => job.result()))).toEqual(Array.from({ length: 500 }, (_, i) => 2 * i))
  })

  test('an error keeps its name, message, stack, code, cause and fields', async () => {
    const job = await queue.enqueue(tasks.fail)
    const error = await job.result().catch((thrown: unknown) => thrown) as Error & { code: string, left: number }
    expect(error).toMatchObject({ name: 'QuotaError', message: 'quota used up', code: 'E_QUOTA', left: 3 })
    expect(error.stack).toContain('queue/tasks.ts')
    expect(error.cause).toBeInstanceOf(RangeError)
    expect(await job.state()).toBe('failed')
  })

  test('a failed attempt is tried again, as often as the rules say', async () => {
    const third = await queue.enqueue(tasks.flaky, 3)
    expect(await third.result()).toBe(3)
    expect(await third.read()).toMatchObject({ attempt: 3, token: 3 })
    const never = await queue.enqueue(tasks.flaky.with({ retry: { limit: 1, initial: 1 } }), 9)
    await expect(never.result()).rejects.toThrow('attempt 2')
    const hopeless = await queue.enqueue(tasks.picky)
    await expect(hopeless.result()).rejects.toThrow('no use')
    expect((await hopeless.read()).attempt).toBe(1)
  })

  test('a delayed job waits; a cancelled one never runs', async () => {
    const later = await queue.enqueue(tasks.add.with({ delay: 50 }), 1, 1)
    expect(await later.state()).toBe('scheduled')
    const never = await queue.enqueue(tasks.add.with({ delay: '1h' }), 1, 1)
    expect(await never.cancel()).toBe('cancelled')
    await expect(never.result()).rejects.toThrow(CancelledError)
    expect(await never.cancel()).toBe('finished')
    expect(await later.result()).toBe(2)
  })

  test('cancel reaches a job that waits on the loop, and one that computes without end', async () => {
    const waiting = await queue.enqueue(tasks.waitForAbort)
    const spinning = await queue.enqueue(tasks.spin)
    await until(async () => (await waiting.state()) === 'active' && (await spinning.state()) === 'active')
    expect(await waiting.cancel()).toBe('stopping')
    expect(await spinning.cancel()).toBe('stopping')
    await expect(waiting.result()).rejects.toThrow(CancelledError)
    await expect(spinning.result()).rejects.toThrow(CancelledError)
    expect(await (await queue.enqueue(tasks.add, 4, 4)).result()).toBe(8)
  })

  test('a timeout stops an endless loop, and the thread works on', async () => {
    const job = await queue.enqueue(tasks.spin.with({ timeout: 50 }))
    await expect(job.result()).rejects.toMatchObject({ name: 'DeadlineExceededError', code: 'DEADLINE_EXCEEDED' })
    expect(await (await queue.enqueue(tasks.add, 1, 2)).result()).toBe(3)
  })

  test('process.exit in a task costs that call only', async () => {
    const exiting = await queue.enqueue(tasks.exit)
    const others = await queue.enqueueMany(tasks.add, [[1, 1], [2, 2], [3, 3]])
    await expect(exiting.result()).rejects.toMatchObject({ code: 'THREAD_EXITED' })
    expect(await Promise.all(others.map((job) => job.result()))).toEqual([2, 4, 6])
    for (const job of others) expect(await job.read()).toMatchObject({ attempt: 1 })
  })

  test('a job that expired before it could start is dead, with its cause', async () => {
    const job = await queue.enqueue(tasks.add.with({ delay: 30, expires: 10 }), 1, 1)
    const error = await job.result().catch((thrown: unknown) => thrown) as Error
    expect(error).toBeInstanceOf(JobDeadError)
    expect(error.cause).toMatchObject({ code: 'JOB_EXPIRED' })
  })

  test('the running task knows its job, attempt and token', async () => {
    const job = await queue.enqueue(tasks.whoAmI)
    expect(await job.result()).toEqual({ job: job.id, attempt: 1, token: 1, name: 'whoAmI' })
  })

  test('values that JSON lacks arrive as they were', async () => {
    const value = { date: new Date(5), map: new Map([[1, new Set(['a'])]]), big: 2n ** 70n, bytes: new Float64Array([1.5]), none: undefined }
    expect(await (await queue.enqueue(tasks.giveBack, value)).result()).toEqual(value)
  })

  test('what cannot be sent is refused at enqueue, with its path or its size, and nothing is kept', async () => {
    await expect(queue.enqueue(tasks.giveBack, { deep: [() => 1] })).rejects.toThrow(UncloneableError)
    await expect(queue.enqueue(tasks.giveBack, { deep: [() => 1] })).rejects.toThrow('args[0].deep[0]')
    await expect(queue.enqueue(tasks.giveBack, new Uint8Array(2 ** 20))).rejects.toThrow(PayloadTooLargeError)
    await expect(queue.enqueue(tasks.giveBack, new Uint8Array(2 ** 20))).rejects.toThrow(/takes 10485\d\d bytes; the limit is 1048576/)
    expect(await queue.list()).toEqual([])
  })

  test('a result that cannot be sent fails the job with its path', async () => {
    await expect((await queue.enqueue(tasks.unsendable)).result()).rejects.toMatchObject({ code: 'UNCLONEABLE', message: expect.stringContaining('callback') as string })
  })

  test('a job whose task this worker lacks is handed back uncharged, for later, and reported', async () => {
    const job = await queue.enqueueByName('elsewhere', [1])
    await until(async () => (await job.state()) === 'scheduled')
    expect(await job.read()).toMatchObject({ attempt: 0, token: 1, error: { code: 'UNKNOWN_TASK' } })
    expect(log.some(({ code }) => code === 'UNKNOWN_TASK')).toBe(true)
  })

  test('however often a job was delivered: that one worker lacks its task ends it not at once', async () => {
    const job = await queue.enqueueByName('elsewhere', [1], { queue: 'apart' })
    for (let times = 0; times < 25; times++) {
      const { deliveries: [delivery] } = await backend.reserve({ worker: 'by hand', queues: ['apart'], room: { thread: 1 }, lease: 60_000 })
      await backend.settle([{ job: job.id, token: delivery!.token, outcome: { event: 'release' } }])
    }
    await using _lacking = await startWorker(backend, { tasks, threads: 1, queues: ['apart'] })
    await until(async () => (await job.state()) !== 'ready' && (await job.state()) !== 'active')
    expect(await job.read()).toMatchObject({ state: 'scheduled', deferrals: 1, attempt: 0 })
  })

  test('waiting for a result has its own limit; the job goes on', async () => {
    const job = await queue.enqueue(tasks.sleep, 200)
    await expect(job.result({ timeout: 20 })).rejects.toThrow(ResultTimeoutError)
    const abort = new AbortController()
    const waiting = job.result({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(await job.result()).toBe(200)
  })

  test('an unknown job is said to be unknown', async () => {
    await expect(queue.job('nowhere').read()).rejects.toThrow(UnknownJobError)
    await expect(queue.job('nowhere').cancel()).rejects.toThrow(UnknownJobError)
  })

  test('a drain lets what runs end', async () => {
    const job = await queue.enqueue(tasks.sleep, 100)
    await until(async () => (await job.state()) === 'active')
    await worker.close({ deadline: '10s' })
    expect(await job.state()).toBe('succeeded')
  })

  test('a drain hands back, uncharged, what does not end by the deadline', async () => {
    const [slow, endless] = [await queue.enqueue(tasks.sleep, 60_000), await queue.enqueue(tasks.spin)]
    await until(async () => (await slow.state()) === 'active' && (await endless.state()) === 'active')
    await worker.close({ deadline: 50 })
    for (const job of [slow, endless]) expect(await job.read()).toMatchObject({ state: 'ready', attempt: 0, token: 1 })
  })

  test('a second close stops at once', async () => {
    const slow = await queue.enqueue(tasks.sleep, 60_000)
    await until(async () => (await slow.state()) === 'active')
    const draining = worker.close({ deadline: '1h' })
    await worker.close({ deadline: 0 })
    await draining
    expect(await slow.state()).toBe('ready')
  })

  test('a broker that no longer answers does not keep a worker from closing by its deadline', async () => {
    const silent = overlaid(backend, { settle: () => new Promise(() => {}) })
    const unheard = await startWorker(silent, { tasks, threads: 1, queues: ['unheard'], log: lineLogger('warn', (line) => log.push(line)) })
    const job = await queue.enqueue(tasks.add.with({ queue: 'unheard' }), 1, 1)
    await until(async () => (await job.state()) === 'active' && unheard.active === 0)
    await unheard.close({ deadline: 0 })
    expect(log.some(({ msg }) => String(msg).includes('did not answer in time'))).toBe(true)
  })

  test('calls without end among short ones are stopped in time, and keep none of the short ones', async () => {
    const warm = await queue.enqueueMany(tasks.add, Array.from({ length: 100 }, () => [1, 1] as [number, number]))
    await Promise.all(warm.map((job) => job.result()))
    const jobs = []
    for (let at = 0; at < 60; at++) jobs.push(at % 20 === 10 ? await queue.enqueue(tasks.spin.with({ timeout: 50 })) : await queue.enqueue(tasks.add, at, at))
    const ends = await Promise.allSettled(jobs.map((job) => job.result({ timeout: '20s' })))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(57)
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('a job that keeps ending the loop it shares runs alone: the others end, and it is charged', async () => {
    await worker.close({ deadline: 0 })
    const logged: LogFields[] = []
    worker = await startWorker(backend, { tasks, threads: 1, lease: '1s', stallLimit: 300, log: lineLogger('warn', (line) => logged.push(line)) })
    const culprit = await queue.enqueue(tasks.blockLater.with({ timeout: 1_500 }))
    const innocent = await queue.enqueueMany(tasks.sleep, [[600], [700]])
    expect(await Promise.all(innocent.map((job) => job.result({ timeout: '20s' })))).toEqual([600, 700])
    await expect(culprit.result({ timeout: '20s' })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    for (const job of innocent) expect((await job.read()).attempt).toBe(1)
    // Who reads the log learns what they were handed back for.
    const back = logged.filter(({ outcome }) => outcome === 'handedBack')
    expect(back.length).toBeGreaterThan(0)
    for (const line of back) expect(line).toMatchObject({ err: { code: 'THREAD_REPLACED' } })
  })

  test('a job that falls due while other lanes are at work still starts', async () => {
    const jobs = []
    for (let at = 0; at < 20; at++) {
      jobs.push(await queue.enqueue(tasks.sleep.with({ delay: 10 + at * 3 }), 1), ...await queue.enqueueMany(tasks.add, [[1, 1], [2, 2], [3, 3]]))
    }
    await Promise.all(jobs.map((job) => job.result({ timeout: '5s' })))
  })

  test('an error that no log can show, and a logger that throws, stop nothing', async () => {
    const throwing = lineLogger('debug', () => { throw new Error('the log is full') })
    await using other = await startWorker(backend, { tasks, threads: 1, queues: ['other'], log: throwing })
    const job = await queue.enqueue(tasks.failCyclic.with({ queue: 'other' }))
    await expect(job.result()).rejects.toThrow('cyclic')
    expect(other.health().ready).toBe(true)
  })

  test('a malformed job is set aside, and holds up no other', async () => {
    const broken = new Map<string, Uint8Array>([
      ['no envelope', new Uint8Array([9, 9, 9])],
      ['a header that lies', sealEnvelope({ retry: { limit: 5 } as never }, encode([1, 2]))],
      ['a header that is no object', new Uint8Array([1, 0, 1, 7])],
      ['no arguments', new Uint8Array([1, 0, 0])]
    ])
    const ids = [...broken].map(([, payload], at) => ({ id: `broken-${at}`, task: 'add', queue: 'default', place: 'thread' as const, priority: 0, payload, delay: 0, expires: Infinity, tags: [] }))
    await backend.publish(ids)
    expect(await (await queue.enqueue(tasks.add, 1, 1)).result()).toBe(2)
    for (const { id } of ids) await until(async () => ['dead', 'failed'].includes((await queue.read(id)).state))
  })

  test('rules of one call keep what they do not change, and reach the worker', async () => {
    await expect((await queue.enqueue(tasks.spinBriefly)).result()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const [stopped] = await queue.list({ task: 'spinBriefly' })
    expect(stopped!.attempt).toBe(1)
    const picky = await queue.enqueue(tasks.fail.with({ retry: { limit: 3, initial: 0, giveUpOn: ['E_QUOTA'] } }))
    await expect(picky.result()).rejects.toThrow('quota')
    expect((await picky.read()).attempt).toBe(1)
    const patient = await queue.enqueue(tasks.spinBriefly.with({ timeout: Infinity }))
    await until(async () => (await patient.state()) === 'active')
    await expect(patient.result({ timeout: 200 })).rejects.toThrow(ResultTimeoutError)
    await patient.cancel()
    await expect(queue.enqueue(tasks.fail.with({ retry: { on: [() => true] } }))).rejects.toThrow('functions belong to task()')
  })

  test('only the tasks that were given run, though their module exports others', async () => {
    await using choosy = await startWorker(backend, { tasks: [tasks.add], threads: 1, queues: ['choosy'] })
    expect(choosy.tasks).toEqual(['add'])
    const local = task({ name: 'local' }, () => 1)
    await expect(startWorker(backend, { tasks: [local] })).rejects.toThrow()
  })

  test('a job that nobody enqueued is unknown, not waited for', async () => {
    await expect(queue.job('typo').result()).rejects.toThrow(UnknownJobError)
  })

  test('stats say what stands where, and which workers live', async () => {
    await queue.enqueue(tasks.sleep.with({ delay: '1h', queue: 'slow' }), 1)
    await (await queue.enqueue(tasks.add, 1, 1)).result()
    const { queues, workers } = await queue.stats()
    expect(queues['slow']).toMatchObject({ scheduled: 1, ready: 0 })
    expect(queues['default']).toMatchObject({ succeeded: 1, active: 0 })
    expect(workers.map(({ id }) => id)).toEqual([worker.id])
  })
})

/** Looks again at each turn of the loop. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await systemClock.sleep(1)
}
