/** What is asked of the tables of gates and turns; see `schema.ts`. */
export const gateCommands = {
  insertGated: 'INSERT OR IGNORE INTO treadle_gated (queue) VALUES (?)',
  writeReached: 'UPDATE treadle_gated SET reached = ? WHERE queue = ?',
  writeGate: 'INSERT OR REPLACE INTO treadle_gates (queue, inner, rule, paused, held_until, paid_at) VALUES (?, ?, ?, ?, ?, ?)',
  writeTurn: 'INSERT OR REPLACE INTO treadle_turns (queue, key, finish) VALUES (?, ?, ?)',
  trimTurns: `DELETE FROM treadle_turns AS t WHERE finish <= (SELECT reached FROM treadle_gated g WHERE g.queue = t.queue)
    OR NOT EXISTS (SELECT 1 FROM treadle_ready r WHERE r.queue = t.queue) AND NOT EXISTS (SELECT 1 FROM treadle_parked p WHERE p.queue = t.queue)`,
  addActive: 'INSERT INTO treadle_gate_active (queue, inner, active) VALUES (?1, ?2, ?3) ON CONFLICT (queue, inner) DO UPDATE SET active = active + ?3',
  trimGates: 'DELETE FROM treadle_gates WHERE rule IS NULL AND paused = 0 AND held_until <= ?1 AND paid_at <= ?1',
  trimActive: 'DELETE FROM treadle_gate_active WHERE active = 0',
  writeHolder: 'INSERT OR REPLACE INTO treadle_holders (queue, key, seq) VALUES (?, ?, ?)',
  dropHolder: 'DELETE FROM treadle_holders WHERE queue = ? AND key = ? AND seq = ?',
  insertOrdered: 'INSERT INTO treadle_ordered (queue, key, rank, seq) VALUES (?, ?, ?, ?)',
  dropOrdered: 'DELETE FROM treadle_ordered WHERE queue = ? AND key = ? AND rank = ? AND seq = ?',
  writeKeyed: 'INSERT OR REPLACE INTO treadle_keyed (seq, key, ordered, cost, turn) VALUES (?, ?, ?, ?, ?)',
  purgeKeyed: 'DELETE FROM treadle_keyed WHERE seq = ?',
  insertParked: 'INSERT INTO treadle_parked (seq, queue, gate, line, rank, attempt, token) VALUES (?, ?, ?, ?, ?, ?, ?)',
  dropParked: 'DELETE FROM treadle_parked WHERE seq = ?',
  mayOpen: 'INSERT OR REPLACE INTO treadle_opening (queue, gate, at) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM treadle_parked WHERE queue = ?1 AND gate = ?2)',
  mayAllOpen: 'INSERT OR REPLACE INTO treadle_opening (queue, gate, at) SELECT DISTINCT queue, gate, 0 FROM treadle_parked WHERE queue = ?',
  dropOpening: 'DELETE FROM treadle_opening WHERE queue = ? AND gate = ?',
  claimOne: 'INSERT INTO treadle_active (seq, worker, attempt, token, started_at) VALUES (?, ?, ?, ?, ?)'
} as const

export const gateQueries = {
  gatedQueues: 'SELECT queue, reached FROM treadle_gated',
  gateOf: 'SELECT rule, paused, held_until, paid_at FROM treadle_gates WHERE queue = ? AND inner = ?',
  allGates: 'SELECT queue, inner, rule, paused, held_until FROM treadle_gates WHERE rule IS NOT NULL OR paused = 1 OR held_until > ?',
  finishOf: 'SELECT finish FROM treadle_turns WHERE queue = ? AND key = ?',
  activeOf: 'SELECT active FROM treadle_gate_active WHERE queue = ? AND inner = ?',
  activeInQueue: 'SELECT active FROM treadle_queues WHERE name = ?',
  activeKinds: `SELECT j.task, k.key, count(*) FROM treadle_active a CROSS JOIN treadle_jobs j ON j.seq = a.seq LEFT JOIN treadle_keyed k ON k.seq = a.seq
    WHERE j.queue = ? GROUP BY j.task, k.key`,
  holderOf: 'SELECT seq FROM treadle_holders WHERE queue = ? AND key = ?',
  firstOrdered: 'SELECT seq FROM treadle_ordered WHERE queue = ? AND key = ? ORDER BY rank, seq LIMIT 1',
  opening: 'SELECT gate FROM treadle_opening WHERE queue = ? AND at <= ? ORDER BY at LIMIT ? + 0',
  nextOpening: 'SELECT min(at) FROM treadle_opening WHERE at > ?',
  parked: 'SELECT seq, rank, attempt, token FROM treadle_parked WHERE queue = ? AND gate = ? AND line = ? ORDER BY rank, seq LIMIT ? + 0',
  firstParked: `SELECT p.seq, coalesce(k.cost, 1) FROM treadle_parked p LEFT JOIN treadle_keyed k ON k.seq = p.seq WHERE p.queue = ? AND p.gate = ? AND p.line = ?
    ORDER BY p.rank, p.seq LIMIT 1`
} as const
