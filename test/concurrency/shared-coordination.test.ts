import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { Barrier, Event } from '../../src/concurrency/event.ts'
import { connectBarrier, connectEvent, connectLock, connectSemaphore } from '../../src/concurrency/remote/connect.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { Lock, Semaphore } from '../../src/concurrency/semaphore.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { SharedValue } from '../../src/concurrency/threads/shared-value.ts'
import { DeadlineExceededError, InvalidOptionError, LinkLostError } from '../../src/kernel/errors.ts'
import { crews, thread } from './participants.ts'

describe.each(Object.entries(crews))('among %s', { timeout: 60_000 }, (_, gather) => {
  test('a lock that a killed one holds is given back, and those who wait for it go on in turn', async () => {
    const lock = new Lock()
    await using crew = await gather(lock)
    const holder = crew.start('hold')
    await once(holder, 'message')
    expect(lock.locked).toBe(true)
    const waiter = crew.start('hold')
    while (lock.statistics().waiting === 0) await sleep(1)
    await crew.kill(waiter)
    while (lock.statistics().waiting > 0) await sleep(1)
    const mine = lock.acquire()
    await crew.kill(holder)
    using _held = await mine
  })

  test('an event wakes all who wait, whoever sets it', async () => {
    const event = new Event()
    await using crew = await gather(event)
    const waiters = [crew.start('event'), crew.start('event')]
    await Promise.all(waiters.map((waiter) => once(waiter, 'message')))
    const wentOn = waiters.map((waiter) => once(waiter, 'message'))
    await once(crew.start('set'), 'exit')
    expect((await Promise.all(wentOn)).map(([word]) => word as string)).toEqual(['went on', 'went on'])
    expect(event.isSet).toBe(true)
  })

  test('a barrier lets all go on together, again and again', async () => {
    const barrier = new Barrier(3)
    await using crew = await gather(barrier)
    const rounds = 6
    const said: [number, number][] = []
    const parties = Array.from({ length: 3 }, () => crew.start('barrier', { count: rounds }))
    for (const party of parties) party.on('message', (word: [number, number]) => said.push(word))
    await Promise.all(parties.map((party) => once(party, 'exit')))
    for (let round = 0; round < rounds; round++) expect(said.filter(([of]) => of === round).map(([, index]) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })
})

test('a lock keeps together what threads read and write, also of those who sleep for it', { timeout: 60_000 }, async () => {
  const lock = new Lock()
  const memory = new SharedArrayBuffer(4)
  await Promise.all([1, 2].map(() => once(thread('add', lock, { memory, count: 2_000 }), 'exit')))
  expect(new Int32Array(memory)[0]).toBe(4_000)
  // The last word of a thread may come after its end.
  using _held = await lock.acquire({ timeout: '10s' })
})

test('a thread sleeps for an event', { timeout: 60_000 }, async () => {
  const event = new Event()
  const waiter = thread('event', event, { from: 1 })
  await once(waiter, 'message')
  const wentOn = once(waiter, 'message')
  event.set()
  expect(await wentOn).toEqual(['went on'])
})

test('who gives up has taken nothing; what comes too late is given back', async () => {
  const semaphore = new Semaphore(1)
  using remote = connectSemaphore(serve(semaphore))
  const held = await remote.acquire()
  await expect(remote.acquire({ timeout: 1 })).rejects.toThrow(DeadlineExceededError)
  const scope = new CancelScope()
  const waiting = scope.run(() => remote.acquire())
  while (semaphore.statistics().waiting === 0) await sleep(1)
  scope.cancel()
  held.release()
  const late = await waiting
  late?.release()
  while (semaphore.value === 0) await sleep(1)
  expect(await remote.run(() => 42)).toBe(42)
})

test('the end of the line is a clear error; closed, it gives back what it held', async () => {
  const lock = new Lock()
  const remote = connectLock(serve(lock))
  await remote.acquire()
  remote.close()
  await expect(remote.acquire()).rejects.toThrow(LinkLostError)
  while (lock.locked) await sleep(1)
  const listener = await listen(new Barrier(2))
  const barrier = connectBarrier(listener.address)
  const waiting = barrier.wait()
  waiting.catch(() => {})
  await sleep(1)
  await listener.close()
  await expect(waiting).rejects.toThrow(LinkLostError)
  await expect(connectEvent(listener.address).wait()).rejects.toThrow(LinkLostError)
})

test('between processes nobody sleeps with the thread', async () => {
  await using listener = await listen(new Event())
  using event = connectEvent(listener.address)
  expect(() => event.waitSync()).toThrow(InvalidOptionError)
})

test('an event is known to be set where it was heard of', async () => {
  const event = new Event()
  using remote = connectEvent(serve(event))
  expect(remote.isSet).toBe(false)
  event.set()
  await remote.wait()
  expect(remote.isSet).toBe(true)
})

test('what cannot be shared is refused', () => {
  expect(() => serve({} as never)).toThrow(InvalidOptionError)
})

test('a shared value counts what several threads add, and takes any number', { timeout: 60_000 }, async () => {
  const value = new SharedValue(0.5)
  const idle = new Lock()
  await Promise.all([1, 2].map(() => once(thread('count', idle, { memory: value.memory, count: 100_000 }), 'exit')))
  expect(value.value).toBe(200_000.5)
  expect(value.compareExchange(200_000.5, -0)).toBe(200_000.5)
  expect(value.compareExchange(0, Number.NaN)).toBe(0)
  expect(value.compareExchange(Number.NaN, 7)).toBeNaN()
  expect(value.update((before) => before * 2)).toBe(7)
  expect(value.value).toBe(14)
  expect(() => { value.value = '1' as never }).toThrow(InvalidOptionError)
})
