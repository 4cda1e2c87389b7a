import { type Entry, entry } from '../tasks/own-thread.ts'

// Loaded with the program, so that a bundle holds what its threads and child processes run, and runs it in them.

export const threadEntry: Entry = entry('/executors/entries', './threads/thread', () => import('./threads/thread.ts'))
export const childEntry: Entry = entry('/executors/entries', './processes/child', () => import('./processes/child.ts'))
