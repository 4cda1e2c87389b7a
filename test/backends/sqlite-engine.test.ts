import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lineCodes, lineNames, stateCodes, stateNames } from '../../src/backends/sqlite/codes.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { queries } from '../../src/backends/sqlite/statements.ts'
import { connect } from '../../src/client/connect.ts'
import { lines } from '../../src/jobs/job.ts'
import { jobStates } from '../../src/jobs/states.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { deliver, newJob, request, succeed, woken } from '../../src/testing/backend-conformance/bench.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

test('what is asked of the jobs is found by an index, never by going through all', async () => {
  const path = join(folder, 'plans.db')
  await (await sqlite(path)).close()
  const db = new DatabaseSync(path)
  for (const [name, sql] of Object.entries(queries)) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((step) => String(step['detail']))
    expect(plan.filter((step) => /SCAN (?!USING)/.test(step) && /treadle_(jobs|ready|endings|stories|history|logs)|\b[jerst]\b/.test(step) && !/USING (COVERING )?INDEX/.test(step)), name).toEqual([])
    expect(plan.filter((step) => step.includes('TEMP B-TREE')), `${name} sorts`).toEqual([])
  }
  db.close()
})

test('every state and every line has a number of its own', () => {
  expect(stateNames.toSorted()).toEqual(jobStates.toSorted())
  expect(lineNames.toSorted()).toEqual(lines.toSorted())
  for (const state of jobStates) expect(stateNames[stateCodes[state]]).toBe(state)
  for (const line of lines) expect(lineNames[lineCodes[line]]).toBe(line)
})

test('taking and ending jobs wakes nobody: two idle workers do not keep each other awake', async () => {
  const path = join(folder, 'quiet.db')
  const [one, other] = [await sqlite(path), await sqlite(path)]
  const delivery = await deliver(one)
  let wakes = 0
  using _listening = other.listen(['default'], () => wakes++)
  await one.settle([succeed(delivery)], request())
  for (let times = 0; times < 20; times++) await one.reserve(request())
  using heard = await woken(other, ['second'])
  await one.publish([newJob({ queue: 'second' })])
  await heard.heard
  expect(wakes).toBe(0)
  await Promise.all([one.close(), other.close()])
})

test('the counters agree with the jobs after a rollback', async () => {
  const path = join(folder, 'counters.db')
  const backend = await sqlite(path, { clock: new VirtualClock() })
  await backend.publish([newJob()])
  await backend.publish([newJob(), newJob({ payload: null as unknown as Uint8Array })]).catch(() => {})
  expect((await backend.stats()).queues['default']).toMatchObject({ ready: 1 })
  await backend.close()
})

test('a purge looks at a part of the endings in each turn, and comes to those behind many that stay', async () => {
  const backend = await sqlite(join(folder, 'purge.db'), { clock: new VirtualClock() })
  const stay = Array.from({ length: 10_001 }, () => newJob())
  await backend.publish(stay)
  await backend.commit(stay.map(({ id }) => ({ job: id, event: 'cancel' as const })))
  const delivery = await deliver(backend)
  await backend.settle([succeed(delivery)])
  const filter = { states: ['succeeded'] as const, olderThan: 0, limit: 500 }
  const first = await backend.purge(filter)
  expect(first.jobs).toEqual([])
  const second = await backend.purge({ ...filter, from: first.next! })
  expect(second.jobs).toEqual([delivery.job])
  expect(await backend.purge({ ...filter, from: second.next! })).toEqual({ jobs: [] })
  await using queue = await connect(backend)
  expect(await queue.purge({ states: ['cancelled'], olderThan: 0 })).toBe(stay.length)
  await backend.close()
})
