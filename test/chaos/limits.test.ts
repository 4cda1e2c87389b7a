import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { limited } from '../fixtures/chaos/tasks.ts'
import { type Note, readNotes } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasks = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))

/** By hand also 5,000: `CHAOS_JOBS=5000 npx vitest run test/chaos/limits.test.ts`. */
const count = Number(process.env['CHAOS_JOBS'] ?? 260)
const kills = Math.ceil(count / 130)
const [ofAll, ofEach] = [5, 2]

test('on SQLite limits are exact and orders kept, though workers are killed, jobs fail and are cancelled', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  await underLimits(`sqlite:${join(folder.path, 'jobs.db')}`, join(folder.path, 'journal'))
})

testWithRedis()('on Redis limits are exact and orders kept, though workers are killed, jobs fail and are cancelled', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder()
  await using server = await RedisServer.start()
  await underLimits(server.url, join(folder.path, 'journal'))
})

/** Keys 0 to 5 are ordered, 6 to 11 are not, and every thirteenth job has none. */
function keyOf(at: number): { key: string, ordered: boolean } | undefined {
  return at % 13 === 12 ? undefined : { key: `{k:*} ${at % 13}`, ordered: at % 13 < 6 }
}

async function underLimits(broker: string, journal: string): Promise<void> {
  await using queue = await connect(broker, { tasks: { limited } })
  await queue.limit({ task: 'limited' }, { concurrency: ofAll })
  await queue.limit({ key: '*' }, { concurrency: ofEach })
  const keys = new Map<string, ReturnType<typeof keyOf>>()
  for (let at = 0; at < count; at++) {
    const of = keyOf(at)
    keys.set((await queue.enqueue(limited.with({ ...of, priority: at % 2 === 0 || of?.ordered ? 0 : 1 }), journal, at % 20, at % 7 === 0 ? 2 : 1)).id, of)
  }
  const startWorker = (): WorkerProcess => new WorkerProcess(broker, tasks, '--loop-concurrency', '8', '--lease', '500ms')
  const workers = [startWorker(), startWorker(), startWorker()]
  try {
    const ids = [...keys.keys()]
    for (let killed = 0; killed < kills; killed++) {
      const at = killed % workers.length
      await workers[at]!.ready()
      await systemClock.sleep(300)
      const { child: { pid } } = workers[at]!
      await workers[at]!.kill()
      appendFileSync(journal, `killed - 0 ${pid} 0\n`)
      workers[at] = startWorker()
      await Promise.all([3, 50, 111].map((step) => queue.cancel(ids[(killed + 1) * step % count]!)))
      // A limit that is said anew while jobs run counts them as before.
      await queue.limit({ task: 'limited' }, { concurrency: ofAll })
    }
    for (const id of ids) await queue.end(id)
    await expectLimits(queue, journal, keys)
    // No slot is lost: as many run at once as may.
    const last = await queue.enqueueMany(limited, Array.from({ length: 2 * ofAll }, () => [journal, 250, 1] as [string, number, number]))
    for (const job of last) await job.result()
    expect(mostAtOnce(readNotes(journal).filter(({ job }) => !keys.has(job)))).toBe(ofAll)
  } finally {
    for (const worker of workers) await worker.kill()
  }
}

async function expectLimits(queue: Client, journal: string, keys: ReadonlyMap<string, ReturnType<typeof keyOf>>): Promise<void> {
  const notes = readNotes(journal)
  expect(mostAtOnce(notes)).toBe(ofAll)
  const { ready, active, scheduled, succeeded, cancelled, failed, dead } = (await queue.stats()).queues['default']!
  expect([ready, active, scheduled, succeeded + cancelled, failed, dead]).toEqual([0, 0, 0, count, 0, 0])
  for (const key of new Set([...keys.values()].map((of) => of?.key).filter((one) => one !== undefined))) {
    const own = notes.filter(({ job, what }) => what === 'killed' || keys.get(job)?.key === key)
    const { ordered } = [...keys.values()].find((of) => of?.key === key)!
    expect(mostAtOnce(own)).toBeLessThanOrEqual(ordered ? 1 : ofEach)
    if (!ordered) continue
    // Each begins when the one before it has ended for good: so it comes once, however often it was tried.
    const begun = own.filter(({ what }) => what === 'start').map(({ job }) => job)
    const turns = begun.filter((job, at) => job !== begun[at - 1])
    expect(turns).toEqual([...keys].filter(([id, of]) => of?.key === key && turns.includes(id)).map(([id]) => id))
  }
}

/** How many ran at most at the same time; what a killed worker ran ended with it. */
function mostAtOnce(notes: readonly Note[]): number {
  const running = new Map<string, Note>()
  let most = 0
  for (const note of notes) {
    const { what, job, token, pid } = note
    if (what === 'start') running.set(`${job} ${token}`, note)
    else if (what === 'finish') running.delete(`${job} ${token}`)
    else for (const [name, one] of running) if (one.pid === pid || one.parent === pid) running.delete(name)
    most = Math.max(most, running.size)
  }
  return most
}
