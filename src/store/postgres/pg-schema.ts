// The tables and functions of a PostgreSQL store, as migrations: each brings the schema from one
// version to the next, in one transaction. A write is one call of a function, so that it takes one
// round trip and is one transaction. Spec: protocol/store.md, T51 to T55.

import * as crypto from 'node:crypto'
import { toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import type { PgConnection } from './pg-driver.ts'
import { pgBool, pgBytes, pgText } from './pg-values.ts'

/** SQLSTATE of `check_locks`: another process took a lock of this one over. */
export const LOCK_LOST = 'RP001'

const TABLES = `
CREATE TABLE meta (key text PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE frontier (
  ordinal integer PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  nodes bigint NOT NULL DEFAULT 0,
  events bigint NOT NULL DEFAULT 0,
  commits bigint NOT NULL DEFAULT 0,
  link bytea NOT NULL,
  texts bigint[] NOT NULL DEFAULT '{0,0,0,0,0}',
  text_changes bigint NOT NULL DEFAULT 0,
  held_changes bigint NOT NULL DEFAULT 0
);
CREATE TABLE node (
  ordinal integer NOT NULL,
  seq bigint NOT NULL,
  height bigint NOT NULL,
  state smallint NOT NULL,
  digest bytea NOT NULL,
  label bytea NOT NULL,
  event bytea NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (ordinal, seq)
);
CREATE UNIQUE INDEX node_digest ON node (ordinal, digest) INCLUDE (seq, height);
CREATE INDEX node_label ON node (ordinal, label, seq);
CREATE INDEX node_absent ON node (ordinal, state, seq) WHERE state <> 15;
CREATE TABLE head (ordinal integer, seq bigint, digest bytea NOT NULL, PRIMARY KEY (ordinal, seq));
CREATE TABLE commit_record (
  ordinal integer, number bigint, first bigint NOT NULL, record bytea NOT NULL, PRIMARY KEY (ordinal, number)
);
CREATE SEQUENCE record_version;
CREATE TABLE record (key bytea PRIMARY KEY, value bytea, version bigint NOT NULL, writer bytea NOT NULL);
CREATE INDEX record_by_version ON record (version);
CREATE TABLE held (
  ordinal integer,
  digest bytea,
  bytes bytea NOT NULL,
  header_bytes integer NOT NULL,
  event bytea NOT NULL,
  key bytea NOT NULL,
  kind smallint NOT NULL,
  wait bytea NOT NULL,
  peer bytea NOT NULL,
  sum bytea NOT NULL,
  PRIMARY KEY (ordinal, digest)
);
CREATE INDEX held_by_wait ON held (ordinal, kind, wait, digest);
CREATE TABLE held_usage (
  ordinal integer, peer bytea, nodes bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (ordinal, peer)
);
CREATE TABLE document (ordinal integer, digest bytea, bytes bytea NOT NULL, PRIMARY KEY (ordinal, digest));
CREATE TABLE lock (name text PRIMARY KEY, token bytea NOT NULL);
`

const FUNCTIONS = `
CREATE FUNCTION told(p_what text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_notify('replica.' || current_schema(), p_what)
$$;

CREATE FUNCTION take_lock(p_name text, p_key bigint, p_token bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF NOT pg_try_advisory_lock(p_key) THEN
    RETURN false;
  END IF;
  INSERT INTO lock VALUES (p_name, p_token) ON CONFLICT (name) DO UPDATE SET token = p_token;
  RETURN true;
END $$;

CREATE FUNCTION check_locks(p_names text[], p_tokens bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM lock WHERE name = ANY(p_names) ORDER BY name FOR SHARE;
  IF EXISTS (
    SELECT 1 FROM unnest(p_names, p_tokens) AS mine(name, token)
    LEFT JOIN lock ON lock.name = mine.name AND lock.token = mine.token WHERE lock.name IS NULL
  ) THEN
    RAISE EXCEPTION 'another process took over a lock of this one' USING ERRCODE = '${LOCK_LOST}';
  END IF;
END $$;

CREATE FUNCTION put_records(p_writer bytea, p_keys bytea[], p_values bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(p_keys) = 0 THEN
    RETURN;
  END IF;
  -- Versions become visible in their order: one writer of records at a time.
  PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 1);
  INSERT INTO record SELECT key, value, nextval('record_version'), p_writer FROM unnest(p_keys, p_values) AS c(key, value)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, writer = excluded.writer;
  PERFORM told('records');
END $$;

CREATE FUNCTION write_records(
  p_locks text[], p_tokens bytea[], p_writer bytea, p_keys bytea[], p_values bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM check_locks(p_locks, p_tokens);
  PERFORM put_records(p_writer, p_keys, p_values);
END $$;

CREATE FUNCTION track(p_name text, p_ordinal integer, p_link bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 2);
  IF EXISTS (SELECT 1 FROM frontier WHERE name = p_name) THEN
    RETURN true;
  END IF;
  IF p_ordinal <> (SELECT coalesce(max(ordinal), 1) + 1 FROM frontier) THEN
    RETURN false;
  END IF;
  INSERT INTO frontier (ordinal, name, link) VALUES (p_ordinal, p_name, p_link);
  PERFORM told(p_ordinal::text);
  RETURN true;
END $$;

-- Appends nodes where the log has p_nodes nodes and ends with p_link. Returns the number of distinct
-- events, or -1 where the log is elsewhere.
CREATE FUNCTION append_nodes(
  p_ordinal integer, p_nodes bigint, p_link bytea, p_record bytea, p_next bytea,
  p_rows bytea, p_sizes integer[], p_names bytea, p_states smallint[], p_heights bigint[],
  p_removed bigint[], p_added bigint[], p_texts bigint[],
  p_locks text[], p_tokens bytea[], p_writer bytea, p_keys bytea[], p_values bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  f frontier%ROWTYPE;
  fresh bigint;
BEGIN
  SELECT * INTO f FROM frontier WHERE ordinal = p_ordinal FOR UPDATE;
  IF f.nodes <> p_nodes OR f.link <> p_link THEN
    RETURN -1;
  END IF;
  PERFORM check_locks(p_locks, p_tokens);
  SELECT count(*) INTO fresh FROM (
    SELECT DISTINCT substr(p_names, 72 * i - 39, 8) AS label, substr(p_names, 72 * i - 31, 32) AS event
    FROM generate_series(1, cardinality(p_sizes)) AS i
  ) AS events
  WHERE NOT EXISTS (
    SELECT 1 FROM node WHERE ordinal = p_ordinal AND node.label = events.label AND node.event = events.event
  );
  INSERT INTO node
  SELECT p_ordinal, p_nodes + i - 1, p_heights[i], p_states[i], substr(p_names, 72 * i - 71, 32),
    substr(p_names, 72 * i - 39, 8), substr(p_names, 72 * i - 31, 32), substr(p_rows, (ends - size)::integer + 1, size)
  FROM (SELECT i::integer, size, sum(size) OVER (ORDER BY i) AS ends FROM unnest(p_sizes) WITH ORDINALITY AS s(size, i)) AS n;
  DELETE FROM head WHERE ordinal = p_ordinal AND seq = ANY(p_removed);
  INSERT INTO head SELECT p_ordinal, seq, substr(p_names, (72 * (seq - p_nodes))::integer + 1, 32) FROM unnest(p_added) AS seq;
  INSERT INTO commit_record VALUES (p_ordinal, f.commits, p_nodes, p_record);
  UPDATE frontier SET nodes = p_nodes + cardinality(p_sizes), events = f.events + fresh, commits = f.commits + 1,
    link = p_next, texts = p_texts WHERE ordinal = p_ordinal;
  PERFORM put_records(p_writer, p_keys, p_values);
  PERFORM told(p_ordinal::text);
  RETURN f.events + fresh;
END $$;

-- Waits for a commit that is still under way. Returns the record of a commit, if it exists, and the number of events.
-- It writes, so that it returns only when everything before it is as durable as itself.
CREATE FUNCTION settle(p_ordinal integer, p_number bigint, OUT record bytea, OUT events bigint) LANGUAGE plpgsql AS $$
BEGIN
  SELECT f.events INTO events FROM frontier f WHERE f.ordinal = p_ordinal FOR UPDATE;
  SELECT c.record INTO record FROM commit_record c WHERE c.ordinal = p_ordinal AND c.number = p_number;
  UPDATE frontier SET held_changes = held_changes WHERE ordinal = p_ordinal;
END $$;

-- Replaces rows whose text changed. Returns the number of changes so far, or -1 where another process changed texts.
CREATE FUNCTION set_texts(
  p_ordinal integer, p_changes bigint, p_seqs bigint[], p_rows bytea[], p_states smallint[], p_texts bigint[],
  p_locks text[], p_tokens bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  f frontier%ROWTYPE;
BEGIN
  SELECT * INTO f FROM frontier WHERE ordinal = p_ordinal FOR UPDATE;
  IF f.text_changes <> p_changes THEN
    RETURN -1;
  END IF;
  PERFORM check_locks(p_locks, p_tokens);
  UPDATE node SET body = c.body, state = c.state
  FROM unnest(p_seqs, p_rows, p_states) AS c(seq, body, state) WHERE node.ordinal = p_ordinal AND node.seq = c.seq;
  UPDATE frontier SET texts = p_texts, text_changes = f.text_changes + 1 WHERE ordinal = p_ordinal;
  PERFORM told(p_ordinal::text);
  RETURN f.text_changes + 1;
END $$;

CREATE FUNCTION held_changed(p_ordinal integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE frontier SET held_changes = held_changes + 1 WHERE ordinal = p_ordinal;
  PERFORM told(p_ordinal::text);
END $$;

-- Counts nodes and bytes of one peer. Returns whether the quotas allow them.
CREATE FUNCTION count_held(
  p_ordinal integer, p_peer bytea, p_nodes bigint, p_bytes bigint, p_peer_max bigint, p_all_max bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF p_bytes > 0 AND (
    (SELECT coalesce(sum(bytes), 0) FROM held_usage WHERE peer = p_peer) + p_bytes > p_peer_max
    OR (SELECT coalesce(sum(bytes), 0) FROM held_usage) + p_bytes > p_all_max
  ) THEN
    RETURN false;
  END IF;
  INSERT INTO held_usage VALUES (p_ordinal, p_peer, p_nodes, p_bytes)
  ON CONFLICT (ordinal, peer) DO UPDATE
  SET nodes = held_usage.nodes + excluded.nodes, bytes = held_usage.bytes + excluded.bytes;
  DELETE FROM held_usage WHERE ordinal = p_ordinal AND peer = p_peer AND nodes = 0 AND bytes = 0;
  RETURN true;
END $$;

CREATE FUNCTION put_held(
  p_ordinal integer, p_digests bytea[], p_bytes bytea[], p_headers integer[], p_events bytea[], p_keys bytea[],
  p_kinds smallint[], p_waits bytea[], p_peers bytea[], p_sums bytea[], p_peer_max bigint, p_all_max bigint
) RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
  kept boolean[] := '{}';
  fits boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 3);
  FOR i IN 1 .. cardinality(p_digests) LOOP
    UPDATE held SET kind = p_kinds[i], wait = p_waits[i] WHERE ordinal = p_ordinal AND digest = p_digests[i];
    fits := FOUND;
    IF NOT fits THEN
      fits := count_held(p_ordinal, p_peers[i], 1, length(p_bytes[i]), p_peer_max, p_all_max);
      IF fits THEN
        INSERT INTO held VALUES (p_ordinal, p_digests[i], p_bytes[i], p_headers[i], p_events[i], p_keys[i], p_kinds[i],
          p_waits[i], p_peers[i], p_sums[i]);
      END IF;
    END IF;
    kept := kept || fits;
  END LOOP;
  PERFORM held_changed(p_ordinal);
  RETURN kept;
END $$;

CREATE FUNCTION delete_held(p_ordinal integer, p_digests bytea[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 3);
  FOR gone IN
    WITH deleted AS (DELETE FROM held WHERE ordinal = p_ordinal AND digest = ANY(p_digests) RETURNING peer, bytes)
    SELECT peer, count(*) AS nodes, sum(length(bytes)) AS bytes FROM deleted GROUP BY peer
  LOOP
    PERFORM count_held(p_ordinal, gone.peer, -gone.nodes, -gone.bytes::bigint, 0, 0);
  END LOOP;
  PERFORM held_changed(p_ordinal);
END $$;

CREATE FUNCTION purge_held(p_ordinal integer, p_digests bytea[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  cut record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(current_schema()), 3);
  FOR cut IN
    SELECT peer, sum(length(bytes) - header_bytes) AS bytes FROM held
    WHERE ordinal = p_ordinal AND digest = ANY(p_digests) GROUP BY peer
  LOOP
    PERFORM count_held(p_ordinal, cut.peer, 0, -cut.bytes::bigint, 0, 0);
  END LOOP;
  UPDATE held SET bytes = substr(bytes, 1, header_bytes) WHERE ordinal = p_ordinal AND digest = ANY(p_digests);
  PERFORM held_changed(p_ordinal);
END $$;
`

/** Each migration leads from the version of its index to the next one. */
const MIGRATIONS = [TABLES + FUNCTIONS]

/** The version that this program writes. */
export const PG_SCHEMA_VERSION = MIGRATIONS.length

/**
 * Returns the version of the tables and the id of the store; undefined if there are none.
 * @throws ReplicaError ERR_STORE_VERSION for a newer version
 */
export async function readPgSchema(
  connection: PgConnection,
  schema: string,
): Promise<{ version: number; id: Buffer } | undefined> {
  const [found] = await connection.query('SELECT to_regclass($1) IS NOT NULL', [`${schema}.meta`])
  if (!pgBool(found?.[0])) return undefined
  const rows = await connection.query(`SELECT key, value FROM ${schema}.meta WHERE key IN ('id', 'version')`)
  const meta = new Map(rows.map(([key, value]) => [pgText(key), pgBytes(value)]))
  const version = Number(meta.get('version')?.toString('latin1'))
  const id = meta.get('id')
  if (id?.length !== 16 || !Number.isSafeInteger(version)) {
    throw new ReplicaError('ERR_STORE_CORRUPT', 'the table meta of the store is damaged')
  }
  if (version > PG_SCHEMA_VERSION) {
    throw new ReplicaError(
      'ERR_STORE_VERSION',
      `the store has version ${version}; this program knows ${PG_SCHEMA_VERSION}`,
    )
  }
  return { version, id }
}

/** Creates the tables of a new store, or those that a later version added, in one transaction. */
export async function migratePgSchema(
  connection: PgConnection,
  schema: string,
  { version: present, id }: { readonly version?: number; readonly id?: Uint8Array },
): Promise<void> {
  const from = present ?? 0
  if (from === PG_SCHEMA_VERSION) return
  const version = `'${PG_SCHEMA_VERSION}'::bytea`
  const meta =
    present === undefined
      ? `INSERT INTO meta VALUES ('version', ${version}), ('id', '\\x${toHex(id ?? crypto.randomBytes(16))}')`
      : `UPDATE meta SET value = ${version} WHERE key = 'version'`
  const create = present === undefined ? [`CREATE SCHEMA IF NOT EXISTS ${schema}`] : []
  const steps = [...create, `SET LOCAL search_path = ${schema}`, ...MIGRATIONS.slice(from), meta]
  await connection.query('BEGIN')
  try {
    for (const step of steps) await connection.script(step)
    await connection.query('COMMIT')
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => {})
    throw error
  }
}
