import { Piscina } from 'piscina'

/** Gives back what it was given, moved. */
export function echoMoved(value: Uint8Array): unknown {
  return Piscina.move(value)
}
