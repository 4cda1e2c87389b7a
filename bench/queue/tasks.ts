import { task } from 'treadle'
import { sharedNow } from './load.ts'

export const noop = task({ name: 'noop' }, async (_text: string): Promise<void> => {})

/** When it started, on the clock that all processes share. */
export const stamp = task({ name: 'stamp' }, async (_text: string): Promise<number> => sharedNow())
