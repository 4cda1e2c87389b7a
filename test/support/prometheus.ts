/** Metrics as a scraper understands them: by family, the value of each series, which is written as its labels in JSON. */
export type Families = ReadonlyMap<string, { readonly type: string, readonly help: string, readonly series: ReadonlyMap<string, number> }>

const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/**
 * Reads Prometheus' text format, version 0.0.4, as its specification has it.
 *
 * @throws where a scraper would refuse it: a family whose lines do not stand together, a series that is there twice, a label that is not escaped
 */
export function parseMetrics(text: string): Families {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, { type: string, help: string, series: Map<string, number> }>()
  let current: { family: string, type?: string, help: string, series: Map<string, number> } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, of, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      if (families.has(of!) || !name.test(of!)) throw new Error(`not a new family: ${line}`)
      current = { family: of!, help: rest!, series: new Map() }
    } else if (keyword === 'TYPE') {
      if (current?.family !== of || current!.type !== undefined || !/^(counter|gauge|histogram|summary|untyped)$/.test(rest!)) throw new Error(`a type out of place: ${line}`)
      families.set(of!, Object.assign(current!, { type: rest! }))
    } else {
      const { family, labels, value } = sampleOf(line)
      if (family !== current?.family || current.type === undefined) throw new Error(`a sample away from its family: ${line}`)
      if (current.series.has(labels)) throw new Error(`a series that is there twice: ${line}`)
      current.series.set(labels, value)
    }
  }
  return families
}

function sampleOf(line: string): { family: string, labels: string, value: number } {
  const [start, family, opens] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{?)/.exec(line) ?? []
  if (start === undefined) throw new Error(`no sample: ${line}`)
  const labels: Record<string, string> = {}
  let at = start.length
  if (opens) {
    const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(,|\})/y
    for (let ends = ''; ends !== '}';) {
      pair.lastIndex = at
      const [whole, label, written, end] = pair.exec(line) ?? []
      if (whole === undefined || Object.hasOwn(labels, label!)) throw new Error(`labels that cannot be read: ${line}`)
      labels[label!] = written!.replaceAll(/\\(.)/g, (_, escaped: string) => escaped === 'n' ? '\n' : escaped)
      at += whole.length
      ends = end!
    }
  }
  const [, value] = /^ (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/.exec(line.slice(at)) ?? []
  if (value === undefined) throw new Error(`no value: ${line}`)
  return { family: family!, labels: JSON.stringify(labels), value: Number(value.replace('Inf', 'Infinity')) }
}
