import { Cron } from 'croner'
import { InvalidOptionError } from '../kernel/errors.ts'
import type { Slots } from './schedule.ts'

/** Five fields, with seconds before them six, with years behind them seven; or a name such as `@daily`. What else Croner takes, such as a date, is no pattern. */
const form = /^\s*(@\w+|\S+(\s+\S+){4,6})\s*$/

/** In this the last slots are looked for: the finest that a pattern can say. In milliseconds. */
const second = 1_000

/**
 * The slots of a cron pattern in a time zone.
 *
 * A time of day in the hour that does not exist comes as that hour ends; one in the hour that comes twice comes in the first of the two. Patterns that name no hour go
 * on through both.
 *
 * @throws InvalidOptionError where it is no pattern, or no time zone
 */
export function cronSlots(pattern: string, timeZone: string): Slots {
  const cron = parsed(pattern, timeZone)
  return {
    after: (time) => cron.nextRun(new Date(time))?.getTime(),
    upTo(time, count) {
      const next = (Math.floor(time / second) + 1) * second
      return cron.previousRuns(count, new Date(next)).map(Number).toReversed()
    }
  }
}

function parsed(pattern: string, timeZone: string): Cron {
  try {
    Intl.DateTimeFormat('en', { timeZone })
  } catch {
    throw new InvalidOptionError('timeZone', timeZone, "the name of a time zone, such as 'Europe/Berlin' or 'UTC'")
  }
  const wanted = "a cron pattern: minute, hour, day, month, day of the week, such as '0 3 * * 1-5', or one such as '@daily'"
  if (typeof pattern !== 'string' || !form.test(pattern)) throw new InvalidOptionError('cron', pattern, wanted)
  try {
    return new Cron(pattern, { timezone: timeZone })
  } catch (error) {
    throw new InvalidOptionError('cron', pattern, `${wanted} (${(error as Error).message.replace(/^CronPattern: /, '').replace(/\.$/, '')})`)
  }
}
