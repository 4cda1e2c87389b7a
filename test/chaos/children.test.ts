import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../fixtures/chaos/tasks.ts'
import { expectOneCompletionEach, readNotes } from '../support/journal.ts'
import { TestProcess, WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/chaos/${name}`, import.meta.url))

test('workers that are killed while their children compute: the children end with them, no job is lost, each has one accepted completion', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')
  const end = join(folder.path, 'end')
  await using workers = new AsyncDisposableStack()
  const startWorker = (): WorkerProcess => workers.use(new WorkerProcess(broker, fixture('tasks.ts'), '--processes', '2', '--lease', '1s'))
  const alive = [startWorker(), startWorker()]
  await using queue = await connect(broker, { tasks })
  const jobs = await queue.enqueueMany(tasks.spinUntil, Array.from({ length: 12 }, () => [journal, end] as [string, string]))
  for (let kill = 0; kill < 4; kill++) {
    const victim = alive[kill % 2]!
    // What its children run ends by itself only when all kills are done.
    while (!readNotes(journal).some(({ parent }) => parent === victim.child.pid)) await systemClock.sleep(5)
    // The children write to the same pipes as their worker, so these close when all of them are gone.
    const closed = once(victim.child, 'close')
    victim.signal('SIGKILL')
    await closed
    alive[kill % 2] = startWorker()
  }
  writeFileSync(end, '')
  await Promise.all(jobs.map((job) => job.result()))
  const ended = await expectOneCompletionEach(queue, journal, jobs.map(({ id }) => id))
  const again = ended.filter(({ token }) => token > 1)
  expect(again.length).toBeGreaterThanOrEqual(4)
  for (const { attempt, deaths } of ended) expect({ attempt, deaths }).toEqual({ attempt: 1, deaths: 0 })
})

test('single children that are killed: their calls alone are charged, their worker and all others go on', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')
  await using worker = new WorkerProcess(broker, fixture('tasks.ts'), '--processes', '2')
  await using queue = await connect(broker, { tasks })
  const victims = new Set<string>()
  const innocent: string[] = []
  for (let index = 0; index < 8; index++) {
    victims.add((await queue.enqueue(tasks.killedOnce, journal)).id)
    for (const job of await queue.enqueueMany(tasks.spinUntil, Array.from({ length: 5 }, () => [journal, journal] as [string, string]))) innocent.push(job.id)
  }
  const all = [...victims, ...innocent]
  const done = new AbortController()
  const ended = Promise.all(all.map((id) => queue.end(id))).finally(() => done.abort())
  const toKill = new Set(victims)
  while (!done.signal.aborted) {
    for (const { job, pid } of readNotes(journal)) if (toKill.delete(job)) process.kill(pid, 'SIGKILL')
    await systemClock.sleep(5, done.signal)
  }
  await ended
  for (const { id, attempt, deaths, rescues } of await expectOneCompletionEach(queue, journal, all)) {
    expect({ attempt, deaths, rescues }).toEqual(victims.has(id) ? { attempt: 2, deaths: 1, rescues: 0 } : { attempt: 1, deaths: 0, rescues: 0 })
  }
  expect(worker.child.exitCode).toBe(null)
})

test("a host's loop is not held up by child processes that crash all the time", { timeout: 120_000 }, async () => {
  await using host = new TestProcess(fixture('crashing-host.ts'), [])
  const { crashes, stalls, bystander } = JSON.parse(await host.line((line) => line.startsWith('{'))) as { crashes: number, stalls: number[], bystander: number[] }
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
  console.log(`${crashes} crashes: the host's loop stood still for ${median(stalls).toFixed(1)} ms at most (median of ${stalls.length} rounds; the worst ${Math.max(...stalls).toFixed(1)} ms); a loop beside it that does nothing, ${median(bystander).toFixed(1)} ms (${Math.max(...bystander).toFixed(1)} ms)`)
  // What the host's own work holds up it holds up in every round; what the machine does, it does to both, now and then, and more to the one that has work.
  expect(Math.min(...stalls), `host ${stalls.join(', ')}; bystander ${bystander.join(', ')}`).toBeLessThan(20 + 3 * Math.max(...bystander))
})
