import { type Entry, entry } from '../../tasks/own-thread.ts'

/** Loaded with the program, so that a bundle holds what the thread runs, and runs it there. */
export const sqliteEntry: Entry = entry('/backends/sqlite/entry', './thread', () => import('./thread.ts'))
