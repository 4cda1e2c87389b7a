import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import type { ReserveRequest, Settlement } from '../../src/backends/broker.ts'
import { connect } from '../../src/client/connect.ts'
import { BackendError } from '../../src/kernel/errors.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import { overlaid } from '../support/overlaid.ts'
import * as tasks from '../fixtures/queue/tasks.ts'

test('while the broker is at one exchange the next is made; more than there is room for is never asked for', async () => {
  const backend = memory()
  const jobs = 2_000
  let [underWay, most, worker] = [0, 0, undefined as { readonly active: number } | undefined]
  const held: number[] = []
  const slowly = async <T>(exchange: () => Promise<T>): Promise<T> => {
    most = Math.max(most, ++underWay)
    const answer = await exchange()
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    held.push(worker?.active ?? 0)
    underWay--
    return answer
  }
  const slow = overlaid(backend, {
    reserve: (request: ReserveRequest) => slowly(() => backend.reserve(request)),
    settle: (settlements: readonly Settlement[], next?: ReserveRequest) => slowly(() => backend.settle(settlements, next))
  })
  await using queue = await connect(backend, { tasks })
  const handles = await queue.enqueueMany(tasks.giveBack, Array.from({ length: jobs }, (_, index) => [index]))
  await using running = await startWorker(slow, { tasks, loopConcurrency: 10 })
  worker = running
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(Array.from({ length: jobs }, (_, index) => index))
  expect(most).toBe(2)
  expect(Math.max(...held)).toBeLessThanOrEqual(10 + 200)
  expect((await queue.stats()).queues['default']).toMatchObject({ succeeded: jobs, active: 0 })
})

test('an answer that is older than the news does not say that there is nothing more', async () => {
  const backend = memory()
  const late = Promise.withResolvers<void>()
  let isLate = false
  const out = Promise.withResolvers<void>()
  let lateOnes = 0
  const exchange = async <T extends { readonly deliveries?: readonly unknown[], readonly reservation?: { readonly deliveries: readonly unknown[] } }>(answer: Promise<T>): Promise<T> => {
    const waits = isLate
    isLate = false
    const found = await answer
    if (waits) {
      out.resolve()
      lateOnes++
      await late.promise
    }
    // The older answer comes right after this one.
    if (lateOnes > 0 && (found.deliveries ?? found.reservation?.deliveries ?? []).length > 0) setImmediate(late.resolve)
    return found
  }
  const slow = overlaid(backend, {
    reserve: (request: ReserveRequest) => exchange(backend.reserve(request)),
    settle: (settlements: readonly Settlement[], next?: ReserveRequest) => exchange(backend.settle(settlements, next))
  })
  await using queue = await connect(backend, { tasks })
  await using worker = await startWorker(slow, { tasks, loopConcurrency: 2 })
  const long = await queue.enqueue(tasks.waitForAbort)
  while (worker.active === 0) await nextTurn()
  await nextTurn()
  isLate = true
  await queue.enqueue(tasks.giveBack.with({ delay: '1h' }), 0) // it looks: there is nothing, and that answer will be late
  await out.promise
  await long.cancel()
  while (worker.active > 0) await nextTurn()
  for (let turn = 0; turn < 20; turn++) await nextTurn()
  const handles = await queue.enqueueMany(tasks.giveBack, [[1], [2], [3]])
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([1, 2, 3])
})

test('jobs whose delivery was lost on its way run after two leases; an outcome that waits for its broker is not lost with them', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  const delivery = Promise.withResolvers<void>()
  let [losesDelivery, refusesOutcomes] = [true, false]
  const cut = new BackendError('The line was cut.')
  const faulty = overlaid(backend, {
    async reserve(request: ReserveRequest) {
      const reservation = await backend.reserve(request)
      if (!losesDelivery || reservation.deliveries.length === 0) return reservation
      losesDelivery = false
      delivery.resolve()
      throw cut
    },
    settle: (settlements: readonly Settlement[], next?: ReserveRequest) => refusesOutcomes ? Promise.reject(cut) : backend.settle(settlements, next)
  })
  await using queue = await connect(backend, { tasks })
  const lost = await queue.enqueue(tasks.giveBack, 'lost')
  const worker = await startWorker(faulty, { tasks, loopConcurrency: 2, lease: '5s', stallLimit: '30d', clock, log: silentLogger })
  await delivery.promise
  expect(await clock.runUntil(lost.result())).toBe('lost')
  expect(await lost.read()).toMatchObject({ attempt: 1, token: 2, rescues: 0 })

  refusesOutcomes = true
  const waits = await queue.enqueue(tasks.giveBack, 'waits')
  while ((await waits.read()).state !== 'active' || worker.active > 0) await nextTurn()
  await clock.advance(20_000)
  refusesOutcomes = false
  expect(await clock.runUntil(waits.result())).toBe('waits')
  expect(await waits.read()).toMatchObject({ attempt: 1, token: 1 })
  await clock.runUntil(worker.close({ deadline: 0 }))
})

test('jobs whose delivery takes longer than a lease stay with the worker that renews it', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const found = await answer
    await clock.sleep(350)
    return found
  }
  const slow = overlaid(backend, {
    reserve: (request: ReserveRequest) => late(backend.reserve(request)),
    settle: (settlements: readonly Settlement[], next?: ReserveRequest) => late(backend.settle(settlements, next))
  })
  await using queue = await connect(backend, { tasks })
  const handles = await queue.enqueueMany(tasks.giveBack, [[1], [2], [3], [4], [5], [6]])
  const worker = await startWorker(slow, { tasks, loopConcurrency: 2, lease: 300, stallLimit: '30d', clock, log: silentLogger })
  expect(await clock.runUntil(Promise.all(handles.map((handle) => handle.result())))).toEqual([1, 2, 3, 4, 5, 6])
  for (const handle of handles) expect(await handle.read()).toMatchObject({ token: 1, attempt: 1 })
  await clock.runUntil(worker.close({ deadline: 0 }))
})
