import { styleText } from 'node:util'
import { formatDuration } from '../../kernel/duration.ts'
import type { Progress } from '../../tasks/progress.ts'
import { oneLine } from './text.ts'

/** A bar of so many columns. */
export function bar(done: number, total: number, columns: number, colour: 'cyan' | 'green' = 'cyan'): string {
  const filled = total === 0 ? columns : Math.round(columns * Math.min(1, done / total))
  return styleText(colour, '█'.repeat(filled)) + styleText('dim', '░'.repeat(columns - filled))
}

/** What a job says of itself, such as `████░░░░  40% 40/100 12 s left reading`. @param elapsed since the attempt began, in milliseconds; undefined where it has ended */
export function shownProgress({ done, total, note }: Progress, elapsed: number | undefined, columns: number): string {
  const words = note === undefined ? [] : [oneLine(note)]
  if (total === undefined) return [rounded(done), ...words].join(' ')
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const left = elapsed !== undefined && share > 0 && share < 1 ? [styleText('dim', `${coarse(elapsed * (1 - share) / share)} left`)] : []
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  return [...columns > 0 ? [bar(done, total, columns)] : [], percent, `${rounded(done)}/${rounded(total)}`, ...left, ...words].join(' ')
}

/** A time that need not be exact: whole seconds. */
export function coarse(ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1_000)} s` : formatDuration(ms)
}

function rounded(amount: number): string {
  return String(Number.isInteger(amount) ? amount : Number(amount.toPrecision(4)))
}
