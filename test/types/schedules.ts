// Checked by the compiler, never run: what a scheduled task is called with is what it takes, and a schedule is of one kind.
import type { Client, JobHandle, ScheduleRecord } from '../../src/index.ts'
import { task } from '../../src/index.ts'

declare const queue: Client
const area = task({ name: 'area' }, (width: number, height: number) => width * height)
const sweep = task({ name: 'sweep' }, async () => {})

export const made: ScheduleRecord = await queue.schedule('nightly', { cron: '0 3 * * *', timeZone: 'Europe/Berlin', missed: 'once', jitter: '30s' }, area, 2, 3)
await queue.schedule('often', { every: '5m', from: new Date(), missed: { all: 3 } }, area.with({ priority: 2 }), 2, 3)
await queue.schedule('once', { at: 1_700_000_000_000, missed: 'skip' }, sweep)
export const next: number | undefined = (await queue.schedules())[0]?.nextSlot
export const job: JobHandle = await queue.triggerSchedule('once')

// @ts-expect-error a wrong argument
await queue.schedule('nightly', { cron: '0 3 * * *' }, area, 'two', 3)
// @ts-expect-error too few
await queue.schedule('nightly', { cron: '0 3 * * *' }, area, 2)
// @ts-expect-error too many
await queue.schedule('nightly', { cron: '0 3 * * *' }, sweep, 1)
// @ts-expect-error no task
await queue.schedule('nightly', { cron: '0 3 * * *' }, () => 1)
// @ts-expect-error of two kinds
await queue.schedule('nightly', { cron: '0 3 * * *', every: '5m' }, sweep)
// @ts-expect-error of no kind
await queue.schedule('nightly', { missed: 'once' }, sweep)
// @ts-expect-error a time zone without a pattern
await queue.schedule('nightly', { every: '5m', timeZone: 'UTC' }, sweep)
// @ts-expect-error a policy that there is not
await queue.schedule('nightly', { every: '5m', missed: 'all' }, sweep)
// @ts-expect-error a duration in another form
await queue.schedule('nightly', { every: '5 minutes' }, sweep)
// @ts-expect-error a time as text
await queue.schedule('once', { at: '2030-01-01' }, sweep)
