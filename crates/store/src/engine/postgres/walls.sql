-- The second wall: grants and row security for every table of the schema, found in the catalogue, so
-- that no migration can forget one. Run as the owner role; changes only what is not as it should be.
DO $walls$
DECLARE
    runtime CONSTANT text := current_setting('lockgate.runtime_role');
    house CONSTANT text := current_setting('lockgate.house_role');
    here CONSTANT regnamespace := quote_ident(current_setting('lockgate.schema'))::regnamespace;
    rows CONSTANT text[] := ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
    mine CONSTANT text := 'tenant = NULLIF(current_setting(''lockgate.tenant'', true), '''')';
    t record;
    wanted text;
    collations text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[runtime, house] LOOP
        IF NOT has_schema_privilege(wanted, here::oid, 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', here, wanted);
        END IF;
    END LOOP;
    FOR t IN
        SELECT c.oid, c.oid::regclass AS name, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled,
            EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped) AS of_tenants
        FROM pg_class c WHERE c.relnamespace = here AND c.relkind IN ('r', 'p') ORDER BY c.relname
    LOOP
        -- Texts sort by their bytes, as on the embedded engine, whatever the database's language is.
        SELECT string_agg(format('ALTER COLUMN %I TYPE text COLLATE "C"', a.attname), ', ') INTO collations
        FROM pg_attribute a JOIN pg_collation k ON k.oid = a.attcollation
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND k.collname <> 'C';
        IF collations IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s %s', t.name, collations);
        END IF;
        IF t.of_tenants AND NOT t.walled THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name);
            EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.name);
        END IF;
        IF t.of_tenants AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = t.oid AND polname = runtime) THEN
            EXECUTE format('CREATE POLICY %I ON %s TO %I USING (%s) WITH CHECK (%s)', runtime, t.name, runtime, mine, mine);
        END IF;
        IF t.of_tenants AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = t.oid AND polname = house) THEN
            EXECUTE format('CREATE POLICY %I ON %s TO %I USING (true) WITH CHECK (true)', house, t.name, house);
        END IF;
        -- What the runtime role may do with a table depends on whose it is. The history is only read.
        IF t.of_tenants AND EXISTS (SELECT FROM unnest(rows) may WHERE NOT has_table_privilege(runtime, t.oid, may)) THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', t.name, runtime);
        ELSIF t.relname IN ('house', 'migrations') AND NOT has_table_privilege(runtime, t.oid, 'SELECT') THEN
            EXECUTE format('GRANT SELECT ON %s TO %I', t.name, runtime);
        END IF;
        IF t.relname <> 'migrations' AND EXISTS (SELECT FROM unnest(rows) may WHERE NOT has_table_privilege(house, t.oid, may)) THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', t.name, house);
        END IF;
    END LOOP;
END
$walls$;
