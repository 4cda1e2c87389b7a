import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { VirtualClock } from '../../src/testing/index.ts'
import { add, addSoon } from '../fixtures/tasks/arithmetic.ts'
import { block } from '../fixtures/tasks/cells.ts'
import { addOne, addOneInChild } from '../fixtures/tasks/pools.ts'
import { cells, letGo, reaches } from '../executors/support.ts'

test('statistics tell what each task and each thread did', async () => {
  await using here = local({ threads: 2 })
  expect(here.statistics()).toEqual({})
  await Promise.all(Array.from({ length: 300 }, (_, index) => here.run(add, index, 1)))
  await here.run(addOne, new Float64Array(1_000), false)
  await expect(here.run(add, 1n as never, 1)).rejects.toThrow(TypeError)
  const { thread } = here.statistics()
  expect(thread).toMatchObject({ place: 'thread', waiting: 0, running: 0 })
  expect(thread!.tasks.add).toMatchObject({ calls: 301, threw: 1, running: { count: 301 }, cpu: { count: 301 }, waiting: { count: 301 } })
  expect(thread!.tasks.addOne).toMatchObject({ calls: 1, threw: 0 })
  const { workers } = thread!
  expect(workers.reduce((sum, { calls }) => sum + calls, 0)).toBe(302)
  expect(workers.reduce((sum, { sent }) => sum + sent, 0)).toBe(8_000)
  expect(workers.reduce((sum, { received }) => sum + received, 0)).toBe(8_000)
  for (const { name, utilization } of workers) {
    expect(name).toMatch(/^treadle \d$/)
    expect(utilization).toBeGreaterThan(0)
    expect(utilization).toBeLessThanOrEqual(1)
  }
})

test('so do those of the loop and of child processes', async () => {
  await using here = local({ processes: 1 })
  await here.run(addSoon, 2, 3)
  await here.run(addOneInChild, new Float64Array(1), false)
  const { loop, process } = here.statistics()
  expect(loop).toMatchObject({ place: 'loop', tasks: { addSoon: { calls: 1 } }, workers: [] })
  expect(process).toMatchObject({ tasks: { addOneInChild: { calls: 1 } }, workers: [{ name: expect.stringMatching(/^process \d+$/) as string, calls: 1, sent: 8, received: 8 }] })
})

test('what waits and runs is told while it does, and for how long it waited afterwards', async () => {
  const clock = new VirtualClock()
  await using here = local({ threads: 1, clock })
  const own = cells()
  const long = here.run(block, own)
  await reaches(own, 1)
  const behind = here.run(add, 1, 1)
  expect(here.statistics().thread).toMatchObject({ waiting: 1, running: 1 })
  await clock.advance(5_000)
  letGo(own)
  await Promise.all([long, behind])
  const { waiting } = here.statistics().thread!.tasks.add!
  expect(waiting.max).toBeGreaterThan(4_500)
})

test('each end of a call, and each start and end of a thread, is published', async () => {
  const heard: unknown[] = []
  const hear = (message: unknown, name: string | symbol): void => { heard.push([name, message]) }
  const channels = ['treadle:call:settled', 'treadle:worker:started', 'treadle:worker:ended']
  for (const name of channels) subscribe(name, hear)
  const here = local({ threads: 1 })
  await here.run(add, 1, 1)
  const abort = new AbortController()
  const cancelled = here.with({ signal: abort.signal }).run(add, 2, 2)
  abort.abort()
  await expect(cancelled).rejects.toThrow()
  await here.close()
  for (const name of channels) unsubscribe(name, hear)
  const own = { worker: 'treadle 1', place: 'thread' }
  const number = expect.any(Number) as number
  expect(heard).toEqual([
    ['treadle:worker:started', own],
    ['treadle:call:settled', { task: 'add', place: 'thread', outcome: 'returned', waiting: number, running: number, cpu: number }],
    ['treadle:call:settled', { task: 'add', place: 'thread', outcome: 'cancelled', waiting: undefined, running: undefined, cpu: undefined }],
    ['treadle:worker:ended', own]
  ])
})
