-- Makes the three roles where they are missing, lets the login become them, and makes the schema.
-- Run as the login that migrates, in a transaction that has set lockgate.* to the configured names.
DO $roles$
DECLARE
    owner CONSTANT text := current_setting('lockgate.owner_role');
    runtime CONSTANT text := current_setting('lockgate.runtime_role');
    house CONSTANT text := current_setting('lockgate.house_role');
    schema CONSTANT text := current_setting('lockgate.schema');
    -- From version 16 on a member of a role may only become it where that was granted as well.
    become CONSTANT text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
    wanted text;
    login text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[owner, runtime, house] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- A node that uses another database of this server made it at the same moment.
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname IN (runtime, house) AND (rolsuper OR rolbypassrls OR rolcreaterole)) THEN
        RAISE EXCEPTION 'the roles % and % must be neither superusers nor able to bypass row security or make roles', runtime, house;
    END IF;
    IF pg_has_role(runtime, house, 'MEMBER') OR pg_has_role(runtime, owner, 'MEMBER') OR pg_has_role(house, owner, 'MEMBER') THEN
        RAISE EXCEPTION 'no role of %, % and % may be a member of a mightier one', runtime, house, owner;
    END IF;
    IF NOT pg_has_role(session_user, owner, become) THEN
        EXECUTE format('GRANT %I TO %I', owner, session_user);
    END IF;
    FOREACH login IN ARRAY ARRAY[session_user::text, current_setting('lockgate.login')] LOOP
        FOREACH wanted IN ARRAY ARRAY[runtime, house] LOOP
            IF NOT pg_has_role(login, wanted, become) THEN
                EXECUTE format('GRANT %I TO %I', wanted, login);
            END IF;
        END LOOP;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = schema) THEN
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', schema, owner);
    END IF;
END
$roles$;
