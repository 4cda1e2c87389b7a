/** A step into a structure, as JavaScript writes it. */
export function writtenStep(step: PropertyKey): string {
  if (typeof step !== 'string') return `[${String(step)}]`
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
}
