import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { openBackend } from '../../src/backends/registry.ts'
import { lines } from '../../src/jobs/job.ts'
import { isFinal, jobStates } from '../../src/jobs/states.ts'
import { TestProcess } from '../support/processes.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const program = fileURLToPath(new URL('../fixtures/chaos/random-user.ts', import.meta.url))

/** How many are killed on each backend, and the first seed; a failure names its own: KILLS=1 KILLS_SEED=17. */
const kills = Number(process.env['KILLS'] ?? 8)
const firstSeed = Number(process.env['KILLS_SEED'] ?? Math.floor(Math.random() * 1e6))

/** What the backend had answered for when the process was killed holds, what it had not is whole or not there, and everything comes to an end. */
async function killOne(url: string, seed: number): Promise<void> {
  await using user = new TestProcess(program, [url, String(seed)])
  await user.line(() => user.lines.length > 3 + seed % 37)
  // All that it wrote is read, also what comes after it has ended: what it had removed is not lost.
  const closed = once(user.child, 'close')
  user.child.kill('SIGKILL')
  await closed
  const said = user.lines.map(answerOf)
  const published = said.flatMap((answer) => answer.published ?? [])
  const succeeded = new Map(said.flatMap((answer) => answer.succeeded ?? []))
  const purged = new Set(said.flatMap((answer) => answer.purged ?? []))
  const backend = await openBackend(url)
  try {
    const kept = await backend.read(published)
    const unanswered = said.findLast(({ purging, purged: answered }) => purging !== undefined || answered !== undefined)
    const lost = published.filter((job, at) => kept[at] === undefined && !purged.has(job))
    expect(lost.length, `seed ${seed}: ${lost.join()} were acknowledged, and nobody removed them`).toBeLessThanOrEqual(unanswered?.purging ?? 0)
    await backend.gate([{}, { key: 'k' }, { task: 'task' }].map((name) => ({ queue: 'a', ...name, rule: null, paused: false })))
    // Its worker is gone.
    await backend.leave(`killed-${seed}`)
    // What expires as others are taken may publish some that the same call has passed already: their listeners are told, and here somebody looks again.
    for (let idle = 0; idle < 3;) {
      const { deliveries, nextDue } = await backend.reserve({ worker: 'after', queues: ['a', 'b'], room: Object.fromEntries(lines.map((line) => [line, 100])), lease: 60_000 })
      await backend.settle(deliveries.map(({ job, token }) => ({ job, token, outcome: { event: 'succeed', result: new Uint8Array(1), spent: { wall: 1, cpu: 1 } } })))
      const { buried } = await backend.sweep(Infinity)
      idle = deliveries.length + buried.length === 0 && nextDue === Infinity ? idle + 1 : 0
    }
    const { queues } = await backend.stats()
    const all = await backend.list({ limit: 1_000 })
    for (const [queue, counts] of Object.entries(queues)) {
      const found = Object.fromEntries(jobStates.map((state) => [state, all.filter((job) => job.queue === queue && job.state === state).length]))
      expect(counts, `seed ${seed}: queue ${queue}`).toEqual(found)
    }
    for (const job of all) {
      expect(purged.has(job.id), `seed ${seed}: ${job.id} had been removed`).toBe(false)
      expect(isFinal(job.state), `seed ${seed}: ${job.id} is ${job.state}`).toBe(true)
      const token = succeeded.get(job.id)
      if (token !== undefined) expect([job.state, job.token], `seed ${seed}: ${job.id} had succeeded`).toEqual(['succeeded', token])
    }
  } finally {
    await backend.close()
  }
}

interface Answer {
  readonly published?: readonly string[]
  readonly succeeded?: readonly (readonly [job: string, token: number])[]
  /** Up to so many are about to be removed. */
  readonly purging?: number
  readonly purged?: readonly string[]
}

/** The last line may have been cut off: that answer nobody has. */
function answerOf(line: string): Answer {
  try {
    return JSON.parse(line) as Answer
  } catch {
    return {}
  }
}

const seeds = Array.from({ length: kills }, (_, at) => firstSeed + at)

describe('a process is killed at any moment of what it does', () => {
  let server: Promise<RedisServer> | undefined
  afterAll(async () => (await server)?.[Symbol.asyncDispose]())

  test('with a file', { timeout: 10_000 + kills * 5_000 }, async () => {
    for (const seed of seeds) {
      using folder = temporaryFolder()
      await killOne(`sqlite:${join(folder.path, 'jobs.db')}`, seed)
    }
  })

  testWithRedis()('with a Redis server', { timeout: 10_000 + kills * 5_000 }, async () => {
    const { url } = await (server ??= RedisServer.start())
    for (const seed of seeds) await killOne(`${url}?prefix=killed-${seed}`, seed)
  })
})
