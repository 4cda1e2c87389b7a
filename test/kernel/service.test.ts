import { expect, test } from 'vitest'
import { type Deadline, never } from '../../src/kernel/deadline.ts'
import { ClosedError } from '../../src/kernel/errors.ts'
import { Service } from '../../src/kernel/service.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

class Recorder extends Service {
  readonly calls: string[] = []
  deadline: Deadline = never
  starting: Promise<void> = Promise.resolve()
  closingWork: Promise<void> = Promise.resolve()

  protected async onStart(): Promise<void> {
    this.calls.push('start')
    await this.starting
  }

  protected async onClose(deadline: Deadline): Promise<void> {
    this.calls.push('close')
    this.deadline = deadline
    await this.closingWork
  }

  protected override onHurry(deadline: Deadline): void {
    this.deadline = deadline
    this.calls.push('hurry')
  }
}

test('starts once and closes once, however often it is asked', async () => {
  const service = new Recorder()
  await Promise.all([service.start(), service.start()])
  await Promise.all([service.close(), service.close()])
  await service.close()
  expect(service.calls.filter((call) => call !== 'hurry')).toEqual(['start', 'close'])
})

test('closing what never started opens nothing, and it cannot start any more', async () => {
  const service = new Recorder()
  await service.close()
  await expect(service.start()).rejects.toThrow(ClosedError)
  expect(service.calls).toEqual([])
})

test('a close during the start waits for the start', async () => {
  const service = new Recorder()
  const started = Promise.withResolvers<void>()
  service.starting = started.promise
  const starting = service.start()
  const closing = service.close()
  expect(service.calls).toEqual(['start'])
  started.resolve()
  await Promise.all([starting, closing])
  expect(service.calls).toEqual(['start', 'close'])
})

test('a start that fails closes what it had opened, and says why', async () => {
  const service = new Recorder()
  service.starting = Promise.reject(new Error('no disk'))
  await expect(service.start()).rejects.toThrow('no disk')
  await service.close()
  expect(service.calls.filter((call) => call !== 'hurry')).toEqual(['start', 'close'])
})

test('the deadline is counted from the close, and a second close may bring a nearer one, never a later', async () => {
  const clock = new VirtualClock()
  const service = new Recorder(clock)
  await service.start()
  await clock.advance(500)
  const ended = Promise.withResolvers<void>()
  service.closingWork = ended.promise
  const first = service.close({ deadline: '2s' })
  await clock.advance(0)
  expect(service.deadline).toEqual({ at: 2_500 })
  const later = service.close({ deadline: '1h' })
  expect(service.deadline).toEqual({ at: 2_500 })
  const nearer = service.close({ deadline: 0 })
  expect(service.deadline).toEqual({ at: 500 })
  ended.resolve()
  await Promise.all([first, later, nearer])
})

test('a nearer deadline that comes before the closing has begun is the one that counts', async () => {
  const service = new Recorder(new VirtualClock())
  await service.start()
  const first = service.close({ deadline: '1h' })
  await Promise.all([first, service.close({ deadline: 5 })])
  expect(service.deadline).toEqual({ at: 5 })
})

test('await using closes', async () => {
  const service = new Recorder()
  {
    await using _open = await service.start()
  }
  expect(service.calls).toEqual(['start', 'close'])
})
