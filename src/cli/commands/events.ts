import { styleText } from 'node:util'
import type { EventsOptions, MissedEvents } from '../../client/events.ts'
import type { QueueEvent } from '../../jobs/queue-event.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { withJobs } from '../broker.ts'
import { toJson } from '../output.ts'
import { shownProgress } from '../terminal/bar.ts'
import { oneLine } from '../terminal/text.ts'
import { untilSignal } from '../until-signal.ts'

export interface EventsCommandOptions {
  broker: string
  type?: QueueEvent['type'][]
  queue?: string[]
  task?: string[]
  job?: string
  json?: true
}

/** Prints a line for each event, until a signal. */
export async function events(options: EventsCommandOptions): Promise<void> {
  const { type, queue, task, job, json } = options
  await withJobs(options, async (client) => {
    using stop = untilSignal()
    const asked: EventsOptions = {
      ...(type ? { types: type } : {}), ...(queue ? { queues: queue } : {}), ...(task ? { tasks: task } : {}), ...(job === undefined ? {} : { job }), signal: stop.signal
    }
    try {
      for await (const event of client.events(asked)) console.log(json ? toJson(event) : eventLine(event))
    } catch (error) {
      if (error !== stop.signal.reason) throw error
    }
  })
}

const colours: Readonly<Partial<Record<QueueEvent['type'] | 'missed', Parameters<typeof styleText>[0]>>> = {
  succeeded: 'green', failed: 'red', dead: 'red', retried: 'yellow', rescued: 'yellow', cancelled: 'yellow', missed: 'magenta'
}
const typeWidth = 16

export function eventLine(event: QueueEvent | MissedEvents): string {
  const type = event.type.padEnd(typeWidth)
  const colour = colours[event.type]
  const shown = [colour ? styleText(colour, type) : type, ...wordsOf(event)]
  return ('at' in event ? [styleText('dim', new Date(event.at).toISOString().slice(11, 23)), ...shown] : shown).join(' ')
}

function wordsOf(event: QueueEvent | MissedEvents): string[] {
  if (event.type === 'missed') return [event.count === undefined ? 'some events before this were not heard' : `${event.count} events before this were not taken in time`]
  if (!('job' in event)) return [event.worker, ...'capacity' in event ? [`active ${event.active} of ${event.capacity}`] : event.lost ? ['its lease ran out'] : []]
  const { job, task, queue, attempt, worker } = event
  return [
    oneLine(task), job, `in ${oneLine(queue)}`,
    ...attempt > 0 ? [`attempt ${attempt}`] : [],
    ...worker === undefined ? [] : [`on ${worker}`],
    ...'progress' in event ? [shownProgress(event.progress, undefined, 0)] : [],
    ...'error' in event ? [oneLine(`${event.error.name}: ${event.error.message}`)] : [],
    ...'dueAt' in event ? [`again in ${formatDuration(Math.max(0, event.dueAt - event.at))}`] : []
  ]
}
