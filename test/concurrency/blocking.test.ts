import { expect, test } from 'vitest'
import { Event } from '../../src/concurrency/event.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { ClosedError, InvalidOptionError } from '../../src/kernel/errors.ts'
import { Sequencer, waitAllBlocked } from '../../src/testing/index.ts'

test('waitAllBlocked waits until all others wait', async () => {
  const event = new Event()
  let steps = 0
  await taskGroup(async (group) => {
    group.start(async () => {
      for (; steps < 20; steps++) await Promise.resolve()
      await event.wait()
    })
    await waitAllBlocked()
    expect([steps, event.statistics().waiting]).toEqual([20, 1])
    event.set()
  })
})

test('a sequencer gives each its turn', async () => {
  const sequencer = new Sequencer()
  const order: number[] = []
  await taskGroup((group) => {
    for (const number of [3, 1, 0, 2]) group.start(async () => { using _turn = await sequencer.turn(number); order.push(number) })
  })
  expect(order).toEqual([0, 1, 2, 3])
  await expect(sequencer.turn(2)).rejects.toThrow(InvalidOptionError)
  const broken = new Sequencer()
  const [gaveUp, behind] = [moveOnAfter(1, () => broken.turn(1)), broken.turn(2)]
  await expect(behind).rejects.toThrow(ClosedError)
  expect(await gaveUp).toBeUndefined()
})
