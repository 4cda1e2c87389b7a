import { decode } from '../../wire/codec.ts'
import type { Outcome } from '../executor.ts'
import type { SentOutcome } from './messages.ts'
import type { Unpacker } from './packed-bytes.ts'

/** @param unpacker of the message that brought it, which gives encoded results in their order */
export function outcomeOf(sent: SentOutcome, unpacker: Unpacker): Outcome {
  const [, kind, what, wall, cpu] = sent
  const spent = { wall, cpu }
  switch (kind) {
    case 'value':
      return { kind: 'returned', value: what, spent }
    case 'packed':
      return { kind: 'returned', value: decode(what), spent }
    case 'bytes':
      return { kind: 'returned', value: unpacker.take(what), spent }
    case 'error':
    case 'finalError':
      return { kind: 'threw', error: what, mayRetry: kind === 'error', spent }
  }
}
