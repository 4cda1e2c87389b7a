import { expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { UnknownJobError } from '../../src/kernel/errors.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

test('whoever waits for a job of whose end no watch tells hears of it all the same, within seconds', async () => {
  const clock = new VirtualClock()
  const deaf = Object.assign(memory({ clock }), { watch: () => ({ add() {}, delete() {}, [Symbol.dispose]() {} }) })
  await using queue = await connect(deaf, { clock })
  const job = await queue.enqueueByName('task', [])
  const waiting = job.result()
  waiting.catch(() => {})
  await job.cancel()
  await expect(clock.runUntil(waiting)).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(clock.elapsed()).toBe(5_000)
})

test('whoever waits for a job that was purged hears that it is gone; the others wait on', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  await using queue = await connect(backend, { clock })
  const [gone, other] = [await queue.enqueueByName('task', []), await queue.enqueueByName('task', [], { delay: '1h' })]
  await gone.cancel()
  await queue.purge({ states: ['cancelled'], olderThan: 0 })
  const waiting = other.result()
  waiting.catch(() => {})
  await expect(clock.runUntil(gone.result())).rejects.toThrow(UnknownJobError)
  await other.cancel()
  await expect(clock.runUntil(waiting)).rejects.toMatchObject({ code: 'CANCELLED' })
})
