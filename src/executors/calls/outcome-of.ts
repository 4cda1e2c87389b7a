import { decode } from '../../wire/codec.ts'
import type { Outcome } from '../executor.ts'
import { type SentOutcome, returned, returnedEncoded, returnedPacked, threw } from './messages.ts'

export function outcomeOf(sent: SentOutcome): Outcome {
  const spent = { wall: sent[3], cpu: sent[4] }
  switch (sent[0]) {
    case returned:
      return { kind: 'returned', value: sent[2][0], spent }
    case returnedPacked:
      return { kind: 'returned', value: decode(sent[2]), spent }
    case returnedEncoded:
      return { kind: 'returned', value: sent[2], spent }
    default:
      return { kind: 'threw', error: sent[2][0], mayRetry: sent[0] === threw, spent }
  }
}
