import { expect, test } from 'vitest'
import type { Broker, Sweep } from '../../src/backends/broker.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { JobRescuer } from '../../src/worker/maintenance/job-rescuer.ts'

const lease = 1_000

/** When it swept, in milliseconds from the start; `answer` may hold a sweep up. */
async function swept(clock: VirtualClock, ms: number, answer: (sweeps: number) => Promise<Partial<Sweep>>): Promise<number[]> {
  const times: number[] = []
  const broker = {
    async sweep(): Promise<Sweep> {
      times.push(clock.elapsed())
      return { rescued: [], buried: [], stalled: false, ...await answer(times.length) }
    }
  } as Partial<Broker> as Broker
  const stop = new AbortController()
  const running = new JobRescuer(broker, clock, silentLogger, lease).run(stop.signal)
  await clock.advance(ms)
  stop.abort()
  await running
  return times
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, at) => time - times[at]!)

test('dead workers are looked for several times a lease', async () => {
  const times = await swept(new VirtualClock(), 10 * lease, async () => ({}))
  expect(times.length).toBeGreaterThanOrEqual(30)
  expect(Math.max(...gaps(times))).toBeLessThan(lease / 2)
})

test('after the broker was held up, nothing is rescued for one full lease', async () => {
  const times = await swept(new VirtualClock(), 10 * lease, async (sweeps) => ({ stalled: sweeps === 3 }))
  expect(gaps(times)[2]).toBeGreaterThanOrEqual(lease)
  expect(gaps(times).filter((gap) => gap >= lease)).toHaveLength(1)
})

test('after a sweep that failed, too', async () => {
  const times = await swept(new VirtualClock(), 10 * lease, async (sweeps) => {
    if (sweeps === 3) throw new Error('gone')
    return {}
  })
  expect(gaps(times)[2]).toBeGreaterThanOrEqual(lease)
})

test("after the machine's clock was set, too", async () => {
  class SteppedClock extends VirtualClock {
    step = 0
    override now(): number {
      return super.now() + this.step
    }
  }
  const clock = new SteppedClock()
  const times = await swept(clock, 10 * lease, async (sweeps) => {
    if (sweeps === 3) clock.step = 3_600_000
    return {}
  })
  expect(gaps(times)[2]).toBeGreaterThanOrEqual(lease)
})
