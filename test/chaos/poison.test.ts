import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { JobDeadError } from '../../src/kernel/errors.ts'
import * as tasks from '../fixtures/chaos/tasks.ts'
import { readJournal } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))

/** A queue of its own, with workers whose lease is short. */
async function stage(): Promise<{ queue: Awaited<ReturnType<typeof connect>>, journal: string, worker: (...flags: string[]) => WorkerProcess } & AsyncDisposable> {
  const opened = new AsyncDisposableStack()
  const folder = opened.use(temporaryFolder())
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  return {
    queue: opened.use(await connect(broker, { tasks })),
    journal: join(folder.path, 'journal'),
    worker: (...flags) => opened.use(new WorkerProcess(broker, tasksFile, '--lease', '1s', ...flags)),
    [Symbol.asyncDispose]: () => opened.disposeAsync()
  }
}

test('a job that ends its worker is tried alone in a child, and set aside after three deaths there; the others that the worker held are done', { timeout: 60_000 }, async () => {
  await using on = await stage()
  const first = await on.worker('--threads', '2').ready()
  const innocent = await on.queue.enqueueMany(tasks.journaled, Array.from({ length: 5 }, () => [on.journal, 1_500] as [string, number]))
  while ((await on.queue.stats()).queues['default']!.active < 5) await systemClock.sleep(5)
  const culprit = await on.queue.enqueue(tasks.poison, on.journal)
  expect(await first.ended()).toBe('SIGKILL')
  const second = await on.worker('--threads', '2').ready()

  const error = await culprit.result().catch((thrown: unknown) => thrown) as JobDeadError
  expect(error).toBeInstanceOf(JobDeadError)
  expect(error.cause).toMatchObject({ code: 'JOB_POISONED', cause: { code: 'PROCESS_EXITED' } })
  expect(await culprit.read()).toMatchObject({ state: 'dead', rescues: 1, deaths: 3 })
  expect(readJournal(on.journal).get(culprit.id)!.started).toEqual([1, 2, 3, 4])
  for (const job of innocent) {
    await job.result()
    expect(await job.read()).toMatchObject({ state: 'succeeded', attempt: 1, rescues: 1, deaths: 0 })
  }
  // The worker that took over lives.
  await (await on.queue.enqueue(tasks.journaled, on.journal, 1)).result()
  expect(second.child.exitCode).toBe(null)
})

test('a suspect that comes to its end in the child is done, and no suspect any more', { timeout: 60_000 }, async () => {
  await using on = await stage()
  const first = await on.worker().ready()
  const job = await on.queue.enqueue(tasks.awayFrom, on.journal, first.child.pid!)
  expect(await first.ended()).toBe('SIGKILL')
  on.worker()
  expect(await job.result()).toBe('alone')
  expect(await job.read()).toMatchObject({ attempt: 1, rescues: 1, deaths: 0, suspect: false })
})

test('a worker that dies after it announced its drain makes no suspects', { timeout: 60_000 }, async () => {
  await using on = await stage()
  const first = await on.worker('--drain', '1h', '--log-level', 'debug').ready()
  const job = await on.queue.enqueue(tasks.journaled, on.journal, 600)
  while (!readJournal(on.journal).has(job.id)) await systemClock.sleep(5)
  first.signal('SIGTERM')
  await first.line((line) => line.includes('drain announced'))
  await first.kill()
  on.worker()
  await job.result()
  expect(await job.read()).toMatchObject({ rescues: 0, suspect: false, attempt: 1, token: 2 })
})

test('a job that ends its own thread is charged each time, and set aside after three, whatever retries it has left', { timeout: 60_000 }, async () => {
  await using on = await stage()
  await on.worker().ready()
  const job = await on.queue.enqueue(tasks.exits, on.journal)
  const error = await job.result().catch((thrown: unknown) => thrown) as JobDeadError
  expect(error.cause).toMatchObject({ code: 'JOB_POISONED', cause: { code: 'THREAD_EXITED' } })
  expect(await job.read()).toMatchObject({ state: 'dead', attempt: 3, deaths: 3, rescues: 0 })
})
