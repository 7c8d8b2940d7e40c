/* What SQLite commits on this machine: a script's statements, so many turns in one transaction, under the
 * pragmas of the store.
 *
 *   limit_sqlite DATABASE SCRIPT TURNS SECONDS
 */
#include "script.h"
#include <sqlite3.h>
#include <sys/resource.h>

static sqlite3 *database;

static void demand(int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(database));
        exit(1);
    }
}

static void run(const char *sql) {
    demand(sqlite3_exec(database, sql, NULL, NULL, NULL));
}

static void take(sqlite3_stmt *statement) {
    demand(sqlite3_step(statement));
    demand(sqlite3_reset(statement));
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    static struct script script;
    static char bytes[MOST_PARAMETERS][MOST_BYTES];
    struct turn turn = {.chance = micros() | 1};
    read_script(argv[2], &script);
    int turns = atoi(argv[3]);
    double seconds = atof(argv[4]);
    demand(sqlite3_open(argv[1], &database));
    run("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA journal_mode=WAL;"
        "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-8000;"
        "PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=1000;");
    sqlite3_stmt *statements[MOST_STEPS], *begin, *commit;
    demand(sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, NULL));
    demand(sqlite3_prepare_v2(database, "COMMIT", -1, &commit, NULL));
    for (int i = 0; i < script.count; i++) demand(sqlite3_prepare_v2(database, script.steps[i].sql, -1, &statements[i], NULL));
    size_t room = 1 << 16, commits = 0;
    double *taken = malloc(room * sizeof *taken), began = now();
    while (now() - began < seconds) {
        double before = now();
        take(begin);
        for (int each = 0; each < turns; each++) {
            turn.count = 0;
            for (int i = 0; i < script.count; i++) {
                struct step *step = &script.steps[i];
                for (int place = 0; place < step->count; place++) {
                    struct parameter *parameter = &step->parameters[place];
                    switch (parameter->kind) {
                    case 'I': demand(sqlite3_bind_int64(statements[i], place + 1, parameter->number)); break;
                    case 'M': demand(sqlite3_bind_int64(statements[i], place + 1, micros())); break;
                    case 'T': demand(sqlite3_bind_text(statements[i], place + 1, parameter->text, -1, SQLITE_STATIC)); break;
                    case 'U': demand(sqlite3_bind_text(statements[i], place + 1, identifier(&turn, parameter->text), -1, SQLITE_STATIC)); break;
                    case 'R': demand(sqlite3_bind_text(statements[i], place + 1, turn.identifiers[parameter->number], -1, SQLITE_STATIC)); break;
                    case 'B': noise(&turn, bytes[place], parameter->number);
                        demand(sqlite3_bind_blob(statements[i], place + 1, bytes[place], parameter->number, SQLITE_STATIC)); break;
                    default: demand(sqlite3_bind_null(statements[i], place + 1));
                    }
                }
                take(statements[i]);
            }
        }
        take(commit);
        if (commits == room) taken = realloc(taken, (room *= 2) * sizeof *taken);
        taken[commits++] = now() - before;
    }
    double took = now() - began;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(taken, commits, sizeof *taken, by_size);
    printf("{\"rate\": %.1f, \"p50\": %.0f, \"p99\": %.0f, \"cpu_each\": %.2f, \"version\": \"%s\"}\n", commits * turns / took,
        taken[(commits - 1) / 2] * 1e6, taken[(size_t)((commits - 1) * 0.99)] * 1e6, cpu / commits / turns * 1e6,
        sqlite3_libversion());
    return 0;
}
