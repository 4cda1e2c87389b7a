const asked = process.env['HISTORIES']

/**
 * How many random histories each backend replays: 300, or as HISTORIES says, and with HISTORIES_SEED those of a failure again. Thousands need `--testTimeout` as well:
 *
 *     HISTORIES=10000 npx vitest run test/backends -t histories --testTimeout 3600000
 */
export const histories: { readonly runs: number, readonly seed: number | undefined } = {
  runs: Number(asked ?? 300),
  seed: process.env['HISTORIES_SEED'] === undefined ? undefined : Number(process.env['HISTORIES_SEED'])
}

/** Those in which calls are cut off, which take longer: 80, or as HISTORIES says. */
export const cutHistories: typeof histories = { ...histories, runs: Number(asked ?? 80) }
