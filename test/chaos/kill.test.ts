import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { expectOneCompletionEach } from '../support/journal.ts'
import { TestProcess, WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/chaos/${name}`, import.meta.url))

test('1,000 jobs, two workers, a SIGKILL every second, the enqueuer killed too: each job has one accepted completion', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')

  const enqueuer = new TestProcess(fixture('enqueue.ts'), [broker, journal, '1000', '25'])
  await enqueuer.line((line) => line === 'all acknowledged')
  await enqueuer.kill()
  const acknowledged = enqueuer.lines.filter((line) => line.startsWith('acknowledged ')).map((line) => line.slice('acknowledged '.length))
  expect(acknowledged).toHaveLength(1_000)

  const startWorker = (): WorkerProcess => new WorkerProcess(broker, fixture('tasks.ts'), '--loop-concurrency', '1', '--lease', '1s')
  const workers = [startWorker(), startWorker()]
  await using queue = await connect(broker)
  const done = new AbortController()
  const allEnded = Promise.all(acknowledged.map((id) => queue.end(id))).finally(() => done.abort())
  let kills = 0
  try {
    while (!done.signal.aborted) {
      const victim = Math.floor(Math.random() * workers.length)
      // Where starting takes a second itself, nothing would ever be done.
      await workers[victim]!.ready()
      await systemClock.sleep(1_000, done.signal)
      if (done.signal.aborted) break
      await workers[victim]!.kill()
      kills++
      workers[victim] = startWorker()
    }
    await allEnded
  } finally {
    for (const worker of workers) await worker.kill()
  }
  expect(kills).toBeGreaterThanOrEqual(8)

  const jobs = await expectOneCompletionEach(queue, journal, acknowledged)
  const again = jobs.filter((job) => job.token > 1).length
  console.log(`${kills} kills; ${again} jobs delivered again; none lost, none accepted twice`)
})

test('a enqueuer killed between acknowledgements loses none of the acknowledged', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const enqueuer = new TestProcess(fixture('enqueue.ts'), [broker, join(folder.path, 'journal'), '50000', '0'])
  await enqueuer.line((line) => line.startsWith('acknowledged '))
  await enqueuer.kill()
  const acknowledged = enqueuer.lines.filter((line) => /^acknowledged [0-9A-Z]{24}$/.test(line)).map((line) => line.slice('acknowledged '.length))
  expect(acknowledged.length).toBeGreaterThan(0)
  await using queue = await connect(broker)
  const states = new Set(await Promise.all(acknowledged.map(async (id) => (await queue.read(id)).state)))
  expect([...states]).toEqual(['ready'])
})
