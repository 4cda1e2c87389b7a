import { type Task, move, task } from 'treadle'
import * as work from './work.ts'

type One = Task<[argument: unknown], unknown>

export const noop = task({ name: 'noop', runs: 'thread' }, work.noop) as One
export const echo = task({ name: 'echo', runs: 'thread' }, work.echo) as One
export const small = task({ name: 'small', runs: 'thread' }, work.small) as One
export const tiny = task({ name: 'tiny', runs: 'thread' }, work.tiny) as One
export const fixed = task({ name: 'fixed', runs: 'thread' }, work.fixed) as One
export const spin = task({ name: 'spin', runs: 'thread' }, work.spin) as One
export const invert = task({ name: 'invert', runs: 'thread' }, work.invert) as One

export const tinyAnywhere = task({ name: 'tinyAnywhere' }, work.tiny) as One

export const noopInProcess = task({ name: 'noopInProcess', runs: 'process' }, work.noop) as One
export const echoInProcess = task({ name: 'echoInProcess', runs: 'process' }, work.echo) as One

export const echoMoved = task({ name: 'echoMoved', runs: 'thread' }, (value: Uint8Array): Uint8Array => move(value))
